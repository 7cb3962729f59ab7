"""nie.data.extract.image."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nie.data.extract import ImageFeatureExtractor, images_by_folder, images_by_list
from nie.errors import NieError

Image = pytest.importorskip("PIL.Image", reason="needs the extra image")


def has_timm() -> bool:
    """timm can be installed and still not work, where its torchvision is of another torch."""
    try:
        import timm
        import timm.data
    except (ImportError, RuntimeError):
        return False
    return bool(timm)


def picture(path: Path, colour: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), colour).save(path)
    return path


def means(batch_size: int = 2) -> ImageFeatureExtractor:
    """Embeds an image as its mean colour."""

    def transform(image: Any) -> torch.Tensor:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float()

    return ImageFeatureExtractor(
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout()), transform, batch_size=batch_size
    )


def test_several_images_are_averaged_after_normalisation(tmp_path: Path) -> None:
    dark, blue = picture(tmp_path / "a" / "1.png", "#200000"), picture(tmp_path / "a" / "2.png", "#0000ff")
    red = picture(tmp_path / "b" / "1.jpg", "#ff0000")
    channel = means()({"a": [dark, blue], "b": [red]}, ["b", "c", "a"])
    np.testing.assert_allclose(channel.features, [[1, 0, 0], [0, 0, 0], [0.5, 0, 0.5]], atol=0.01)
    assert channel.mask.tolist() == [True, False, True]


def test_unreadable_files_are_counted_named_and_masked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good, bad = picture(tmp_path / "a.png", "red"), tmp_path / "b.png"
    bad.write_bytes(good.read_bytes()[:40])
    absent = tmp_path / "none.png"
    extract = means()
    channel = extract({"a": [bad, good], "b": [bad], "c": [absent]}, ["a", "b", "c"])
    assert channel.mask.tolist() == [True, False, False]
    np.testing.assert_allclose(channel.features[0], [1, 0, 0], atol=1e-6)
    assert extract.unreadable == [bad, bad, absent]
    assert "3 of 4 images cannot be read" in caplog.text
    assert str(absent) in caplog.text
    with pytest.raises(NieError, match="None of 1 images can be read"):
        extract({"b": [bad]}, ["a", "b"])


def test_pictures_of_every_kind_are_read(tmp_path: Path) -> None:
    palette = Image.new("P", (4, 4))
    palette.putpalette([255, 0, 0] * 256)
    palette.save(tmp_path / "p.png", transparency=bytes(range(256)))
    Image.new("LA", (4, 4)).save(tmp_path / "la.png")
    turned = Image.new("RGB", (4, 2), "red")
    exif = turned.getexif()
    exif[0x0112] = 6  # to be turned by a quarter
    turned.save(tmp_path / "turned.jpg", exif=exif)
    shapes = []

    def transform(image: Any) -> torch.Tensor:
        shapes.append(image.size)
        return torch.ones(3, 1, 1)

    extract = ImageFeatureExtractor(nn.Flatten(), transform)
    assert extract({"a": sorted(tmp_path.iterdir())}, ["a"]).mask.tolist() == [True]
    assert extract.unreadable == []
    assert shapes == [(4, 4), (4, 4), (2, 4)]


def test_an_error_of_the_transform_is_no_unreadable_file(tmp_path: Path) -> None:
    def broken(image: Any) -> torch.Tensor:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        ImageFeatureExtractor(nn.Flatten(), broken)({"a": [picture(tmp_path / "a.png", "red")]}, ["a"])


def test_images_of_strangers(tmp_path: Path) -> None:
    with pytest.raises(NieError, match="1 entities that are not in the graph, such as 'z'"):
        means()({"z": [tmp_path / "a.png"]}, ["a"])


def test_a_folder_for_each_entity_and_a_list(tmp_path: Path) -> None:
    first, second = picture(tmp_path / "b" / "x.PNG", "red"), picture(tmp_path / "a" / "y.jpg", "red")
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / "empty").mkdir()
    assert images_by_folder(tmp_path) == {"a": [second], "b": [first]}
    table = tmp_path / "images.csv"
    table.write_text("entity,file\na,a/y.jpg\nb,b/x.PNG\n")
    assert images_by_list(table) == {"a": [second], "b": [first]}
    table.write_text("a,a/y.jpg\nb\n")
    with pytest.raises(NieError, match="line 2 must be 'entity,file'; got 1 fields"):
        images_by_list(table)
    for content, words in ((b"a,b\n\xff,c\n", "is not UTF-8 text"), (b"a," + b"x" * 200_000, "is not CSV with lines")):
        table.write_bytes(content)
        with pytest.raises(NieError, match=words):
            images_by_list(table)
    for read in (images_by_folder, images_by_list):
        with pytest.raises(NieError, match="There is no f"):
            read(tmp_path / "none")


def fake_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    timm, data = ModuleType("timm"), ModuleType("timm.data")
    timm.create_model = lambda name, pretrained, num_classes: nn.Linear(3, 2)  # type: ignore[attr-defined]
    data.resolve_model_data_config = lambda model: {}  # type: ignore[attr-defined]
    data.create_transform = lambda: None  # type: ignore[attr-defined]
    timm.data = data  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "timm", timm)
    monkeypatch.setitem(sys.modules, "timm.data", data)


def test_weights_are_read_without_the_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_timm(monkeypatch)
    state = {"weight": torch.ones(2, 3), "bias": torch.zeros(2), "fc.weight": torch.ones(9)}
    torch.save(state, tmp_path / "weights.pth")
    extract = ImageFeatureExtractor.timm("linear", tmp_path / "weights.pth")
    assert torch.equal(extract.backbone.weight, state["weight"])  # type: ignore[arg-type]
    torch.save({"weight": torch.ones(2, 3)}, tmp_path / "weights.pth")
    with pytest.raises(NieError, match="lacks 1 weights of linear, such as bias"):
        ImageFeatureExtractor.timm("linear", tmp_path / "weights.pth")
    torch.save({**state, "weight": torch.ones(1)}, tmp_path / "weights.pth")
    with pytest.raises(NieError, match="cannot be read as weights of linear"):
        ImageFeatureExtractor.timm("linear", tmp_path / "weights.pth")


class Evil:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("evil"),)


def test_weights_are_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_timm(monkeypatch)
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Evil()}, tmp_path / "weights.pth")
    with pytest.raises(NieError, match="holds more than tensors, which is not loaded because it could run code"):
        ImageFeatureExtractor.timm("linear", tmp_path / "weights.pth")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("settings", [{}, {"weights": "w.pth", "random": True}])
def test_a_random_backbone_must_be_asked_for(settings: dict[str, Any]) -> None:
    with pytest.raises(NieError, match="random=True for a backbone that has learned nothing"):
        ImageFeatureExtractor.timm("resnet10t", **settings)


def test_missing_weights_and_the_missing_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_timm(monkeypatch)
    with pytest.raises(NieError, match="There is no file"):
        ImageFeatureExtractor.timm("linear", tmp_path / "none.pth")
    monkeypatch.setitem(sys.modules, "timm.data", None)
    with pytest.raises(NieError, match=r"\[image\]"):
        ImageFeatureExtractor.timm("linear", random=True)


@pytest.mark.skipif(not has_timm(), reason="needs timm, with a torchvision that fits torch")
def test_a_model_of_timm(tmp_path: Path) -> None:
    extract = ImageFeatureExtractor.timm("resnet10t", random=True)
    file = picture(tmp_path / "a" / "1.png", "red")
    channel = extract(images_by_folder(tmp_path), ["a", "b"])
    assert channel.features.shape == (2, 512)
    assert channel.mask.tolist() == [True, False]
    torch.save(extract.backbone.state_dict(), tmp_path / "weights.pth")
    again = ImageFeatureExtractor.timm("resnet10t", tmp_path / "weights.pth")({"a": [file]}, ["a", "b"])
    np.testing.assert_array_equal(channel.features, again.features)
    with pytest.raises(NieError, match="has no model 'resnett'"):
        ImageFeatureExtractor.timm("resnett", random=True)
