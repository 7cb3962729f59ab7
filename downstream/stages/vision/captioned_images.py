"""Images with captions: a folder, and a CSV file with the columns ``image`` and ``caption``, and perhaps ``label``."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from nie.errors import NieError, shown
from nie.extras import require
from nie.models.caption_decoder import END

WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class CaptionedImages:
    """Images of one size and their captions, row by row.

    Attributes:
        names: the files, as the CSV names them.
        images: (N, 3, side, side), between 0 and 1.
        captions: as they are written.
        labels: of the images; None where the CSV has no such column.
    """

    names: list[str]
    images: Tensor
    captions: list[str]
    labels: list[str] | None

    @classmethod
    def read(cls, folder: Path, captions: Path, side: int) -> CaptionedImages:
        """Read the images that the CSV names.

        Raises:
            NieError: a column or a field is missing, or the CSV names no image, or one that cannot be read.
        """
        try:
            with captions.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file, strict=True))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise NieError(f"{captions} cannot be read as CSV ({type(error).__name__}).") from error
        columns = list(rows[0]) if rows else []
        if not {"image", "caption"} <= set(columns):
            there = ", ".join(map(str, columns)) or "no line"
            raise NieError(f"{captions} must have the columns image and caption, and an image a line; it has {there}.")
        for number, row in enumerate(rows, 1):
            if None in row or None in row.values():  # so the csv module says that fields are left over or missing
                raise NieError(
                    f"{captions}: row {number} below the columns has more or fewer fields than these; put a caption "
                    "with a comma in double quotes."
                )
            if not row["caption"].strip():
                raise NieError(f"{captions}: the image {shown(row['image'])} has no caption.")
        pixels = [_pixels(folder / row["image"], side) for row in rows]
        return cls(
            [row["image"] for row in rows], torch.from_numpy(np.stack(pixels)), [row["caption"] for row in rows],
            [row["label"] for row in rows] if "label" in columns else None,
        )  # fmt: skip

    def first(self, count: int) -> CaptionedImages:
        """The first images alone."""
        labels = None if self.labels is None else self.labels[:count]
        return replace(
            self, names=self.names[:count], images=self.images[:count], captions=self.captions[:count], labels=labels
        )

    def entities(self) -> list[str]:
        """What the images are of: the files' names without their suffixes.

        Raises:
            NieError: two images are of the same entity.
        """
        names = [name.removesuffix(PurePosixPath(name).suffix) for name in self.names]
        often, count = Counter(names).most_common(1)[0]
        if count > 1:
            raise NieError(f"{count} rows are of {shown(often)}, and an entity has one vector; leave one of them.")
        return names


def _pixels(path: Path, side: int) -> np.ndarray:
    image = require("PIL.Image", "image")
    try:
        with image.open(path) as opened:
            scaled = opened.convert("RGB").resize((side, side))
    except FileNotFoundError as error:
        raise NieError(f"{path} is missing, although the captions name it.") from error
    except (OSError, ValueError, SyntaxError, image.DecompressionBombError) as error:  # of PIL, for what is no image
        raise NieError(f"{path} cannot be read as an image.") from error
    return np.asarray(scaled, dtype=np.float32).transpose(2, 0, 1) / 255


def words_of(caption: str) -> list[str]:
    """The words of a caption.

    >>> words_of("A bold, thin 7")
    ['a', 'bold', 'thin', '7']
    """
    return WORD.findall(caption.lower())


def numbers_of(captions: list[str], words: Mapping[str, int]) -> Tensor:
    """(N, T) numbers of the known words of captions, `END` behind them.

    >>> numbers_of(["a cat", "cat"], {"a": 1, "cat": 2}).tolist()
    [[1, 2], [2, 0]]
    """
    known = [[words[word] for word in words_of(caption) if word in words] for caption in captions]
    longest = max([1, *map(len, known)])
    return torch.tensor([row + [END] * (longest - len(row)) for row in known])
