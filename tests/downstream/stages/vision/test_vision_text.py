"""downstream.stages.vision, nie.models.caption_decoder and nie vlm, on images of one colour whose captions name it."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from downstream.stages.vision.captioned_images import CaptionedImages
from downstream.stages.vision.vision_text import LossWeights, VisionText
from nie.__main__ import main
from nie.data.channel_file import read_channel_file
from nie.errors import NieError
from nie.runs.files import read_json, write_json

Image = pytest.importorskip("PIL.Image", reason="pillow is not installed: pip install 'nie[image]'")
COLOURS = {"red": (250, 20, 20), "green": (20, 250, 20), "blue": (20, 20, 250)}


def paint(folder: Path, count: int = 30) -> tuple[str, str]:
    rng, lines = np.random.default_rng(0), ["image,caption,label"]
    for number in range(count):
        name = list(COLOURS)[number % 3]
        pixels = np.clip(np.array(COLOURS[name]) + rng.integers(-20, 20, (8, 8, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"e{number}.png")
        lines.append(f"e{number}.png,a {name} square,{name}")
    (folder / "captions.csv").write_text("\n".join(lines))
    return str(folder), str(folder / "captions.csv")


def png(side: int, rest: bytes = b"") -> bytes:
    """A PNG file that says how large it is, and has no pixels."""

    def chunk(kind: bytes, data: bytes = b"") -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT") + rest


def test_it_learns_to_tell_find_and_describe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, captions = paint(tmp_path)
    common = [str(tmp_path / "model"), images, "--captions", captions]
    assert main(["vlm", "train", *common, "--side", "8", "--weights", "1,1,1", "--epochs", "40", "--quiet"]) == 0
    assert main(["vlm", "retrieve", *common, "--describe"]) == 0
    said = capsys.readouterr().out
    assert "e1.png: 'a green square', described as 'a green square'" in said
    model, given = VisionText.open(tmp_path / "model"), CaptionedImages.read(Path(images), Path(captions), 8)
    own, control = model.figures(given), model.figures(given, shuffled=True)
    assert own["accuracy of image"] == 1.0
    assert own["mean cosine"] > control["mean cosine"] + 0.2
    assert own["mrr"] > 2 * own["chance mrr"] > control["mrr"]
    assert main(["vlm", "embed", *common, "--out", str(tmp_path / "emb.npz")]) == 0
    assert read_channel_file(tmp_path / "emb.npz", "image", [f"e{i}" for i in range(40)]).mask.sum() == 30


def test_a_model_reads_images_of_the_side_that_it_was_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, captions = (Path(path) for path in paint(tmp_path, 4))
    model, out = tmp_path / "model", ["--out", str(tmp_path / "emb.npz")]
    VisionText.train(CaptionedImages.read(images, captions, 8), LossWeights(), epochs=1).write(model)
    embed = ["vlm", "embed", str(model), str(images), "--captions", str(captions), *out]
    assert main([*embed, "--side", "16"]) == 2
    assert "trained on images of side 8; read them so, not with side 16" in capsys.readouterr().err
    with pytest.raises(NieError, match="side 8"):
        VisionText.open(model).projected(CaptionedImages.read(images, captions, 32))
    known = read_json(model / "vision_text.json")
    write_json(model / "vision_text.json", {name: known[name] for name in known if name != "side"})
    assert main([*embed, "--side", "16"]) == 0  # a file of an older version does not say


def test_what_cannot_be_read_or_trained_is_told(tmp_path: Path) -> None:
    images, captions = (Path(path) for path in paint(tmp_path, 4))
    given = CaptionedImages.read(images, captions, 8)
    with pytest.raises(NieError, match="no decoder of captions"):
        VisionText.train(given, LossWeights(1, 1, 0), epochs=1).described(given)
    with pytest.raises(NieError, match="nor all 0"):
        LossWeights(0, 0, 0)
    broken = tmp_path / "broken.csv"
    (tmp_path / "huge.png").write_bytes(png(60_000))  # PIL takes it for a bomb
    (tmp_path / "torn.png").write_bytes(png(8, b"\xff" * 12))  # a SyntaxError of PIL
    for line, words in (
        ("image,text\ne0.png,x", "must have the columns image and caption"),
        ("image,caption", "it has no line"),
        ("image,caption\ne9.png,x", "e9.png is missing, although the captions name it"),
        ("image,caption\nbroken.csv,x", "broken.csv cannot be read as an image"),
        ("image,caption\ne0.png,", "has no caption"),
        ("caption,image\nx", "row 1 below the columns has more or fewer fields"),
        ("image,caption,label\ne0.png,x,a\ne1.png,y", "row 2 below the columns has more or fewer fields"),
        ("image,caption\ne0.png,big, red", "put a caption with a comma in double quotes"),
        ("image,caption\nhuge.png,x", "huge.png cannot be read as an image"),
        ("image,caption\ntorn.png,x", "torn.png cannot be read as an image"),
    ):
        broken.write_text(line)
        with pytest.raises(NieError, match=words):
            CaptionedImages.read(images, broken, 8)
    broken.write_text("image,caption\ne0.png,x\ne1.png,y")
    with pytest.raises(NieError, match="no column label to learn classes from"):
        VisionText.train(CaptionedImages.read(images, broken, 8), LossWeights(), epochs=1)


def test_an_entity_is_called_as_its_file_without_the_suffix_and_has_one_vector(tmp_path: Path) -> None:
    images, captions = (Path(path) for path in paint(tmp_path, 3))
    given = CaptionedImages.read(images, captions, 8)
    assert replace(given, names=["sub.d/a", "b.c.png", ".d"]).entities() == ["sub.d/a", "b.c", ".d"]
    with pytest.raises(NieError, match="2 rows are of 'a', and an entity has one vector"):
        replace(given, names=["a.png", "b.png", "a.jpg"]).entities()


def test_the_control_gives_no_image_its_own_caption(tmp_path: Path) -> None:
    images, captions = (Path(path) for path in paint(tmp_path, 2))
    given = CaptionedImages.read(images, captions, 8)
    model = VisionText.train(given, LossWeights(), epochs=30)
    assert (model.figures(given)["mrr"], model.figures(given, shuffled=True)["mrr"]) == (1.0, 0.5)
