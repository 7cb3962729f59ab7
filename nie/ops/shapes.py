"""Checks of shapes, which every operation makes before it calls a backend."""

from __future__ import annotations

import torch
from torch import Tensor

from nie.arguments import whole_number
from nie.dgl_compat import dgl
from nie.errors import NieError, shown
from nie.ops.edge_index import relation_span


def expect_graph(graph: dgl.DGLGraph) -> None:
    """Raise unless ``graph`` is a graph of DGL with one kind of edges, or a block of one."""
    if not isinstance(graph, dgl.DGLGraph):
        what = f"{type(graph).__name__} of shape {tuple(graph.shape)}" if isinstance(graph, Tensor) else shown(graph)
        raise NieError(f"graph must be a DGL graph, such as dgl.graph((src, dst), num_nodes=N); got {what}.")
    if len(graph.canonical_etypes) != 1:
        kinds = len(graph.canonical_etypes)
        raise NieError(
            f"graph must have one kind of edges, with their relations in etype; got {kinds} kinds, which "
            "dgl.to_homogeneous joins."
        )


def expect_sizes(least: int = 1, /, **sizes: int) -> None:
    """Raise unless every size of a layer or model is a whole number of at least ``least``.

    >>> expect_sizes(in_size=3, num_heads=0)
    Traceback (most recent call last):
    nie.errors.NieError: num_heads must be a whole number of at least 1; got 0.
    """
    for name, size in sizes.items():
        whole_number(name, size, least)


def expect(name: str, tensor: Tensor, shape: tuple[int | None, ...]) -> None:
    """Raise unless ``tensor`` holds real numbers and has ``shape``, in which None stands for any size."""
    if tensor.is_complex():
        raise NieError(f"{name} must hold real numbers; got {tensor.dtype}.")
    if tensor.dim() != len(shape) or any(
        want is not None and have != want for have, want in zip(tensor.shape, shape, strict=True)
    ):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise NieError(f"{name} has shape {tuple(tensor.shape)}, but this graph needs ({wanted}).")


def expect_values(name: str, tensor: Tensor) -> None:
    """Raise where a row of ``tensor`` has no values, which the kernels do not compute with.

    >>> expect_values("value", torch.zeros(3, 2, 0))
    Traceback (most recent call last):
    nie.errors.NieError: value must have at least one value in each row; got shape (3, 2, 0).
    """
    if 0 in tensor.shape[1:]:
        raise NieError(f"{name} must have at least one value in each row; got shape {tuple(tensor.shape)}.")


def expect_ids(name: str, ids: Tensor, of: str) -> None:
    """Raise unless ``ids`` are integers, as ids ``of`` something are.

    >>> expect_ids("rows", torch.zeros(1), "keys")
    Traceback (most recent call last):
    nie.errors.NieError: rows must hold integers, the ids of keys; got torch.float32.
    """
    if ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool:
        raise NieError(f"{name} must hold integers, the ids of {of}; got {ids.dtype}.")


def expect_relations(
    graph: dgl.DGLGraph, name: str, rel: Tensor | None, etype: Tensor | None, shape: tuple[int | None, ...]
) -> None:
    """Raise unless the relation table and the edges' relations come together and fit."""
    if (rel is None) != (etype is None):
        given, missing = (name, "etype") if etype is None else ("etype", name)
        raise NieError(f"{given} is given without {missing}; give both, or neither to leave relations out.")
    if rel is not None and etype is not None:
        expect(name, rel, shape)
        expect("etype", etype, (graph.num_edges(),))
        expect_ids("etype", etype, "relations")
        # The kernels read these rows of the table without a check of their own.
        lowest, highest = relation_span(etype) if len(etype) else (0, 0)
        if len(etype) and not 0 <= lowest <= highest < len(rel):
            raise NieError(
                f"etype must be between 0 and {len(rel) - 1}, the rows of {name}; got {lowest} to {highest}."
            )
