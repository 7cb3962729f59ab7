"""Image embeddings from a backbone and its own transform."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nie.data.channel import Channel
from nie.data.raw import open_text
from nie.data.torch_file import load_torch
from nie.errors import NieError
from nie.extras import require
from nie.progress import log, track

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
SHOWN = 5


class ImageFeatureExtractor:
    """Embeds the images of entities; several images of one entity are averaged after L2 normalisation.

    Args:
        backbone: images (B, 3, h, w) -> (B, d); put into eval mode.
        transform: a PIL image -> (3, h, w), as the backbone was trained with.
        batch_size: images at a time.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> folder = Path(tempfile.mkdtemp())
        >>> Image.new("RGB", (4, 4), "red").save(folder / "red.png")
        >>> mean = lambda image: torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255
        >>> extract = ImageFeatureExtractor(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), mean)
        >>> channel = extract({"a": [folder / "red.png"]}, ["a", "b"])
        >>> channel.features.tolist(), channel.mask.tolist()
        ([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], [True, False])
    """

    def __init__(self, backbone: nn.Module, transform: Callable[[Any], Tensor], *, batch_size: int = 32) -> None:
        self.backbone, self.transform, self.batch_size = backbone.eval(), transform, batch_size
        self.unreadable: list[Path] = []

    @classmethod
    def timm(
        cls, name: str, weights: str | os.PathLike[str] | None = None, *, random: bool = False, batch_size: int = 32
    ) -> ImageFeatureExtractor:
        """A model of timm without its classifier, and timm's own transform for it.

        Args:
            name: name of the model, such as ``resnet50``.
            weights: its file (``.safetensors``, or ``.pth`` of weights alone); nothing is downloaded.
            random: True for random weights, which must be asked for.
            batch_size: images at a time.

        Raises:
            NieError: neither weights nor ``random``, an unknown model, weights that do not fit, or no extra ``image``.
        """
        if (weights is None) == (not random):
            raise NieError("Give the file of the weights, or random=True for a backbone that has learned nothing.")
        timm = _timm()
        try:
            model = timm.create_model(name, pretrained=False, num_classes=0)
        except RuntimeError as error:
            raise NieError(f"timm has no model {name!r}; timm.list_models() names them.") from error
        if weights is not None:
            _load(model, Path(weights), name)
        transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
        return cls(model, transform, batch_size=batch_size)

    def __call__(self, images: Mapping[str, Sequence[str | os.PathLike[str]]], names: Sequence[str]) -> Channel:
        """The channel of the entities ``names``.

        An entity none of whose images can be read has a zero row and mask False. The files that cannot be read are
        counted and named in a warning and listed in ``unreadable``.

        Args:
            images: files by entity.
            names: entities in the order of the rows, as in ``KnowledgeGraph.node_names``.

        Raises:
            NieError: images of an entity that is not among ``names``, or not one readable image.
        """
        rows = {name: row for row, name in enumerate(names)}
        unknown = [name for name in images if name not in rows]
        if unknown:
            raise NieError(
                f"There are images of {len(unknown)} entities that are not in the graph, such as {unknown[0]!r}."
            )
        self.unreadable = []
        files = [(rows[name], Path(file)) for name, own in images.items() for file in own]
        starts = range(0, len(files), self.batch_size)
        parts = [self._embed(files[start : start + self.batch_size]) for start in track(starts, "image embeddings")]
        owners = np.array([row for found, _ in parts for row in found], dtype=np.int64)
        if self.unreadable:
            some = ", ".join(map(str, self.unreadable[:SHOWN]))
            log.warning("%d of %d images cannot be read: %s", len(self.unreadable), len(files), some)
        if not len(owners):
            raise NieError(f"None of {len(files)} images can be read, so there is no image channel.")
        vectors = torch.cat([part for found, part in parts if found]).numpy()
        features = np.zeros((len(names), vectors.shape[1]), dtype=np.float32)
        np.add.at(features, owners, vectors)
        counts = np.bincount(owners, minlength=len(names))
        features /= np.maximum(counts, 1)[:, None]
        return Channel(features, counts > 0)

    @torch.no_grad()
    def _embed(self, files: Sequence[tuple[int, Path]]) -> tuple[list[int], Tensor]:
        """Rows and normalised embeddings (n, d) of the files that can be read."""
        read = [(row, image) for row, file in files if (image := self._read(file)) is not None]
        if not read:
            return [], torch.empty(0, 0)
        return [row for row, _ in read], F.normalize(self.backbone(torch.stack([image for _, image in read])), dim=1)

    def _read(self, file: Path) -> Tensor | None:
        pillow, operations = require("PIL.Image", "image"), require("PIL.ImageOps", "image")
        try:
            with warnings.catch_warnings(), pillow.open(file) as image:
                warnings.simplefilter("error", pillow.DecompressionBombWarning)
                warnings.filterwarnings("ignore", "Palette images with Transparency")
                picture = operations.exif_transpose(image).convert("RGB")
        except (OSError, ValueError, SyntaxError, pillow.DecompressionBombWarning, pillow.DecompressionBombError):
            self.unreadable.append(file)
            return None
        return self.transform(picture)


def images_by_folder(folder: str | os.PathLike[str]) -> dict[str, list[Path]]:
    """The images in a folder with a folder for each entity, by the entity's name.

    Raises:
        NieError: there is no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise NieError(f"There is no folder {root}; give one that holds a folder of images for each entity.")
    return {
        entity.name: files
        for entity in sorted(root.iterdir())
        if entity.is_dir() and (files := sorted(file for file in entity.iterdir() if file.suffix.lower() in SUFFIXES))
    }


def images_by_list(path: str | os.PathLike[str]) -> dict[str, list[Path]]:
    """The images that a CSV file lists in lines ``entity,file``; paths are relative to its folder.

    Raises:
        NieError: there is no such file, or a line has not two fields.
    """
    source, images = Path(path), {}  # type: tuple[Path, dict[str, list[Path]]]
    if not source.is_file():
        raise NieError(f"There is no file {source}; give a CSV file with lines 'entity,file'.")
    try:
        with open_text(source) as file:
            for line, row in enumerate(csv.reader(file), start=1):
                if len(row) != 2:
                    raise NieError(f"{source}, line {line} must be 'entity,file'; got {len(row)} fields.")
                if line > 1 or row != ["entity", "file"]:
                    images.setdefault(row[0], []).append(source.parent / row[1])
    except csv.Error as error:
        raise NieError(f"{source} is not CSV with lines 'entity,file' ({error}).") from error
    return images


def _timm() -> Any:
    """timm, which brings torchvision; a torchvision that was built for another torch fails when it is imported."""
    try:
        require("timm.data", "image")
        return require("timm", "image")
    except RuntimeError as error:
        raise NieError(
            "torchvision does not fit the installed torch; install that of the same release and kind (CPU or CUDA)."
        ) from error


def _load(model: nn.Module, weights: Path, name: str) -> None:
    """Load all weights but those of the classifier."""
    if not weights.is_file():
        raise NieError(f"There is no file {weights}; give the weights of {name}.")
    try:
        if weights.suffix == ".safetensors":
            state = require("safetensors.torch", "image").load_file(weights)
        else:
            state = load_torch(weights)
        missing = set(model.state_dict()) - set(state)
        if missing:
            raise NieError(f"{weights} lacks {len(missing)} weights of {name}, such as {min(missing)}.")
        model.load_state_dict({key: value for key, value in state.items() if key in model.state_dict()})
    except NieError:
        raise
    except Exception as error:  # torch and safetensors raise many kinds for a damaged file
        raise NieError(f"{weights} cannot be read as weights of {name}: {error}.") from error
