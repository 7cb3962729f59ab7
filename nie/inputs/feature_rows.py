"""The input of an encoder of which rows are made when they are read; the features themselves may stay on disk."""

from __future__ import annotations

import torch
from torch import Tensor

from nie.disk.mapped import forget
from nie.inputs.channels import ChannelFeatures, input_scales, scaled
from nie.layers.rows import Rows
from nie.settings.sections import FeaturesConfig

PAGE = 4096
FORGET_AFTER = 1 << 28
"""Bytes of a mapped file that may have come into memory before they are given back."""


class FeatureRows(Rows):
    """The (N, d) matrix of `nie.inputs.tensors.input_tensor`, to the last bit, of which no copy is held.

    Args:
        features: of one channel.
        config: how they are standardised.
        device: where rows are put.

    >>> import numpy as np
    >>> from nie.data import Channel
    >>> channel = Channel(np.array([[1.0], [3.0]], np.float32), np.array([True, True]))
    >>> FeatureRows((channel,), FeaturesConfig(), torch.device("cpu"))[torch.tensor([1, 1, 0])].flatten()
    tensor([ 1.,  1., -1.])
    """

    def __init__(self, features: ChannelFeatures, config: FeaturesConfig, device: torch.device) -> None:
        self.features, self.config, self.device, self.dtype = features, config, device, torch.float32
        self.scales = input_scales(features, config)
        self.shape = torch.Size([len(features[0].mask), sum(one.features.shape[1] for one in features)])
        self.touched = 0

    def read(self, ids: Tensor | slice) -> Tensor:
        """As of `Rows`."""
        rows = ids if isinstance(ids, slice) else ids.numpy()
        made = torch.from_numpy(scaled(tuple(one.at(rows) for one in self.features), self.config, self.scales))
        self.touched += len(made) * (PAGE if isinstance(ids, Tensor) else 4 * self.shape[1])
        if self.touched > FORGET_AFTER:
            self.touched = 0
            for one in self.features:
                forget(one.features)
        return made.to(self.device)
