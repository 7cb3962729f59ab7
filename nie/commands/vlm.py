"""``nie vlm``: train a model of images and captions, embed with it, and retrieve by it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nie.commands.output import say
from nie.commands.parser import Commands, a_path, whole_number

if TYPE_CHECKING:
    from downstream.stages.vision.captioned_images import CaptionedImages
    from downstream.stages.vision.vision_text import VisionText

SIDE = 32
"""Of a training without ``--side``, and of a model of an older version, which does not say."""
DEFAULT_SIDE = f"by default {SIDE} in training, and then the model's own"


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    vlm = commands.group("vlm", "vision and language: a dual encoder on a folder of images with captions")
    training = vlm.add("train", "train a dual encoder of images and captions", _train)
    embedding = vlm.add("embed", "vectors of images and captions as a file for --features", _embed)
    retrieving = vlm.add("retrieve", "how well images find their captions", _retrieve)
    for command in (training, embedding, retrieving):
        command.add_argument("model", type=a_path, help="folder of the model")
        command.add_argument("images", type=a_path, help="folder of the images")
        command.add_argument(
            "--captions", type=a_path, required=True, help="CSV with the columns image, caption and perhaps label"
        )
        command.add_argument(
            "--side", type=whole_number(8, 1024), help=f"pixels of a side that is read; {DEFAULT_SIDE}"
        )
    training.add_argument("--weights", default="1,1,0", help="of the losses: classes, retrieval, captions")
    training.add_argument("--epochs", type=whole_number(1, 100_000), default=100, help="passes over the images")
    training.add_argument("--seed", type=whole_number(0, 2**31 - 1), default=0, help="of weights and batches")
    embedding.add_argument("--out", type=a_path, required=True, help="emb.npz: names, features, image and text")
    retrieving.add_argument("--describe", action="store_true", help="print, too, a caption for each of ten images")


def _train(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.stages.vision.captioned_images import CaptionedImages
    from downstream.stages.vision.vision_text import LossWeights, VisionText
    from nie.errors import NieError, shown

    try:
        classes, retrieval, captions = (float(part) for part in arguments.weights.split(","))
    except ValueError as error:
        raise NieError(f"--weights takes three numbers, such as 1,1,0; got {shown(arguments.weights)}.") from error
    weights = LossWeights(classes, retrieval, captions)
    given = CaptionedImages.read(arguments.images, arguments.captions, arguments.side or SIDE)
    VisionText.train(given, weights, epochs=arguments.epochs, seed=arguments.seed).write(arguments.model)
    say(f"{len(given.names):,} images with captions: {arguments.model}")


def _embed(arguments: argparse.Namespace, _flags: list[str]) -> None:
    import numpy as np

    from nie.disk.atomic import atomic_file
    from nie.errors import NieError

    if arguments.out.suffix != ".npz":
        raise NieError(f"{arguments.out} must end in .npz.")
    model, given = _opened(arguments)
    names, both = given.entities(), model.projected(given).numpy()
    with atomic_file(arguments.out) as temporary, temporary.open("wb") as file:
        np.savez(file, names=np.array(names),
                 features=both.reshape(len(both), -1), image=both[:, 0], text=both[:, 1])  # fmt: skip
    say(f"Vectors of {len(both):,} images with captions: {arguments.out}")


def _retrieve(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.reports.tables import markdown_grid

    model, given = _opened(arguments)
    described = model.described(given.first(10)) if arguments.describe else []
    figures, control = model.figures(given), model.figures(given, shuffled=True)
    rows = [[name, *(f"{table[name]:.4f}" for table in (figures, control))] for name in figures]
    say(markdown_grid(["figure", "images and their captions", "shuffled captions (control)"], rows))
    for name, caption, said in zip(given.names, given.captions, described, strict=False):
        say(f"{name}: {caption!r}, described as {said!r}")


def _opened(arguments: argparse.Namespace) -> tuple[VisionText, CaptionedImages]:
    """The model, and the images as large as it was trained on them."""
    from downstream.stages.vision.captioned_images import CaptionedImages
    from downstream.stages.vision.vision_text import VisionText

    model = VisionText.open(arguments.model)
    side = arguments.side or model.side or SIDE
    model.check_side(side)
    return model, CaptionedImages.read(arguments.images, arguments.captions, side)
