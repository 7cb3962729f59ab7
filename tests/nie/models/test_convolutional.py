"""nie.models.convolutional, nie.models.sgc and their layers, nie.layers.graph_conv and nie.layers.sage_conv.

Each is compared with plain matrices; what holds for every model is in test_models.py.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from reference.graphs import NUM_RELATIONS, normal, random_graph
from torch import Tensor

from downstream.methods.table import METHODS
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.models.blocks import Degrees

SIZES = {"structural": 3, "semantic": 5}


def build(name: str, **options: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    build = METHODS[name].build
    assert build is not None
    model: torch.nn.Module = build(channel_sizes=SIZES, num_relations=NUM_RELATIONS, **options)
    return model.double()


def features(num_nodes: int = 9) -> dict[str, Tensor]:
    return {name: normal(num_nodes, size, seed=seed) for seed, (name, size) in enumerate(SIZES.items())}


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


def published(name: str) -> tuple[torch.nn.Module, list[torch.nn.Module]]:
    """Two convolutions of which the second gives the score, as in the program of LICAP; DGL's of equal weights."""
    further: dict[str, dict[str, Any]] = {"gcn": {"norm": "none"}, "rgcn": {"norm": "none", "num_bases": None}}
    model = build(name, readout="convolution", feat_drop=0.0, **further.get(name, {}))
    theirs = []
    for layer in model.layers:
        i, o = layer.in_size, layer.out_size
        if name == "gcn":
            other = dgl.nn.GraphConv(i, o, norm="none", allow_zero_in_degree=True).double()
            pairs = [(other.weight, layer.weight), (other.bias, layer.bias)]
        elif name == "graphsage":
            other = dgl.nn.SAGEConv(i, o, "mean").double()
            pairs = [(other.fc_self.weight, layer.fc_self.weight), (other.fc_neigh.weight, layer.fc_neigh.weight)]
            pairs.append((other.fc_self.bias, layer.fc_self.bias))
        else:
            other = dgl.nn.RelGraphConv(i, o, NUM_RELATIONS).double()
            pairs = [(other.linear_r.W, layer.weight), (other.loop_weight, layer.own.weight.T)]
            pairs.append((other.h_bias, layer.own.bias))
        with torch.no_grad():
            for their, own in pairs:
                own.copy_(normal(*own.shape, seed=len(theirs) + 1))
                their.copy_(own)
        theirs.append(other)
    return model, theirs


@pytest.mark.parametrize("name", ["gcn", "graphsage", "rgcn"])
def test_the_last_convolution_gives_the_score_as_two_of_dgl_do_on_graph_and_full_blocks(name: str) -> None:
    graph, etype = random_graph()
    model, theirs = published(name)
    relations = (etype,) if name == "rgcn" else ()
    expected = theirs[1](graph, torch.relu(theirs[0](graph, joined(), *relations)), *relations)[:, 0]
    torch.testing.assert_close(model(graph, features(), etype).score, expected, rtol=0, atol=1e-10)
    assert expected.min() < 0  # so that no activation stands behind it
    seeds = torch.tensor([7, 0, 4])
    nodes, _, blocks = dgl.dataloading.MultiLayerFullNeighborSampler(2).sample_blocks(graph, seeds)
    etypes = [etype[block.edata[dgl.EID]] for block in blocks]
    sampled = {channel: feat[nodes] for channel, feat in features().items()}
    found = model(blocks, sampled, etypes, degrees=Degrees.of(graph).at(nodes)).score
    torch.testing.assert_close(found, expected[seeds], rtol=0, atol=1e-10)
    model.reset_parameters()
    assert not any("readout" in key for key in model.state_dict())


@pytest.mark.parametrize(("name", "options", "said"), [
    ("gat", {}, "heads share the output of gat"),
    ("gcn", {"tier_outputs": 3}, "tiers are read from it"),
])  # fmt: skip
def test_a_readout_that_cannot_be_is_refused(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(NieError, match=f"The readout must be linear, as {said}; got 'convolution'"):
        build(name, readout="convolution", **options)
