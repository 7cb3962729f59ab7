"""What a fused kernel is told beside its tensors, the same for every backend that has such kernels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from nie.dgl_compat import dgl
from nie.ops.edge_index import Prepared, Relations, prepare


class Call(NamedTuple):
    """What a fused kernel is told beside its tensors.

    Attributes:
        prepared: the graph's edges, on the device that computes.
        relations: the relations of the edges, or None for edges without.
        kind: how a relation enters the score: ``plain`` (not at all), ``mul``, ``add`` or ``dot``.
        slope: slope of the LeakyReLU of additive attention below 0.
        attn_drop, seed: probability and seed of the dropout.
        weights: whether the attention weights are returned.
    """

    prepared: Prepared
    relations: Relations | None
    kind: str
    slope: float
    attn_drop: float
    seed: int
    weights: bool


def make_call(
    graph: dgl.DGLGraph, etype: Tensor | None, device: torch.device, mode: str, slope: float, attn_drop: float,
    seed: int, weights: bool,
) -> Call:  # fmt: skip
    """Prepare the graph for ``device``, unless it is prepared already. The graph itself may be on another device.

    ``mode`` is ``mul``, ``add`` or ``dot``.
    """
    prepared = prepare(graph, device)
    relations = None if etype is None else prepared.relations(etype)
    kind = "plain" if etype is None else mode
    return Call(prepared, relations, kind, slope, attn_drop, seed, weights)
