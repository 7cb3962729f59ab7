"""Features from raw media: sentences, images and numbers. Nothing here reaches for a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nie.later import names_later

if TYPE_CHECKING:
    from nie.data.extract.image import ImageFeatureExtractor, images_by_folder, images_by_list
    from nie.data.extract.numeric import NumericFeatureExtractor
    from nie.data.extract.text import TextFeatureExtractor

__all__ = [
    "ImageFeatureExtractor",
    "NumericFeatureExtractor",
    "TextFeatureExtractor",
    "images_by_folder",
    "images_by_list",
]

__getattr__, __dir__ = names_later(__name__, {
    "nie.data.extract.image": ("ImageFeatureExtractor", "images_by_folder", "images_by_list"),
    "nie.data.extract.numeric": ("NumericFeatureExtractor",),
    "nie.data.extract.text": ("TextFeatureExtractor",),
})  # fmt: skip
