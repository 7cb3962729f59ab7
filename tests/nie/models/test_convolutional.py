"""nie.models.convolutional, nie.models.sgc and their layers, nie.layers.graph_conv and nie.layers.sage_conv.

Each is compared with plain matrices; what holds for every model is in test_models.py.
"""

from __future__ import annotations

from typing import Any

import torch
from reference.graphs import NUM_RELATIONS, normal, random_graph
from torch import Tensor

from downstream.methods.table import METHODS
from nie.dgl_compat import dgl

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
