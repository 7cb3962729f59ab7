"""The files that a run begins with, its settings and its provenance, and the seal of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from nie.disk.leftovers import remove
from nie.disk.seal import SEAL_FILE, file_digest, is_whole, read_seal, write_seal
from nie.errors import NieError
from nie.runs.documents import is_config
from nie.settings.yaml_loader import SafeLoader

CONFIG, PROVENANCE = "config.yaml", "provenance.json"


def stored_config(folder: Path) -> dict[str, Any] | None:
    """The settings that a run keeps; None where they are missing or damaged."""
    try:
        document = yaml.load((folder / CONFIG).read_text(encoding="utf-8"), Loader=SafeLoader)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, yaml.YAMLError, ValueError):
        return None
    return document if is_config(document) and as_sealed(folder / CONFIG) else None


def as_sealed(path: Path) -> bool:
    """Whether a file of a run is as the run's seal says, or the run is from before runs had one.

    Raises:
        NieError: the seal is damaged.
    """
    seal = path.with_name(SEAL_FILE)
    if not seal.exists():
        return True
    try:
        known = read_seal(seal)
    except NieError as error:
        raise NieError(f"{seal} is damaged; run again the command that made it.") from error
    return path.name in known and is_whole(path, known[path.name])


def seal_head(folder: Path) -> None:
    """Write the seal of the files that a run begins with."""
    write_seal(folder / SEAL_FILE, {name: file_digest(folder / name) for name in (CONFIG, PROVENANCE)})


def drop_damaged_seal(folder: Path) -> bool:
    """Remove a seal that cannot be read, so that a new one is made; whether there was such a one."""
    seal = folder / SEAL_FILE
    try:
        read_seal(seal)
    except NieError:
        if seal.exists():
            remove(seal)
            return True
    return False
