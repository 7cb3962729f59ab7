"""The size of the vectors that a network's scores are read from."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from nie.dgl_compat import dgl
from nie.errors import NieError


def hidden_size(model: nn.Module, channel_sizes: Mapping[str, int], reader: str) -> int:
    """The size of a network's ``hidden``, which is run on a graph of one node to see it.

    Args:
        model: as `nie.models` describes it.
        channel_sizes: size of the features by channel.
        reader: which setting reads the vectors, and what from them; begins the error.

    Raises:
        NieError: its outputs have no ``hidden``.
    """
    device = next(model.parameters()).device
    feats = {name: torch.zeros(1, size, device=device) for name, size in channel_sizes.items()}
    training = model.training
    with torch.no_grad():
        outputs = model.eval()(dgl.graph(([0], [0])), feats, torch.zeros(1, dtype=torch.int64, device=device))
    model.train(training)
    if outputs.hidden is None:
        raise NieError(f"{reader} the vectors that scores are read from, and this network has none; leave it out.")
    return int(outputs.hidden.shape[1])
