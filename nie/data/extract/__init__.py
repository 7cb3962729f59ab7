"""Features from raw media: sentences, images and numbers. Nothing here reaches for a network."""

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
