"""Rows of edges cut into pieces of bounded length, so that a row of very many edges keeps many programs busy."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

PIECE = 256
"""Edges in a piece. Most rows are one piece; a hub's results are added up from its pieces'."""


class Pieces(NamedTuple):
    """Pieces of rows, as tables of 32-bit integers.

    Attributes:
        table: (P, 4) row, first edge, edge after the last, and the piece's number among those of split rows; -1 for a
            piece that is its whole row. The longest come first, so that none is left to run alone at the end.
        split: (M, 4) row, first and after the last of its numbered pieces, and -1, for every row that is split.
        num_parts: how many numbered pieces there are.
    """

    table: Tensor
    split: Tensor
    num_parts: int


def cut(offsets: Tensor) -> Pieces:
    """Cut the rows, whose edges go from ``offsets[row]`` up to ``offsets[row + 1]``, each into one piece or more.

    >>> pieces = cut(torch.tensor([0, 3, 3, 303]))
    >>> pieces.table.tolist()
    [[2, 3, 259, 0], [2, 259, 303, 1], [0, 0, 3, -1], [1, 3, 3, -1]]
    >>> pieces.split.tolist(), pieces.num_parts
    ([[2, 0, 2, -1]], 2)
    """
    offsets = offsets.long()  # near 2^31 edges, the end of a piece would not fit
    count = ((offsets.diff() + PIECE - 1) // PIECE).clamp(min=1)  # (rows,)
    row = torch.repeat_interleave(count)  # (P,)
    before = count.cumsum(0) - count
    first = offsets[row] + PIECE * (torch.arange(len(row), device=row.device) - before[row])
    last = torch.minimum(first + PIECE, offsets[row + 1])
    is_part = count[row] > 1
    number = torch.where(is_part, is_part.cumsum(0) - 1, -1)
    longest_first = (first - last).argsort(stable=True)
    table = torch.stack([row, first, last, number], dim=1)[longest_first].int()
    several = (count > 1).nonzero().squeeze(1)  # (M,)
    ends = count[several].cumsum(0)
    split = torch.stack([several, ends - count[several], ends, torch.full_like(ends, -1)], dim=1).int()
    return Pieces(table, split, int(count[several].sum()))
