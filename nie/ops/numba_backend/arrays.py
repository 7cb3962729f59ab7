"""Tensors as the flat arrays that compiled kernels take, and how much of them a kernel works on at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nie.arrays import Array

_TILE = 128  # values of a row that the kernels keep in registers at a time


def arrays(rows: tuple[Tensor, ...]) -> tuple[Array, ...]:
    """Tensors as arrays of the same memory."""
    return tuple(part.numpy() for part in rows)


def flat(tensor: Tensor | None, *, like: Tensor | None = None) -> Array:
    """All values in one dimension; for None, an empty tensor of the type of ``like``."""
    if tensor is None:
        assert like is not None
        tensor = like.new_empty(0)
    array: Array = tensor.detach().contiguous().view(-1).numpy()
    return array


def shaped(array: Array, like: Tensor) -> Tensor:
    """A tensor of the shape of ``like`` in the memory of ``array``."""
    return torch.from_numpy(array).view(like.shape)


def tiles(heads: int, size: int) -> Iterator[tuple[int, int]]:
    """Number of heads in each tile, and first head of each tile.

    >>> list(tiles(24, 8)), list(tiles(2, 100))
    ([(12, 0), (12, 12)], [(1, 0), (1, 1)])
    """
    most = max(1, _TILE // size)
    tile = next(count for count in range(min(most, heads), 0, -1) if heads % count == 0)
    return ((tile, first) for first in range(0, heads, tile))


def num_tables(num_edges: int, table: Tensor | None, heads: int) -> int:
    """How many chunks of edges may sum their own gradient of a table of relations.

    They are enough to keep a few threads busy, and more where all tables are small beside an array of E x H values.
    """
    if table is None or table.numel() == 0:
        return num_edges
    few = min(24, max(1, num_edges // len(table)))
    return max(few, num_edges * heads // (32 * table.numel()))


def in_order(edge_weight: Tensor | None, ids: Tensor, *, like: Tensor) -> Array:
    """The weights of the edges of these ids, in their order; empty for edges without weights."""
    return flat(None if edge_weight is None else edge_weight[ids.long()], like=like)


def by_id(grad: Array, edge_weight: Tensor | None, ids: Tensor) -> Tensor | None:
    """The gradient of the edges' weights (E,), from that of the edges in the order of ``ids``."""
    if edge_weight is None:
        return None
    return torch.empty_like(edge_weight).index_copy(0, ids.long(), torch.from_numpy(grad))
