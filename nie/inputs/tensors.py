"""Features by channel as the tensors that models read."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nie.inputs.channels import Parts, input_array
from nie.settings.sections import FeaturesConfig


def input_tensor(parts: Parts, config: FeaturesConfig) -> Tensor:
    """The (N, d) input of an encoder: `nie.inputs.channels.input_array` as a tensor."""
    return torch.from_numpy(input_array(parts, config))


def presence(parts: Parts) -> Tensor:
    """(N,) bool, the nodes that have any part of the channel."""
    return torch.from_numpy(np.any([part.mask for part in parts], axis=0))
