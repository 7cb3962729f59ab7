"""nie.models.sgc; what holds for every model is in test_models.py."""

from __future__ import annotations

from typing import Any

import torch
from reference.graphs import NUM_RELATIONS, normal, random_graph
from torch import Tensor

from nie.dgl_compat import dgl
from nie.models import MODELS

SIZES = {"structural": 3, "semantic": 5}


def build(name: str, **options: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS[name](channel_sizes=SIZES, num_relations=NUM_RELATIONS, **options).double()


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


def test_sgc_is_its_formula() -> None:
    graph, etype = random_graph()
    model = build("sgc", num_hops=3).eval()
    with torch.no_grad():
        model.bias.fill_(0.5)
    expected = (symmetric(graph).matrix_power(3) @ joined() @ model.linear.weight.T)[:, 0] + 0.5
    torch.testing.assert_close(model(graph, features(), etype).score, expected, rtol=0, atol=1e-10)
