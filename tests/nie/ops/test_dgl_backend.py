"""What is particular to the DGL backend; its results are compared with a loop in test_attention.py."""

from __future__ import annotations

import torch
from reference.graphs import random_graph

from nie.ops.dgl_backend import _relation_graph


def test_the_relation_graph_keeps_the_order_of_the_edges() -> None:
    graph, etype = random_graph()
    by_relation = _relation_graph(graph, etype, 4)
    relation, dst = by_relation.edges(order="eid")
    assert torch.equal(relation, etype)
    assert torch.equal(dst, graph.edges(order="eid")[1])
    assert by_relation.num_nodes("relation") == 4
    assert by_relation.num_nodes("node") == graph.num_nodes()
