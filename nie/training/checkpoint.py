"""Checkpoints on disk: what torch writes, behind the sha256 of it."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from nie.atomic import write_bytes
from nie.errors import NieError

_MARK = b"nie checkpoint "
_HEAD = len(_MARK) + 64 + 1


def write_checkpoint(path: Path, document: dict[str, Any]) -> None:
    """Write a document of tensors and plain values, atomically."""
    content = io.BytesIO()
    torch.save(document, content)
    body = content.getvalue()
    write_bytes(path, _head(body) + body)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote, on the CPU; changed content is refused before anything is made of it.

    Raises:
        NieError: the content is not what was written.
    """
    content = path.read_bytes()
    body = content[_HEAD:]
    if content[:_HEAD] != _head(body):
        raise NieError("its content is not what was written")
    # It may have been written on a GPU that this machine lacks.
    document: dict[str, Any] = torch.load(io.BytesIO(body), weights_only=True, map_location="cpu")
    return document


def _head(body: bytes) -> bytes:
    return _MARK + hashlib.sha256(body).hexdigest().encode() + b"\n"
