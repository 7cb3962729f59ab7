"""Heads that a gate mixes by the group of a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from downstream.heads.hidden_size import hidden_size
from nie.errors import NieError
from nie.models import ImportanceScores
from nie.ops.excerpt import own_rows


class GroupGate(nn.Module):
    r"""Several heads, mixed by weights that all nodes of a group share, to be added to a network's own score.

    .. math:: s_v = w \cdot h_v + b + \sum_k \mathrm{softmax}(a_{g(v)})_k \, (w_k \cdot h_v + b_k)

    with the vector a of the group g of node v, which is learned, and the vector h that the node's score is read from.
    The first two terms are those of the network, which all nodes share; the gate gives the sum.

    Args:
        size: of h.
        groups: (N,) long, the group of every node, from 0.
        heads: number of heads K.

    Example:
        >>> gate = GroupGate(8, torch.tensor([0, 0, 1]), heads=4)
        >>> gate(torch.randn(3, 8)).shape
        torch.Size([3])
    """

    groups: Tensor

    def __init__(self, size: int, groups: Tensor, heads: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, heads)
        self.gate = nn.Parameter(torch.empty(int(groups.max()) + 1, heads))
        self.register_buffer("groups", groups, persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the heads, and let every group mix them alike."""
        self.linear.reset_parameters()
        nn.init.zeros_(self.gate)

    def forward(self, hidden: Tensor, groups: Tensor | None = None) -> Tensor:
        """What is added to the scores (N,), of ``hidden`` (N, size).

        Args:
            hidden: a row for each node of the graph, or for those of ``groups``.
            groups: (N,) their groups; by default those of all nodes.

        Raises:
            NieError: another number of rows than of groups.
        """
        groups = self.groups if groups is None else groups
        if len(hidden) != len(groups):
            raise NieError(
                f"The heads of loss.groups.heads know the groups of the {len(groups)} nodes of their graph and of no "
                f"others; got {len(hidden)} nodes. Ask about these nodes alone, or train without loss.groups.heads."
            )
        mixed: Tensor = (torch.softmax(self.gate[groups], dim=1) * self.linear(hidden)).sum(1)
        return mixed


def with_group_gate(model: nn.Module, channel_sizes: Mapping[str, int], groups: Tensor, heads: int) -> nn.Module:
    """A network to whose scores a `GroupGate` among its modules adds.

    On an excerpt of the graph (`nie.ops.excerpt`) it mixes by the groups of the excerpt's nodes. On a changed graph,
    nodes keep the groups that they were trained with.

    Args:
        model: as `nie.models` describes it; changed in place.
        channel_sizes: size of the features by channel.
        groups: (N,) long, of every node.
        heads: how many.

    Raises:
        NieError: its outputs have no ``hidden``.
    """
    size = hidden_size(model, channel_sizes, "loss.groups.heads reads")
    model.add_module("group_gate", GroupGate(size, groups, heads))
    model.register_forward_hook(_gated)
    return model


def _gated(model: nn.Module, inputs: Any, outputs: ImportanceScores) -> ImportanceScores:
    assert outputs.hidden is not None
    gate: Any = model.group_gate
    graph = inputs[0]
    score = outputs.score + gate(outputs.hidden, own_rows(graph, gate.groups))
    return replace(outputs, score=score, by_channel=score[:, None] if outputs.states is None else outputs.by_channel)
