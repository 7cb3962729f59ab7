"""nie.models.blocks."""

from __future__ import annotations

import pytest
import torch

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.models.blocks import per_layer

GRAPH, ETYPE = dgl.graph(([0], [1])), torch.zeros(1, dtype=torch.long)


def test_one_graph_serves_every_layer() -> None:
    assert per_layer(GRAPH, ETYPE, 3) == [(GRAPH, ETYPE)] * 3
    assert per_layer(GRAPH, None, 2) == [(GRAPH, None)] * 2


def test_blocks_come_one_a_layer() -> None:
    assert per_layer([GRAPH, GRAPH], [ETYPE, ETYPE], 2) == [(GRAPH, ETYPE)] * 2
    assert per_layer([GRAPH, GRAPH], None, 2) == [(GRAPH, None)] * 2


@pytest.mark.parametrize(
    ("graph", "etype", "message"),
    [
        (GRAPH, [ETYPE], "takes one etype tensor"),
        ([GRAPH], [ETYPE], "must have 2 blocks"),
        ([GRAPH, GRAPH], [ETYPE], "1 etype tensors"),
        ([GRAPH, GRAPH], ETYPE, "one etype tensor"),
    ],
)
def test_a_wrong_number_is_named(graph: object, etype: object, message: str) -> None:
    with pytest.raises(NieError, match=message):
        per_layer(graph, etype, 2)  # type: ignore[arg-type]
