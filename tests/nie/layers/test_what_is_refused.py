"""Layers and models say in one sentence which size or graph they need."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from nie import layers, models, ops
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers.relation.context import ContextEnhancer, RelationContext
from nie.layers.variational import SequenceChannelEncoder
from nie.models.convolutional import ConvolutionalModel
from nie.models.geni import GENI
from nie.models.kge.channel_tables import ChannelTables
from nie.models.kge.multi_modal_rotate import MultiModalRotatE
from nie.models.multi_import import MultiImport
from nie.models.residual import ResidualModel
from nie.models.rgtn import MultiChannelEncoder
from nie.models.sgc import SGC
from nie.models.transformer import Encoder
from nie.models.vision_text import VisionTextDualEncoder

CHANNELS = {"channel_sizes": {"a": 4}, "num_relations": 3}
CONTEXT = RelationContext(torch.ones(2, 6), torch.zeros(2, 2))
NEEDED: dict[type[nn.Module], dict[str, Any]] = {
    layers.ChannelDropout: {"p": 0.5},
    layers.ChannelFusion: {"method": "concat"},
    ContextEnhancer: {"context": CONTEXT},
    ConvolutionalModel: {"convolution": "gcn", **CHANNELS},
    Encoder: {"rel_size": 3},
    GENI: CHANNELS,
    MultiImport: CHANNELS,
    ResidualModel: {"convolution": "gcn", **CHANNELS},
    SGC: CHANNELS,
    ChannelTables: {"num_entities": 4, "channels": {"a": torch.ones(4, 3)}, "masks": {}},
    MultiModalRotatE: {"num_entities": 4, "channels": {"a": torch.ones(4, 3)}},
    SequenceChannelEncoder: {"in_size": 8},
    MultiChannelEncoder: {**CHANNELS, "head": nn.Identity()},
    VisionTextDualEncoder: {"image_encoder": nn.Identity(), "text_encoder": nn.Identity()},
}
"""What a layer or model must be given besides its sizes."""


def modules() -> Iterator[type[nn.Module]]:
    """All public layers and models."""
    for package in (layers, models):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for name, kind in vars(importlib.import_module(info.name)).items():
                public = inspect.isclass(kind) and kind.__module__ == info.name and not name.startswith("_")
                if public and issubclass(kind, nn.Module):
                    yield kind


def sizes_of(kind: type[nn.Module]) -> list[str]:
    """The parameters of its constructor that are whole numbers."""
    return [name for name, parameter in inspect.signature(kind).parameters.items() if parameter.annotation == "int"]


def made(kind: type[nn.Module], **sizes: Any) -> nn.Module:
    needed = [name for name, one in inspect.signature(kind).parameters.items() if one.default is one.empty]
    return kind(**{**dict.fromkeys({*needed} & {*sizes_of(kind)}, 4), **NEEDED.get(kind, {}), **sizes})


SIZED = [kind for kind in modules() if sizes_of(kind)]


@pytest.mark.parametrize("kind", SIZED, ids=lambda kind: kind.__name__)
def test_a_size_that_is_none(kind: type[nn.Module]) -> None:
    made(kind)
    for name in sizes_of(kind):
        for value in (-1, 2.0, "2", None, True):
            with pytest.raises(NieError, match=f"{name} must be a whole number of at least [01]; got"):
                made(kind, **{name: value})


@pytest.mark.parametrize("kind", SIZED, ids=lambda kind: kind.__name__)
def test_what_may_not_be_0(kind: type[nn.Module]) -> None:
    for name in sizes_of(kind):
        if name not in (
            "rel_size",
            "tier_outputs",
            "num_hops",
            "num_classes",
            "warmup",
            "channel_warmup",
            "first",
            "first_calls",
            "first_steps",
            "extract_after",
            "gate_size",
        ):
            with pytest.raises(NieError, match=f"{name} must be a whole number of at least 1; got 0"):
                made(kind, **{name: 0})


@pytest.mark.parametrize("kind", [layers.PreGATConv, layers.GENIConv, layers.RelGraphTransformerConv])
def test_a_dropout_or_slope_that_is_none(kind: type[nn.Module]) -> None:
    made(kind, attn_drop=0, **({"negative_slope": -1} if hasattr(made(kind), "negative_slope") else {}))
    for value in (float("nan"), 1.0, -0.1, "0.5", None, True):
        with pytest.raises(NieError, match=r"attn_drop must be a probability in \[0, 1\); got"):
            made(kind, attn_drop=value)
    if hasattr(made(kind), "negative_slope"):
        for value in (float("nan"), float("inf"), "0.1", None, 10**400):
            with pytest.raises(NieError, match="negative_slope must be a finite number; got"):
                made(kind, negative_slope=value)


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
