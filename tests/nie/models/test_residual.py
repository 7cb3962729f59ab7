"""nie.models.residual; what holds for every model is in test_models.py."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from reference.graphs import NUM_RELATIONS, normal, random_graph
from torch import Tensor

from nie.errors import NieError
from nie.models import ConvolutionalModel, ResidualModel

SIZES = {"structural": 3, "semantic": 5}


def build(name: str, **options: Any) -> Any:
    torch.manual_seed(0)
    return ResidualModel(name, channel_sizes=SIZES, num_relations=NUM_RELATIONS, **options).double()


def features() -> dict[str, Tensor]:
    return {name: normal(9, size, seed=seed) for seed, (name, size) in enumerate(SIZES.items())}


def normalised(h: Tensor) -> Tensor:
    return (h - h.mean(1, keepdim=True)) / (h.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()


@pytest.mark.parametrize("name", ["mlp", "gcn", "graphsage", "gat", "rgcn"])
@pytest.mark.parametrize("num_layers", [1, 4])
@pytest.mark.parametrize("layer_norm", [True, False])
def test_it_is_its_formula(name: str, num_layers: int, layer_norm: bool) -> None:
    graph, etype = random_graph()
    model = build(name, hidden_size=16, num_layers=num_layers, layer_norm=layer_norm).eval()
    h = model.project(torch.cat(list(features().values()), dim=1))
    for layer in model.layers:
        h = h + torch.relu(model.kind.call(layer, graph, normalised(h) if layer_norm else h, etype, None))
    expected = model.readout(h)[:, 0]
    torch.testing.assert_close(model(graph, features(), etype).score, expected, rtol=0, atol=1e-10)
    assert model.num_hops == (0 if name == "mlp" else num_layers)


def test_its_convolutions_are_those_of_the_plain_stack() -> None:
    plain = ConvolutionalModel("rgcn", channel_sizes=SIZES, num_relations=NUM_RELATIONS, num_bases=2, norm="sum")
    tuned = build("rgcn", num_bases=2, norm="sum", hidden_size=64)
    assert repr(tuned.layers[1]) == repr(plain.layers[1])


@pytest.mark.parametrize("option", ["feat_drop", "hidden_drop"])
def test_each_dropout_acts_in_training_only(option: str) -> None:
    graph, etype = random_graph()
    none = build("gcn", feat_drop=0.0, hidden_drop=0.0)
    half = build("gcn", **{"feat_drop": 0.0, "hidden_drop": 0.0, option: 0.5})
    expected = none(graph, features(), etype).score
    assert not torch.allclose(half(graph, features(), etype).score, expected)
    torch.testing.assert_close(half.eval()(graph, features(), etype).score, expected)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(NieError, match=r"no convolution 'gnc'.*did you mean 'gcn'"):
        build("gnc")
    with pytest.raises(NieError, match="hidden_size must be a multiple of num_heads"):
        build("gat", num_heads=5)
