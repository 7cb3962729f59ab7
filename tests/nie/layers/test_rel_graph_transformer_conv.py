"""RelGraphTransformerConv's modes; what both convolutions share is in test_convolutions.py."""

from __future__ import annotations

import pytest
import torch
from reference.graphs import normal, random_graph

from nie.errors import NieError
from nie.layers import RelGraphTransformerConv


def test_dot_reads_the_destinations_query() -> None:
    # The published program reads the source's. With one in-edge per relation from equal sources, only the
    # destination's query can tell the two edges apart.
    graph, etype = random_graph()
    conv = RelGraphTransformerConv(5, 4, rel_size=3, num_heads=2, mode="dot").double()
    with torch.no_grad():
        conv.key.weight.zero_()
    feat, rel = normal(graph.num_nodes(), 5), normal(4, 3, seed=1)
    before = conv.attention(graph, feat, rel, etype)
    src, dst = graph.edges()
    node = int(dst[0])
    changed = feat.clone()
    changed[node] += 1.0
    after = conv.attention(graph, changed, rel, etype)
    assert torch.equal(before[dst != node], after[dst != node])
    assert not torch.allclose(before[dst == node], after[dst == node])
    assert (src == node).any()


@pytest.mark.parametrize("mode", ["mul", "add", "gate", "dot"])
def test_equal_relations_leave_add_and_dot_without_influence(mode: str) -> None:
    graph, etype = random_graph()
    conv = RelGraphTransformerConv(5, 4, rel_size=3, num_heads=2, mode=mode).double().eval()
    feat, rel = normal(graph.num_nodes(), 5), torch.ones(4, 3, dtype=torch.float64)
    one, other = (conv.attention(graph, feat, rel * scale, etype) for scale in (1.0, 3.0))
    assert torch.allclose(one, other) == (mode in ("add", "dot"))


def test_gate_needs_two_relations_to_normalise_over() -> None:
    graph, etype = random_graph()
    conv = RelGraphTransformerConv(5, 4, rel_size=3, num_heads=2, mode="gate").double()
    with pytest.raises(NieError, match="needs two of them"):
        conv(graph, normal(graph.num_nodes(), 5), normal(1, 3), torch.zeros_like(etype))
