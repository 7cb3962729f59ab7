"""Layers and models say in one sentence which size or graph they need."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch

from nie import layers, ops
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.models.geni import GENI
from nie.models.kge.rotate import RotatE
from nie.models.pregat import PreGAT

SIZED = (
    "in_size", "out_size", "size", "hidden_size", "head_size", "num_heads", "num_layers", "num_entities", "num_bases",
)  # fmt: skip
MADE: tuple[tuple[Callable[..., Any], dict[str, Any]], ...] = (
    (layers.PreGATConv, {"in_size": 5, "out_size": 4, "rel_size": 3, "num_heads": 2}),
    (layers.RelGraphTransformerConv, {"in_size": 5, "out_size": 4, "rel_size": 3, "num_heads": 2}),
    (layers.GraphConv, {"in_size": 5, "out_size": 4}),
    (layers.CoAttention, {"size": 5}),
    (PreGAT, {"in_size": 5, "out_size": 4, "num_relations": 3, "head_size": 2, "num_heads": 2}),
    (GENI, {"channel_sizes": {"a": 4}, "num_relations": 3, "num_heads": 2, "num_layers": 1}),
    (RotatE, {"num_entities": 5, "num_relations": 2, "size": 8}),
)


@pytest.mark.parametrize("value", [0, -1, 2.0, "2", None, True])
@pytest.mark.parametrize(("make", "sizes"), MADE, ids=lambda part: getattr(part, "__name__", ""))
def test_a_size_that_is_none(make: Callable[..., Any], sizes: dict[str, Any], value: Any) -> None:
    make(**sizes)
    for name in sizes:
        if name in SIZED:
            with pytest.raises(NieError, match=f"{name} must be a whole number of at least 1; got"):
                make(**{**sizes, name: value})


def test_every_public_layer_with_heads_is_asked_for() -> None:
    for name in layers.__all__:
        layer = getattr(layers, name)
        if inspect.isclass(layer) and "num_heads" in inspect.signature(layer).parameters:
            fixed = {"in_size": 4, "out_size": 4, "rel_size": 3, "size": 4, "num_channels": 2}
            known = {key: value for key, value in fixed.items() if key in inspect.signature(layer).parameters}
            with pytest.raises(NieError, match="num_heads must be"):
                layer(**known, num_heads=0)


def heterograph() -> dgl.DGLGraph:
    return dgl.heterograph({("a", "x", "a"): ([0, 1], [1, 2]), ("a", "y", "a"): ([0], [2])})


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (heterograph(), "one kind of edges.* got 2 kinds"),
        (torch.tensor([[0, 1], [1, 2]]), r"must be a DGL graph.* got Tensor of shape \(2, 2\)"),
        (None, "must be a DGL graph.* got None"),
        ((torch.tensor([0]), torch.tensor([1])), "must be a DGL graph"),
    ],
    ids=["heterograph", "edge_index", "None", "pair"],
)
def test_what_is_no_graph_of_one_kind_of_edges(graph: Any, words: str) -> None:
    value, score, etype = torch.ones(3, 2, 4), torch.ones(3, 2), torch.zeros(2, dtype=torch.int64)
    for call in (
        lambda: ops.additive_attention(graph, value, score, score),
        lambda: ops.dot_attention(graph, value, value, value),
        lambda: ops.neighbour_sum(graph, score),
        lambda: ops.relational_sum(graph, value, torch.ones(1, 2), etype),
        lambda: layers.PreGATConv(2, 4, rel_size=0, num_heads=2)(graph, score),
        lambda: layers.RelGraphTransformerConv(2, 4, rel_size=0)(graph, score),
        lambda: layers.GraphConv(2, 4)(graph, score),
    ):
        with pytest.raises(NieError, match=words):
            call()
