"""Checkpoints on disk: what torch writes, behind the sha256 of it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nie.disk.atomic import write_bytes
from nie.disk.seal import behind_digest, body_of
from nie.errors import NieError

CHECKPOINT = "checkpoint.pt"
"""The file of a fold that is being trained."""


def write_checkpoint(path: Path, document: dict[str, Any]) -> None:
    """Write a document of tensors and plain values, atomically."""
    content = io.BytesIO()
    torch.save(document, content)
    write_bytes(path, behind_digest(content.getvalue()))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote, on the CPU; changed content is refused before anything is made of it.

    Raises:
        NieError: the content is not what was written.
    """
    body = body_of(path.read_bytes())
    # It may have been written on a GPU that this machine lacks.
    document: dict[str, Any] = torch.load(io.BytesIO(body), weights_only=True, map_location="cpu")
    return document


def check_shapes(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise unless every tensor of a checkpoint has the shape of what it is loaded into."""
    for name, value in state.items():
        if value.shape != expected[name].shape:
            raise NieError(f"{name} must have the shape {tuple(expected[name].shape)}; got {tuple(value.shape)}")
