"""nie.layers.rows."""

from __future__ import annotations

import torch
from torch import Tensor

from nie.dgl_compat import dgl
from nie.layers import SAGEConv
from nie.layers.graph_layer import by_rows, in_chunks
from nie.layers.rows import Rows, SideBySide, held

VALUES = torch.rand(50, 4)


class OfValues(Rows):
    shape, dtype, device = VALUES.shape, VALUES.dtype, VALUES.device

    def __init__(self) -> None:
        self.read_at_once: list[int] = []

    def read(self, ids: Tensor | slice) -> Tensor:
        self.read_at_once.append(len(VALUES[ids]))
        return VALUES[ids]


def test_columns_side_by_side_are_those_of_both() -> None:
    beside = SideBySide([OfValues(), VALUES[:, :1]])
    both, ids = torch.cat([VALUES, VALUES[:, :1]], dim=1), torch.tensor([7, 0, 7])
    assert beside.shape == both.shape
    assert torch.equal(beside[ids], both[ids])
    assert torch.equal(held(beside[:]), both)
    assert torch.equal(beside[3:5], both[3:5])


def test_a_layer_in_chunks_reads_the_rows_of_a_chunk() -> None:
    graph, layer, rows = dgl.rand_graph(50, 100), SAGEConv(4, 3), OfValues()
    with torch.no_grad():
        whole = layer(graph, rows)
        assert rows.read_at_once == [50]
        with in_chunks(80):
            torch.testing.assert_close(layer(graph, rows), whole)
            assert torch.equal(by_rows(torch.square, rows), VALUES.square())
    assert max(rows.read_at_once[1:]) < 50
    torch.testing.assert_close(layer(graph, VALUES), whole)


def test_other_functions_of_torch_read_all() -> None:
    rows = OfValues()
    assert torch.equal(torch.nn.functional.linear(rows, VALUES[:2]), VALUES @ VALUES[:2].T)
    assert torch.equal(torch.stack([rows, rows]), torch.stack([VALUES, VALUES]))
    assert held([rows, 3])[1] == 3
