"""nie.models: what holds for every model that estimates importance, and the baselines against plain matrices."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from reference.graphs import NUM_RELATIONS, normal, random_graph
from reference.resets import check_reset
from torch import Tensor

from downstream.methods.importance_settings import NetworkConfig
from downstream.methods.table import METHODS
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.models import GENI, MODELS, RGTN, SGC, ConvolutionalModel

SIZES = {"structural": 3, "semantic": 5}


def build(name: str, **options: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS[name](channel_sizes=SIZES, num_relations=NUM_RELATIONS, **options).double()


def features(num_nodes: int = 9) -> dict[str, Tensor]:
    return {name: normal(num_nodes, size, seed=seed) for seed, (name, size) in enumerate(SIZES.items())}


def test_there_is_a_model_for_every_method_that_is_a_network() -> None:
    assert set(MODELS) == {name for name, config in METHODS.items() if issubclass(config, NetworkConfig)}
    kinds = {name: type(build(name)) for name in MODELS}
    special = {"sgc": SGC, "geni": GENI, "rgtn": RGTN}
    assert kinds == {name: special.get(name, ConvolutionalModel) for name in MODELS}


@pytest.mark.parametrize("name", MODELS)
def test_the_settings_have_the_models_own_defaults(name: str) -> None:
    config = METHODS[name].model_fields["model"].default
    torch.manual_seed(0)
    configured = MODELS[name](
        channel_sizes=SIZES, num_relations=NUM_RELATIONS, **config.model_dump(exclude={"relations"})
    )
    assert repr(configured) == repr(build(name).float())


@pytest.mark.parametrize("name", MODELS)
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
    (scores.score - normal(9, seed=9)).square().sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
    assert not graph.ndata
    assert not graph.edata


@pytest.mark.parametrize("name", MODELS)
def test_edges_may_come_in_any_order(name: str) -> None:
    graph, etype = random_graph()
    order = torch.randperm(graph.num_edges(), generator=torch.Generator().manual_seed(1))
    src, dst = graph.edges()
    shuffled = dgl.graph((src[order], dst[order]), num_nodes=9)
    model = build(name).eval()
    expected = model(graph, features(), etype).score
    torch.testing.assert_close(model(shuffled, features(), etype[order]).score, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", MODELS)
def test_reset_parameters_sets_everything(name: str) -> None:
    model, fresh = build(name), build(name)
    check_reset(model, fresh)


@pytest.mark.parametrize("name", MODELS)
def test_a_missing_channel_is_named(name: str) -> None:
    graph, etype = random_graph()
    with pytest.raises(NieError, match="'semantic', but feats has only"):
        build(name)(graph, {"structural": features()["structural"]}, etype)


@pytest.mark.parametrize("name", MODELS)
def test_dropout_acts_in_training_only(name: str) -> None:
    graph, etype = random_graph()
    none, half = build(name, feat_drop=0.0), build(name, feat_drop=0.5)
    half.load_state_dict(none.state_dict())
    assert not torch.allclose(none(graph, features(), etype).score, half(graph, features(), etype).score)
    half.load_state_dict(none.state_dict())  # of RGTN's batch norms the running statistics have moved
    expected = none.eval()(graph, features(), etype).score if name != "rgtn" else None
    if expected is not None:
        torch.testing.assert_close(half.eval()(graph, features(), etype).score, expected, rtol=0, atol=0)


def adjacency(graph: dgl.DGLGraph) -> Tensor:
    """(N, N), row v counts the edges u→v."""
    matrix = torch.zeros(graph.num_nodes(), graph.num_nodes(), dtype=torch.float64)
    src, dst = graph.edges()
    return matrix.index_put_((dst, src), torch.ones(len(src), dtype=torch.float64), accumulate=True)


def symmetric(graph: dgl.DGLGraph) -> Tensor:
    a = adjacency(graph)
    return a.sum(1).clamp(min=1)[:, None] ** -0.5 * a * a.sum(0).clamp(min=1) ** -0.5


def joined() -> Tensor:
    return torch.cat(list(features().values()), dim=1)


def test_gcn_is_its_formula() -> None:
    graph, etype = random_graph()
    model, h = build("gcn").eval(), joined()
    for layer in model.layers:
        h = torch.relu(symmetric(graph) @ h @ layer.weight + layer.bias)
    torch.testing.assert_close(model(graph, features(), etype).score, model.readout(h)[:, 0], rtol=0, atol=1e-10)


def test_sgc_is_its_formula() -> None:
    graph, etype = random_graph()
    model = build("sgc", num_hops=3).eval()
    with torch.no_grad():
        model.bias.fill_(0.5)
    expected = (symmetric(graph).matrix_power(3) @ joined() @ model.linear.weight.T)[:, 0] + 0.5
    torch.testing.assert_close(model(graph, features(), etype).score, expected, rtol=0, atol=1e-10)


def test_graphsage_is_its_formula() -> None:
    graph, etype = random_graph()
    model, h = build("graphsage").eval(), joined()
    mean = adjacency(graph) / adjacency(graph).sum(1).clamp(min=1)[:, None]
    for layer in model.layers:
        h = torch.relu(layer.fc_self(h) + mean @ h @ layer.fc_neigh.weight.T)
    torch.testing.assert_close(model(graph, features(), etype).score, model.readout(h)[:, 0], rtol=0, atol=1e-10)


def test_gat_is_the_convolution_of_dgl() -> None:
    graph, etype = random_graph()
    model, h = build("gat").eval(), joined()
    for layer in model.layers:
        other = dgl.nn.GATConv(h.shape[1], 8, 8, negative_slope=0.2, bias=False, allow_zero_in_degree=True).double()
        with torch.no_grad():
            other.fc.weight.copy_(layer.project.weight)
            other.attn_l.copy_(layer.attn_src.view_as(other.attn_l))
            other.attn_r.copy_(layer.attn_dst.view_as(other.attn_r))
        h = torch.relu(other(graph, h).flatten(1))
    torch.testing.assert_close(model(graph, features(), etype).score, model.readout(h)[:, 0], rtol=0, atol=1e-10)


def test_mlp_sees_no_edge() -> None:
    graph, etype = random_graph()
    model, empty = build("mlp").eval(), dgl.graph(([], []), num_nodes=9)
    assert torch.equal(model(graph, features(), etype).score, model(empty, features(), etype[:0]).score)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(NieError, match=r"no convolution 'gnc'.*did you mean 'gcn'"):
        ConvolutionalModel("gnc", channel_sizes=SIZES, num_relations=2)
    with pytest.raises(NieError, match="hidden_size 64 is not a multiple of num_heads 5"):
        build("gat", num_heads=5)
