"""Features by channel as the tensors that models read."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nie.inputs.channels import ChannelFeatures, input_array
from nie.settings.sections import FeaturesConfig


def input_tensor(features: ChannelFeatures, config: FeaturesConfig, like: ChannelFeatures | None = None) -> Tensor:
    """The (N, d) input of an encoder: `nie.inputs.channels.input_array` as a tensor."""
    return torch.from_numpy(input_array(features, config, like))


def presence(features: ChannelFeatures) -> Tensor:
    """(N,) bool, the nodes that have any feature of the channel."""
    return torch.from_numpy(np.any([feature.mask for feature in features], axis=0))
