"""A model's weights as safetensors."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
from torch import nn

from nie.disk.atomic import write_bytes
from nie.errors import NieError


def write_weights(path: Path, model: nn.Module) -> None:
    """Write a model's parameters and buffers as safetensors, atomically."""
    write_bytes(path, safetensors.torch.save({name: value.contiguous() for name, value in model.state_dict().items()}))


def read_weights(path: Path, model: nn.Module) -> None:
    """Load a model's parameters and buffers from safetensors, in place.

    Raises:
        NieError: the file is missing, damaged, or of another model.
    """
    try:
        model.load_state_dict(safetensors.torch.load_file(path))
    except FileNotFoundError as error:
        raise NieError(f"{path} is missing.") from error
    except (RuntimeError, safetensors.SafetensorError) as error:
        raise NieError(f"The weights in {path} are damaged, or of another model.") from error
