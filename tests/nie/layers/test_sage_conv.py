"""nie.layers.sage_conv."""

from __future__ import annotations

import pytest
from reference.convolutions import check_bits
from reference.graphs import normal, random_graph
from reference.resets import check_reset

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers import SAGEConv


def test_a_seed_gives_the_bits_of_dgl() -> None:
    check_bits(SAGEConv, lambda i, o: dgl.nn.SAGEConv(i, o, "mean"))


def test_reset_parameters_sets_everything_and_sizes_are_checked() -> None:
    graph, _ = random_graph()
    layer, fresh = SAGEConv(4, 3), SAGEConv(4, 3)
    check_reset(layer, fresh)
    with pytest.raises(NieError, match=r"need \(9, 4\)"):
        layer(graph, normal(9, 5).float())
