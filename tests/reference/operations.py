"""Every operation over edges by name, with inputs for the nine nodes of `reference.graphs.random_graph`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from reference.graphs import NUM_RELATIONS, normal
from torch import Tensor

from nie.dgl_compat import dgl
from nie.ops import additive_attention, dot_attention, neighbour_sum, relational_product, relational_sum

Operation = Callable[..., Any]
NODES, HEADS, SIZE = 9, 3, 4


def table(*size: int) -> Tensor:
    return normal(NUM_RELATIONS, *size, seed=5, requires_grad=True)


def rows(*size: int, seed: int = 1) -> Tensor:
    return normal(NODES, *size, seed=seed, requires_grad=True)


CALLS: dict[str, tuple[Operation, list[Tensor], dict[str, Any]]] = {
    "additive": (additive_attention, [rows(HEADS, SIZE), rows(HEADS), rows(HEADS, seed=2), table(HEADS)], {}),
    "additive, plain": (additive_attention, [rows(HEADS, SIZE), rows(HEADS), rows(HEADS, seed=2)], {}),
    **{
        mode: (dot_attention, [*(rows(HEADS, SIZE, seed=seed) for seed in (1, 2, 3)), table(*shape)], {"mode": mode})
        for mode, shape in {"mul": [HEADS], "add": [HEADS], "gate": [HEADS], "dot": [HEADS, SIZE]}.items()
    },
    "sum": (neighbour_sum, [rows(SIZE)], {}),
    "relational sum": (relational_sum, [rows(2, SIZE), table(2)], {}),
    "relational product": (relational_product, [rows(SIZE), table(SIZE, 3)], {}),
}
"""By name: an operation, the inputs that are differentiated, and further settings."""

RELATIONAL = [name for name in CALLS if name not in ("sum", "additive, plain")]
"""The names of those that take the relations of edges."""


def call(name: str, graph: dgl.DGLGraph, etype: Tensor, weight: Tensor | None = None, **further: Any) -> Any:
    operation, inputs, settings = CALLS[name]
    given = {**settings, **further, "edge_weight": weight, **({"etype": etype} if name in RELATIONAL else {})}
    return operation(graph, *inputs, **given)


def slopes(name: str, out: Tensor, *more: Tensor) -> tuple[Tensor, ...]:
    weighing = normal(*out.shape, seed=7)
    return torch.autograd.grad((out * weighing).sum(), [*CALLS[name][1], *more])
