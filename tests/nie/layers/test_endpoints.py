"""nie.layers.endpoints."""

from __future__ import annotations

import pytest
import torch

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers.endpoints import check_relations, endpoints


def test_a_graphs_ends_are_the_same_nodes() -> None:
    feat = torch.ones(3, 2)
    src, dst = endpoints(dgl.graph(([0], [2])), feat, 2)
    assert src is feat
    assert dst is feat


def test_a_blocks_destinations_are_its_first_sources() -> None:
    block = dgl.to_block(dgl.graph(([0, 1], [2, 2])), [2])
    feat = torch.arange(6.0).view(3, 2)
    src, dst = endpoints(block, feat, 2)
    assert torch.equal(dst, src[:1])


@pytest.mark.parametrize("shape", [(2, 2), (3, 1)])
def test_shapes_that_do_not_fit_are_named(shape: tuple[int, int]) -> None:
    with pytest.raises(NieError, match=r"need \(3, 2\)"):
        endpoints(dgl.graph(([0], [2])), torch.ones(shape), 2)


def test_relations_come_exactly_when_the_layer_has_them() -> None:
    rel, etype = torch.ones(4, 3), torch.zeros(1, dtype=torch.long)
    check_relations(3, rel, etype)
    check_relations(0, None, None)
    for size, given, ids in ((0, rel, etype), (3, None, None), (3, rel, None), (2, rel, etype)):
        with pytest.raises(NieError):
            check_relations(size, given, ids)
