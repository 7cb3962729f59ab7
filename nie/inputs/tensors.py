"""Channels as the tensors that models read."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nie.inputs.channels import Parts, softly_limited, standardized
from nie.settings.sections import FeaturesConfig


def input_tensor(parts: Parts, config: FeaturesConfig) -> Tensor:
    """The (N, d) input of an encoder: the parts of a channel side by side, each standardised if asked for."""
    columns = [standardized(part) if config.standardize else part.features for part in parts]
    if config.standardize and config.limit is not None:
        columns = [softly_limited(part, config.limit) for part in columns]
    return torch.from_numpy(np.concatenate(columns, axis=1).astype(np.float32))


def presence(parts: Parts) -> Tensor:
    """(N,) the nodes that have a part of the channel."""
    return torch.from_numpy(np.any([part.mask for part in parts], axis=0))
