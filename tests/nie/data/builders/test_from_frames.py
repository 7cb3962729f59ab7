"""nie.data.builders.from_frames and nie.data.builders.frame: graphs from tables in memory."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pytest

from nie.data import KnowledgeGraph
from nie.errors import NieError

TRIPLES = {
    "tail": ["bob", "ann", "cat", 1970, 1980],
    "head": ["ann", "bob", "bob", "ann", "cat"],
    "relation": ["knows", "knows", "likes", "born", "born"],
}
SCORES = {"node": ["cat", "ann"], "score": [2.0, 3]}
Make = Any


def columns(table: dict[str, list[Any]]) -> Any:
    return table


def arrow(table: dict[str, list[Any]]) -> Any:
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.table({key: list(map(str, cells)) if key == "tail" else cells for key, cells in table.items()})


def pandas(table: dict[str, list[Any]]) -> Any:
    return pytest.importorskip("pandas").DataFrame(table)


def from_file(folder: Path) -> KnowledgeGraph:
    rows = zip(*(TRIPLES[key] for key in ("head", "relation", "tail")), strict=True)
    (folder / "t.tsv").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    (folder / "s.tsv").write_text("cat\t2\nann\t3\n")
    return KnowledgeGraph.from_file(folder / "t.tsv", folder / "s.tsv")


@pytest.mark.parametrize("make", [columns, arrow, pandas])
def test_every_table_is_the_graph_of_the_file(make: Make, tmp_path: Path) -> None:
    kg, file = KnowledgeGraph.from_frames(make(TRIPLES), make(SCORES)), from_file(tmp_path)
    assert kg.digest == file.digest
    assert list(kg.text) == list(file.text) == ["ann", "bob", "cat"]
    assert (kg.channels["literals"].features == file.channels["literals"].features).all()
    whole = [KnowledgeGraph.from_frames(make(TRIPLES), literals="nodes"),
             KnowledgeGraph.from_file(tmp_path / "t.tsv", literals="nodes")]  # fmt: skip
    assert whole[0].digest == whole[1].digest


def test_networkx_is_the_graph_of_the_file(tmp_path: Path) -> None:
    graph = networkx.MultiDiGraph()
    for tail, head, relation in zip(*TRIPLES.values(), strict=True):
        graph.add_edge(head, tail, relation=relation)
    graph.nodes["ann"]["importance"], graph.nodes["cat"]["importance"] = 3, 2.0
    assert KnowledgeGraph.from_networkx(graph).digest == from_file(tmp_path).digest
    keys = networkx.MultiDiGraph([(head, tail, key) for head, tail, key, _ in graph.edges(keys=True, data=True)])
    assert KnowledgeGraph.from_networkx(keys, literals="nodes").relation_names == ["edge"]
    said = KnowledgeGraph.from_networkx(graph, scores={"bob": 1}, name="mine")
    assert (said.labels[1], said.name) == (1, "mine")


def test_the_first_three_columns_of_other_names() -> None:
    kg = KnowledgeGraph.from_frames({"film": ["a", "b"], "what": ["by", "by"], "who": ["x", "y"]})
    assert kg.relation_names == ["by"]
    with pytest.raises(NieError, match="another order; name them relation,head,tail, or head,relation,tail if"):
        ring = [f"n{i}" for i in range(60)]
        KnowledgeGraph.from_frames({"a": ["r"] * 60, "b": ring, "c": ring[1:] + ring[:1]})


def test_dates_and_numbers_among_tails_are_values() -> None:
    tails = ["b", datetime.date(2000, 1, 1), np.float64(1.5), True, np.int64(3), np.datetime64("2001-01-01").item()]
    kg = KnowledgeGraph.from_frames({
        "head": ["a"] * 6, "relation": ["r", "on", "size", "open", "count", "on"], "tail": tails,
    })  # fmt: skip
    assert (kg.num_nodes, kg.num_edges) == (2, 1)
    np.testing.assert_allclose(kg.channels["literals"].features[0, ::2], np.log1p([3, 2000.5, 1, 1.5]), atol=1e-6)
    numbered = KnowledgeGraph.from_frames({"head": [0, 1], "relation": [0, 0], "tail": [1, 5]})
    assert numbered.node_names == ["0", "1", "5"]


def test_times_of_pandas_are_values() -> None:
    frames = pytest.importorskip("pandas")
    table = {"head": ["a", "b"], "relation": ["at", "at"], "tail": frames.to_datetime(["2000-01-01", "2001-01-01"])}
    link = {"head": ["a"], "relation": ["r"], "tail": ["b"]}
    kg = KnowledgeGraph.from_frames(frames.concat([frames.DataFrame(table), frames.DataFrame(link)]))
    assert kg.channels["literals"].features[:, 0] == pytest.approx(np.log1p([2000, 2001]))
    with pytest.raises(NieError, match=r"row 1: a name in the column 'tail' must be .*; it is empty"):
        KnowledgeGraph.from_frames(frames.DataFrame({**table, "tail": frames.to_datetime(["2000-01-01", None])}))


def test_features_are_frames_and_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", features=[[1.0], [2.0]], names=["ann", "bob"])
    frame = {"node": ["cat ", " ann"], "papers": [5, 1], "pages": [0.5, 1.5]}
    kg = KnowledgeGraph.from_frames(TRIPLES, features={"bib": frame, "image": tmp_path / "f.npz"})
    assert kg.channels["bib"].features.tolist() == [[1, 1.5], [0, 0], [5, 0.5]]
    assert kg.channels["bib"].mask.tolist() == [True, False, True]
    assert kg.meta["inputs"] == {"structural": "node2vec+literals+bib+image"}


def test_a_column_that_is_surely_of_nodes_goes_before_one_that_may_be() -> None:
    """And the other is neither their score nor a feature."""
    table = {"id": [7, 8], "node": ["ann", "cat"], "views": [2.0, 3]}
    kg = KnowledgeGraph.from_frames(TRIPLES, table, features={"bib": table})
    np.testing.assert_array_equal(kg.labels, [2, np.nan, 3])
    assert kg.channels["bib"].features.tolist() == [[2], [0], [3]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"triples": {"head": ["a"], "tail": ["b"]}}, "triples must have the columns head, relation, tail, or three"),
        (
            {"triples": {"head": ["a"], "tail": ["b"], "weight": [1]}},
            "in this order; got head, tail, weight",
        ),
        ({"triples": {"relation": ["a"], "tail": ["b"], "w": [1]}}, "triples must have the columns head, relation, ta"),
        ({"triples": {"head": ["a", "b"], "relation": ["r"], "tail": ["b"]}}, "columns of one length; got 1, 2"),
        ({"triples": 7}, "triples must be a DataFrame, an Arrow table or a dict of columns; got 7"),
        ({"triples": {**TRIPLES, "head": ["a", None, "c", "d", "e"]}}, "triples, row 1: .*'head'.*; it is empty"),
        ({"triples": {**TRIPLES, "tail": ["a", float("nan"), "c", "d", "e"]}}, "row 1: .*'tail'.*; it is empty"),
        ({"triples": {**TRIPLES, "head": [1.5, "b", "c", "d", "e"]}}, "row 0: .*'head' .*; it is 1.5"),
        ({"triples": {**TRIPLES, "head": ["a", " ", "c", "d", "e"]}}, "row 1: head, relation and tail must not be em"),
        ({"scores": {"node": ["ann", "ann"], "score": [1, 2]}}, "scores, row 1: the node 'ann' appears twice"),
        ({"scores": {"node": ["ann"], "score": [float("nan")]}}, "scores, row 0: the score of 'ann' must be a number"),
        ({"scores": {"node": ["dan"], "score": [1]}}, "scores, row 0: the node 'dan' is in no triple"),
        ({"scores": {"node": ["1970"], "score": [1]}}, "row 0: '1970' is a literal, a value of the relation 'born'"),
        ({"scores": {"node": ["ann"]}}, "scores must have two columns, nodes and their values"),
        ({"text": {"node": ["ann"], "text": [None]}}, "text, row 0: the text of 'ann' must be a string; got None"),
        ({"features": {"bib": {"node": ["ann"], "x": ["y"]}}}, "features bib must hold numbers in every column"),
        ({"features": {"bib": {"x": [1.0, 2.0]}}}, r"features bib must have two columns, .* by reset_index\(\)"),
        ({"features": {"bib": {"node": ["dan"], "x": [1]}}}, "features bib: channel bib has a row for 'dan'"),
        ({"features": {"literals": {"node": ["ann"], "x": [1]}}}, "channel name literals is that of the graph's own"),
        ({"features": {"a+b": {"node": ["ann"], "x": [1]}}}, r"channel name 'a\+b' must hold no '\+'"),
        ({"type_relation": "know"}, r"triples has no relation 'know' \(did you mean 'knows'\?\)"),
    ],
)
def test_bad_frames_are_one_sentence(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NieError, match=words) as caught:
        KnowledgeGraph.from_frames(**{"triples": TRIPLES, **changes})
    assert "\n" not in str(caught.value)


def test_bad_graphs_of_networkx_are_one_sentence() -> None:
    some = networkx.DiGraph([("a", "b"), ("b", "c")])
    assert KnowledgeGraph.from_networkx(some).relation_names == ["edge"]
    some.edges["a", "b"]["relation"] = "knows"
    with pytest.raises(NieError, match="the attribute 'relation', or none; the edge from 'b' to 'c' has none"):
        KnowledgeGraph.from_networkx(some)
    with pytest.raises(NieError, match=r"must be directed.*; give graph.to_directed\(\)"):
        KnowledgeGraph.from_networkx(networkx.Graph([("a", "b")]))
    with pytest.raises(NieError, match="must be a DiGraph or a MultiDiGraph of networkx; got 7"):
        KnowledgeGraph.from_networkx(7)
    with pytest.raises(NieError, match="Two nodes are called '1'"):
        KnowledgeGraph.from_networkx(networkx.DiGraph([(1, "1")]))
    with pytest.raises(NieError, match="No node has the attribute 'rank'"):
        KnowledgeGraph.from_networkx(networkx.DiGraph([("a", "b")]), scores="rank")


def test_nodes_without_edges_are_kept() -> None:
    graph = networkx.DiGraph([("a", "b")])
    graph.add_node("c", text="alone", importance=2)
    kg = KnowledgeGraph.from_networkx(graph)
    assert kg.node_names == ["a", "b", "c"]
    assert list(kg.text) == [None, None, "alone"]
    assert kg.labels[2] == 2
