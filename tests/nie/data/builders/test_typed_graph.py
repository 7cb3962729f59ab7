"""nie.data.builders.typed_graph, with from_dgl and from_pyg: graphs of other packages, whose nodes are numbers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from nie.data import KnowledgeGraph
from nie.dgl_compat import dgl
from nie.errors import NieError

HEADS, TAILS, TYPES = [0, 1, 10, 2], [1, 2, 0, 2], [0, 1, 1, 0]
X = torch.arange(12, dtype=torch.float32)[:, None]
SCORE = torch.tensor([3.0, float("nan")] + [float("nan")] * 9 + [5.0])


class Store(SimpleNamespace):
    """What a store of PyG gives."""

    def to_dict(self) -> dict[str, Any]:
        return vars(self)


class Hetero(dict[Any, Any]):
    """What a HeteroData of PyG gives."""

    node_types = ("author", "paper")
    edge_types = (("author", "writes", "paper"), ("paper", "cites", "paper"))


def from_dgl(**options: Any) -> KnowledgeGraph:
    graph = dgl.graph((torch.tensor(HEADS), torch.tensor(TAILS)), num_nodes=12)
    graph.ndata["feat"], graph.ndata["cited"] = X, SCORE
    graph.edata["kind"] = torch.tensor(TYPES)
    return KnowledgeGraph.from_dgl(graph, "cited", relation="kind", **options)


def from_pyg(**options: Any) -> KnowledgeGraph:
    data = Store(edge_index=torch.tensor([HEADS, TAILS]), edge_type=torch.tensor(TYPES), num_nodes=12, x=X, y=SCORE)
    return KnowledgeGraph.from_pyg(data, "y", **options)


def test_both_are_the_graph_of_the_file(tmp_path: Path) -> None:
    rows = [*zip(HEADS, TYPES, TAILS, strict=True), (3, 0, 3)]
    (tmp_path / "t.tsv").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    kg, other = from_dgl(), from_pyg()
    assert kg.digest == other.digest
    assert kg.node_names == sorted(map(str, range(12)))  # nodes without edges, too
    names = [*kg.node_names]
    assert kg.channels["feat"].features[names.index("10"), 0] == other.channels["x"].features[names.index("10")] == 10
    assert {names[node]: kg.labels[node] for node in np.flatnonzero(kg.label_mask)} == {"0": 3, "11": 5}
    assert kg.meta["inputs"] == {"structural": "node2vec+feat"}
    file = KnowledgeGraph.from_file(tmp_path / "t.tsv")
    edges = {(names[head], kg.relation_names[said], names[tail]) for head, said, tail in kg.triples.tolist()}
    assert edges < {(file.node_names[h], file.relation_names[r], file.node_names[t]) for h, r, t in file.triples}


def test_names_of_nodes_and_relations() -> None:
    kg = from_dgl(node_names=[f"n{node}" for node in range(12)], relation_names=["by", "of"], text={"n3": "three"})
    assert kg.relation_names == ["by", "of"]
    assert kg.text[kg.node_names.index("n3")] == "three"
    with pytest.raises(NieError, match="node_names must be 12 strings for"):
        from_dgl(node_names=["a"])
    with pytest.raises(NieError, match="There are relations up to 1, but 1 names of relations"):
        from_pyg(relation_names=["a"])


@pytest.mark.parametrize("make", [from_dgl, from_pyg])
def test_blanks_around_a_name_are_no_part_of_it(make: Any) -> None:
    plain = [f"n{node}" for node in range(12)]
    padded = [f" {name} " if node % 2 else f"{name}\u00a0" for node, name in enumerate(plain)]
    kg, other = make(node_names=plain), make(node_names=padded, text={" n3 ": "three"})
    assert other.digest == kg.digest
    for name, channel in kg.channels.items():
        assert (other.channels[name].features == channel.features).all()
    assert other.text[kg.node_names.index("n3")] == "three"
    with pytest.raises(NieError, match="every node must have a name of its own"):
        make(node_names=[*plain[:-1], f"{plain[0]} "])


def test_types_of_nodes_and_edges_are_names() -> None:
    ends = {
        ("author", "writes", "paper"): (torch.tensor([0, 1]), torch.tensor([0, 0])),
        ("paper", "cites", "paper"): (torch.tensor([0]), torch.tensor([1])),
    }
    graph = dgl.heterograph(ends)
    graph.nodes["paper"].data["x"] = X[:2]
    graph.nodes["paper"].data["y"] = SCORE[:2]
    data = Hetero({triple: Store(edge_index=torch.stack(pair)) for triple, pair in ends.items()})
    data["author"], data["paper"] = Store(num_nodes=2), Store(num_nodes=2, x=X[:2], y=SCORE[:2])
    first, second = KnowledgeGraph.from_dgl(graph, "y"), KnowledgeGraph.from_pyg(data, "y")
    assert first.digest == second.digest
    assert first.relation_names == ["author:writes:paper", "paper:cites:paper"]
    assert first.node_names == ["author:0", "author:1", "paper:0", "paper:1"]
    assert first.channels["x.paper"].mask.tolist() == [False, False, True, True]


def test_what_is_missing_is_named() -> None:
    graph = dgl.graph(([0], [1]))
    with pytest.raises(NieError, match=r"The graph of DGL has no 'cited' of nodes; known are none"):
        KnowledgeGraph.from_dgl(graph, "cited")
    with pytest.raises(NieError, match="The edges have no 'kind'; known are none"):
        KnowledgeGraph.from_dgl(graph, relation="kind")
    with pytest.raises(NieError, match="must be one of DGL; got 7"):
        KnowledgeGraph.from_dgl(7)
    with pytest.raises(NieError, match="must be a Data or HeteroData of PyG; got 7"):
        KnowledgeGraph.from_pyg(7)
    with pytest.raises(NieError, match="name nodes that there are not"):
        KnowledgeGraph.from_pyg(Store(edge_index=torch.tensor([[0], [5]]), num_nodes=2))
    assert KnowledgeGraph.from_dgl(graph, {"1": 2.0}).labels[1] == 2


def test_labels_of_pyg_are_no_feature_where_the_scores_stand_elsewhere() -> None:
    data = Store(edge_index=torch.tensor([HEADS, TAILS]), num_nodes=12, x=X, y=X + 1)
    kg = KnowledgeGraph.from_pyg(data, {"0": 1.0, "1": 2.0})
    assert list(kg.channels) == ["x"]
    assert list(KnowledgeGraph.from_pyg(data, "y").channels) == ["x"]
