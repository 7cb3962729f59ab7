"""The buttons of matplotlib's window as captioned images: a second small set for ``nie vlm``, beside the digits.

    .venv/bin/python benchmarks/icons.py icons
    nie vlm train model icons --captions icons/train.csv --weights 1,1,1 --epochs 300 --side 24
    nie vlm retrieve model icons --captions icons/test.csv --side 24 --describe

matplotlib ships each of ten icons in 48 and in 24 pixels. Those of 48 pixels, each also moved by a pixel or two, are
for training, and those of 24, which another hand scaled, for testing; so the figures say that an icon is known again.
All 90 images are one batch, so that an epoch is one step: the decoder needs about a hundred. With ``--shuffled`` the
captions of the training images are exchanged at random: the control of the decoder.
"""

from __future__ import annotations

import argparse
import csv
import random
from pathlib import Path

import matplotlib as mpl
from PIL import Image, ImageChops

CAPTIONS = {
    "back": "arrow to the left", "forward": "arrow to the right", "home": "house", "filesave": "disk to save",
    "help": "question mark", "matplotlib": "round logo", "move": "arrows in four directions",
    "qt4_editor_options": "curve to edit", "subplots": "sliders", "zoom_to_rect": "magnifying glass",
}  # fmt: skip
MOVES = [(across, down) for across in (-2, 0, 2) for down in (-2, 0, 2)]


def on_white(path: Path) -> Image.Image:
    """The icon where it is drawn, and white where it is transparent."""
    icon = Image.open(path).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", icon.size, "white"), icon).convert("RGB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shuffled", action="store_true", help="exchange the captions of the training images")
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    shipped = Path(mpl.get_data_path()) / "images"
    lines: dict[str, list[list[str]]] = {"train": [], "test": []}
    for name, caption in CAPTIONS.items():
        large = on_white(shipped / f"{name}_large.png")
        images = {f"{name}{place}.png": ImageChops.offset(large, *move) for place, move in enumerate(MOVES)}
        small = {f"{name}.png": on_white(shipped / f"{name}.png")}
        for part, made in (("train", images), ("test", small)):
            for file, image in made.items():
                image.save(out / file)
                lines[part].append([file, caption, name])
    if arguments.shuffled:
        said = [caption for _, caption, _ in lines["train"]]
        random.Random(0).shuffle(said)
        for row, caption in zip(lines["train"], said, strict=True):
            row[1] = caption
    for part, rows in lines.items():
        with (out / f"{part}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["image", "caption", "label"], *rows])
    print(f"{len(lines['train'])} images to train on, {len(lines['test'])} to test")
