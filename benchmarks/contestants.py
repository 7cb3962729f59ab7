"""The contestants: our two operators on every backend, our layers, and what DGL, PyG and plain Python offer instead.

Everybody gets N nodes, E edges, H heads of D values and H * D input features. An *operator* starts from values and
scores that are given; a *layer* makes them from the features by its own projections, which are in its time and memory.
The gradient of the features, of all parameters and of the relation table is computed. Who takes features of edges gets
the relations' embeddings gathered on the edges, as their users do; the gathering counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import plain
import torch
from case import REL_SIZE, Case
from measure import Step
from torch import Tensor, nn

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.extras import require
from nie.layers import PreGATConv, RelGraphTransformerConv
from nie.ops import additive_attention, dot_attention
from nie.ops.backend import choose_backend

MODES = ("additive", "mul", "dot")


@dataclass(frozen=True)
class Contestant:
    """One row of the table.

    Args:
        name: of the row.
        family: "additive" or "dot", the operator it competes with.
        kind: "operator" or "layer".
        includes: what its time is spent on, beside attention over the edges.
        build: makes its step for a case; raises NieError where it cannot be had.
        edge_rows: about how many arrays of E x H x D floats it holds at its peak, as measured; a graph for which these
            are more than the memory at hand is left out.
        one_head: True if it is so slow that it runs only once and with one head; its heads are modules that run one
            after the other, so that the time and memory of all are those of one, times H.
    """

    name: str
    family: str
    kind: str
    includes: str
    build: Callable[[Case], Step]
    edge_rows: int = 1
    one_head: bool = False


def automatic(case: Case) -> str:
    """The backend that `nie.ops` picks for this case."""
    return choose_backend(torch.empty(1, case.heads, case.size, device=case.device))


def contestants(case: Case) -> list[Contestant]:
    """All rows for this case, those of the automatic backend first in their family."""
    backends = dict.fromkeys([automatic(case), "dgl"])
    return [*(operator(mode, backend) for mode in MODES for backend in backends), *LAYERS]


def operator(mode: str, backend: str) -> Contestant:
    """The row of one of our operators: "additive", or a mode of `nie.ops.dot_attention`."""
    family, build = ("additive", _additive) if mode == "additive" else ("dot", partial(_dot, mode=mode))
    name = f"{operator_name(mode)} [{backend}]"
    return Contestant(name, family, "operator", "values and scores given", partial(build, backend=backend))


def operator_name(mode: str) -> str:
    """The operator's name without its backend."""
    return "additive_attention" if mode == "additive" else f"dot_attention {mode}"


def _additive(case: Case, backend: str) -> Step:
    _check(case, backend)
    value = _random(case, case.num_nodes, case.heads, case.size)
    source, destination = (_random(case, count, case.heads) for count in (case.num_nodes, case.num_dst))
    relation = _random(case, case.num_relations, case.heads)
    graph = case.graph_for_dgl() if backend == "dgl" else case.graph

    def forward() -> Sequence[Tensor]:
        return [additive_attention(graph, value, source, destination, relation, case.etype, backend=backend)]

    return Step(forward, [value, source, destination, relation])


def _dot(case: Case, backend: str, mode: str) -> Step:
    _check(case, backend)
    counts = (case.num_dst, case.num_nodes, case.num_nodes)
    query, key, value = (_random(case, count, case.heads, case.size) for count in counts)
    shape = (case.heads, case.size) if mode == "dot" else (case.heads,)
    relation = _random(case, case.num_relations, *shape)
    graph = case.graph_for_dgl() if backend == "dgl" else case.graph

    def forward() -> Sequence[Tensor]:
        return [dot_attention(graph, query, key, value, relation, case.etype, mode, backend=backend)]

    return Step(forward, [query, key, value, relation])


def _check(case: Case, backend: str) -> None:
    """Let a backend that cannot be had raise before anything is allocated."""
    choose_backend(torch.empty(1, case.heads, case.size, device=case.device), backend)


def _layer(case: Case, make: Callable[[Case], nn.Module], call: Callable[..., Any]) -> Step:
    """A step of ``call(case, layer, feat, relation table)``, with gradients of everything that has one."""
    layer = make(case).to(case.device)
    feat = _random(case, case.num_nodes, case.width)
    table = _random(case, case.num_relations, REL_SIZE)
    return Step(lambda: [call(case, layer, feat, table)], [feat, table, *layer.parameters()])


def _random(case: Case, *shape: int) -> Tensor:
    return torch.randn(*shape, device=case.device).requires_grad_()


def _make_ours(case: Case, kind: Callable[..., nn.Module], **options: Any) -> nn.Module:
    return kind(case.width, case.size, REL_SIZE, case.heads, **options)


def _call_ours(case: Case, layer: nn.Module, feat: Tensor, table: Tensor) -> Tensor:
    return layer(case.graph, feat, table, case.etype)


def _on_dgl(case: Case, make: Callable[[Case], nn.Module], call: Callable[..., Any]) -> Step:
    """A step of what runs on DGL itself: the graph is taken to the device here, which is not part of its time."""
    return _layer(replace(case, graph=case.graph_for_dgl()), make, call)


def _call_dgl(case: Case, layer: nn.Module, feat: Tensor, table: Tensor) -> Tensor:
    return layer(case.graph, feat)


def _call_egat(case: Case, layer: nn.Module, feat: Tensor, table: Tensor) -> Tensor:
    return layer(case.graph, feat, table.index_select(0, case.etype))[0]


def _build_pyg(case: Case, kind: str, **options: Any) -> Step:
    make = getattr(require("torch_geometric.nn", "bench"), kind)
    edge_index = torch.stack(case.graph.edges(order="eid")).to(case.device)
    return _layer(
        case,
        lambda case: make(case.width, case.size, heads=case.heads, edge_dim=REL_SIZE, **options),
        lambda case, layer, feat, table: layer(feat, edge_index, table.index_select(0, case.etype)),
    )


def _make_plain(case: Case, kind: type[plain.Head]) -> nn.Module:
    return kind(case.width, case.size, REL_SIZE)


def _call_plain(case: Case, layer: nn.Module, feat: Tensor, table: Tensor) -> Tensor:
    return layer(case.graph, feat, table.index_select(0, case.etype))


def _transformer(mode: str) -> Callable[[Case], Step]:
    return partial(_layer, make=partial(_make_ours, kind=RelGraphTransformerConv, mode=mode), call=_call_ours)


LAYERS = [
    Contestant(
        "PreGATConv", "additive", "layer", "projection, scores",
        partial(_layer, make=partial(_make_ours, kind=PreGATConv), call=_call_ours),
    ),
    Contestant(
        "dgl.nn.GATConv", "additive", "layer", "projection, scores; no relations",
        partial(_on_dgl, make=lambda case: dgl.nn.GATConv(case.width, case.size, case.heads), call=_call_dgl),
    ),
    Contestant(
        "dgl.nn.EGATConv", "additive", "layer", "projections, relation rows on edges, edge output",
        partial(
            _on_dgl,
            make=lambda case: dgl.nn.EGATConv(case.width, REL_SIZE, case.size, case.size, case.heads),
            call=_call_egat,
        ), edge_rows=5,
    ),
    Contestant(
        "PyG GATConv(edge_dim)", "additive", "layer", "projection, scores, relation rows on edges",
        partial(_build_pyg, kind="GATConv", add_self_loops=False), edge_rows=6,
    ),
    Contestant(
        "plain functions, a module a head", "additive", "layer",
        "one head run, times H; projection, scores, relation rows",
        partial(_on_dgl, make=partial(_make_plain, kind=plain.AdditiveHead), call=_call_plain),
        edge_rows=6, one_head=True,
    ),
    Contestant("RelGraphTransformerConv mul", "dot", "layer", "3 projections, relation weights", _transformer("mul")),
    Contestant("RelGraphTransformerConv dot", "dot", "layer", "3 projections, relation vectors", _transformer("dot")),
    Contestant(
        "dgl.nn.DotGatConv", "dot", "layer", "1 projection; no relations",
        partial(_on_dgl, make=lambda case: dgl.nn.DotGatConv(case.width, case.size, case.heads), call=_call_dgl),
    ),
    Contestant(
        "PyG TransformerConv(edge_dim)", "dot", "layer", "3 projections, relation rows projected on edges",
        partial(_build_pyg, kind="TransformerConv", root_weight=False), edge_rows=8,
    ),
    Contestant(
        "plain functions, a module a head", "dot", "layer", "one head run, times H; 3 projections, relation weights",
        partial(_on_dgl, make=partial(_make_plain, kind=plain.DotHead), call=_call_plain), edge_rows=6, one_head=True,
    ),
]  # fmt: skip


def find(case: Case, family: str, name: str) -> Contestant:
    """A contestant by its name."""
    for one in contestants(case):
        if (one.family, one.name) == (family, name):
            return one
    raise NieError(f"There is no contestant {name!r} of the family {family!r}.")
