"""nie.models: what holds for every model that estimates importance."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from reference.graphs import NUM_RELATIONS, normal, random_graph
from reference.resets import check_reset
from torch import Tensor

from downstream.methods.table import METHODS
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.models import CONVOLUTIONS, ConvolutionalModel

SIZES = {"structural": 3, "semantic": 5}


NETWORKS = {name: method.build for name, method in METHODS.items() if method.build is not None}


def build(name: str, **options: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return NETWORKS[name](channel_sizes=SIZES, num_relations=NUM_RELATIONS, **options).double()


def features(num_nodes: int = 9) -> dict[str, Tensor]:
    return {name: normal(num_nodes, size, seed=seed) for seed, (name, size) in enumerate(SIZES.items())}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_settings_have_the_models_own_defaults(name: str) -> None:
    config = METHODS[name].settings.model_fields["model"].default
    torch.manual_seed(0)
    configured = NETWORKS[name](
        channel_sizes=SIZES, num_relations=NUM_RELATIONS, **config.model_dump(exclude={"relations", "signals"})
    )
    assert repr(configured) == repr(build(name).float())


@pytest.mark.parametrize("name", NETWORKS)
def test_every_model_scores_all_nodes_and_learns_with_every_parameter(name: str) -> None:
    graph, etype = random_graph()
    model = build(name).eval()  # dropout could starve a parameter of these few nodes by chance
    if name == "rgtn":
        model.train()
        for module in model.modules():
            if type(module).__name__ == "Dropout":
                module.eval()
    scores = model(graph, features(), etype)
    assert scores.score.shape == (9,)
    assert scores.by_channel.shape[0] == 9
    loss = (scores.score - normal(9, seed=9)).square().sum()
    if scores.signals is not None:
        loss = loss + scores.signals.means.sum() + scores.signals.log_variance.sum()
    loss.backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
    assert not graph.ndata
    assert not graph.edata


@pytest.mark.parametrize(("name", "options"), [*((name, {}) for name in CONVOLUTIONS), ("rgtn", {"head": "vector"})])
def test_the_hidden_vector_is_what_the_score_is_read_from(name: str, options: dict[str, Any]) -> None:
    graph, etype = random_graph()
    model: Any = build(name, **options).eval()
    scores = model(graph, features(), etype)
    readout = model.head if name == "rgtn" else model.readout
    torch.testing.assert_close(readout(scores.hidden).squeeze(1), scores.score)


def test_networks_that_pass_numbers_along_the_edges_have_no_hidden_vector() -> None:
    graph, etype = random_graph()
    without = [name for name in NETWORKS if build(name)(graph, features(), etype).hidden is None]
    assert without == ["sgc", "geni", "multi-import"]


@pytest.mark.parametrize("name", NETWORKS)
def test_edges_may_come_in_any_order(name: str) -> None:
    graph, etype = random_graph()
    order = torch.randperm(graph.num_edges(), generator=torch.Generator().manual_seed(1))
    src, dst = graph.edges()
    shuffled = dgl.graph((src[order], dst[order]), num_nodes=9)
    model = build(name).eval()
    expected = model(graph, features(), etype).score
    torch.testing.assert_close(model(shuffled, features(), etype[order]).score, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", NETWORKS)
def test_reset_parameters_sets_everything(name: str) -> None:
    model, fresh = build(name), build(name)
    check_reset(model, fresh)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_missing_channel_is_named(name: str) -> None:
    graph, etype = random_graph()
    with pytest.raises(NieError, match="'semantic', but feats has only"):
        build(name)(graph, {"structural": features()["structural"]}, etype)


@pytest.mark.parametrize("name", NETWORKS)
def test_dropout_acts_in_training_only(name: str) -> None:
    graph, etype = random_graph()
    none, half = build(name, feat_drop=0.0), build(name, feat_drop=0.5)
    half.load_state_dict(none.state_dict())
    assert not torch.allclose(none(graph, features(), etype).score, half(graph, features(), etype).score)
    half.load_state_dict(none.state_dict())  # of RGTN's batch norms the running statistics have moved
    expected = none.eval()(graph, features(), etype).score if name != "rgtn" else None
    if expected is not None:
        torch.testing.assert_close(half.eval()(graph, features(), etype).score, expected, rtol=0, atol=0)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(NieError, match=r"no convolution 'gnc'.*did you mean 'gcn'"):
        ConvolutionalModel("gnc", channel_sizes=SIZES, num_relations=2)
    with pytest.raises(NieError, match=r"hidden_size must be a multiple of num_heads.*; got 64 and 5"):
        build("gat", num_heads=5)
