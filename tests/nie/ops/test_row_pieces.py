"""nie.ops.row_pieces: rows of edges in pieces of bounded length."""

from __future__ import annotations

import torch

from nie.ops.row_pieces import PIECE, cut


def test_pieces_cover_every_edge_once_and_the_longest_come_first() -> None:
    generator = torch.Generator().manual_seed(0)
    degrees = torch.randint(0, 4 * PIECE, (50,), generator=generator)
    degrees[:3] = torch.tensor([0, PIECE, PIECE + 1])
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), degrees.cumsum(0)]).int()
    table, split, num_parts = cut(offsets)
    lengths = table[:, 2] - table[:, 1]
    assert (lengths.diff() <= 0).all()
    assert lengths.max() == PIECE
    rows = torch.repeat_interleave(table[:, 0], lengths)
    edges = torch.cat([torch.arange(first, last) for _, first, last, _ in table.tolist()])
    assert torch.equal(edges.sort().values, torch.arange(int(degrees.sum())))
    assert torch.equal(rows[edges.argsort()], torch.repeat_interleave(torch.arange(50, dtype=torch.int32), degrees))
    whole = table[table[:, 3] < 0]
    assert whole[:, 0].sort().values.tolist() == (degrees <= PIECE).nonzero().squeeze(1).tolist()
    parts = table[table[:, 3] >= 0]
    assert parts[:, 3].sort().values.tolist() == list(range(num_parts))
    for row, first, last, _ in split.tolist():
        mine = parts[(parts[:, 3] >= first) & (parts[:, 3] < last)]
        assert mine[:, 0].unique().tolist() == [row]
        assert int((mine[:, 2] - mine[:, 1]).sum()) == degrees[row]


def test_near_the_largest_number_of_edges() -> None:
    table, _, num_parts = cut(torch.tensor([0, 2**31 - 1 - 2 * PIECE - 3, 2**31 - 1], dtype=torch.int32)[1:])
    assert num_parts == 3
    assert table[:, 2].max() == 2**31 - 1


def test_no_rows_and_no_edges() -> None:
    assert len(cut(torch.tensor([0])).table) == 0
    assert cut(torch.tensor([0, 0])).table.tolist() == [[0, 0, 0, -1]]
