"""Attention as the published programs write it: Python functions on edges and on nodes, one module for each head.

DGL calls the message function with all edges at once, and the reduce function once for every degree that occurs, with
the messages of all nodes of that degree; every message is copied several times.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nie.dgl_compat import dgl


class Head(nn.Module):
    """One head; subclasses say what a node holds and how an edge is scored."""

    def forward(self, graph: dgl.DGLGraph, feat: Tensor, on_edges: Tensor) -> Tensor:
        """Return (N, size) from features (N, in_size) and the relations' embeddings on the edges (E, rel_size)."""
        with graph.local_scope():
            graph.ndata.update(self.nodes(feat))
            graph.edata["rel"] = on_edges
            graph.apply_edges(lambda edges: {"score": self.score(edges)})
            graph.update_all(_message, _reduce)
            return graph.ndata["out"]


class AdditiveHead(Head):
    """PreGAT: one linear map of source, relation and destination side by side."""

    def __init__(self, in_size: int, size: int, rel_size: int) -> None:
        super().__init__()
        self.project = nn.Linear(in_size, size, bias=False)
        self.attention = nn.Linear(2 * size + rel_size, 1, bias=False)

    def nodes(self, feat: Tensor) -> dict[str, Tensor]:
        """What a node sends."""
        return {"value": self.project(feat)}

    def score(self, edges: Any) -> Tensor:
        """(E, 1)."""
        joined = torch.cat([edges.src["value"], edges.data["rel"], edges.dst["value"]], dim=1)
        return F.leaky_relu(self.attention(joined), 0.01)


class DotHead(Head):
    """RGTN: a scaled dot product times a weight of the relation."""

    def __init__(self, in_size: int, size: int, rel_size: int) -> None:
        super().__init__()
        self.project = nn.ModuleDict({name: nn.Linear(in_size, size, bias=False) for name in ("query", "key", "value")})
        self.relation = nn.Linear(rel_size, 1)

    def nodes(self, feat: Tensor) -> dict[str, Tensor]:
        """What a node sends."""
        return {name: project(feat) for name, project in self.project.items()}

    def score(self, edges: Any) -> Tensor:
        """(E, 1)."""
        product = (edges.src["key"] * edges.dst["query"]).sum(dim=1, keepdim=True)
        return product / math.sqrt(edges.src["key"].shape[1]) * self.relation(edges.data["rel"])


def _message(edges: Any) -> dict[str, Tensor]:
    return {"value": edges.src["value"], "score": edges.data["score"]}


def _reduce(nodes: Any) -> dict[str, Tensor]:
    weight = torch.softmax(nodes.mailbox["score"], dim=1)
    return {"out": (weight * nodes.mailbox["value"]).sum(dim=1)}
