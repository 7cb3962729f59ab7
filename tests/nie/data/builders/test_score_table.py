"""Tables of scores with several columns become signals of a graph of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nie.data import KnowledgeGraph
from nie.errors import NieError


@pytest.fixture
def triples(tmp_path: Path) -> Path:
    (tmp_path / "t.tsv").write_text("ann\tknows\tbob\nbob\tknows\tcid\n")
    return tmp_path / "t.tsv"


def graph(triples: Path, scores: str, **options: object) -> KnowledgeGraph:
    (triples.parent / "s.tsv").write_text(scores)
    return KnowledgeGraph.from_file(triples, triples.parent / "s.tsv", **options)


def test_the_first_column_is_the_label_and_all_are_signals(triples: Path) -> None:
    kg = graph(triples, "node\tviews\tstars\nann\t7\t\nbob\t\t-4.5\n")
    assert kg.labels.tolist()[0] == 7
    assert kg.label_mask.tolist() == [True, False, False]
    assert kg.meta["label"] == "views"
    np.testing.assert_array_equal(kg.signals["views"], [7, np.nan, np.nan])
    np.testing.assert_array_equal(kg.signals["stars"], [np.nan, -4.5, np.nan])


@pytest.mark.parametrize(
    ("columns", "label"),
    [
        (["year", "score"], "score"),
        (["year", "Importance", "votes"], "Importance"),
        (["votes", "value"], "value"),
        (["views", "year"], "views"),
        (["2015", "2016"], "2015"),
    ],
)
def test_the_label_is_the_same_column_of_a_file_and_of_a_frame(
    columns: list[str], label: str, triples: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = {name: [place + 1.0, place + 7.0] for place, name in enumerate(columns)}
    table = {"node": ["ann", "bob"], **rows}
    lines = [[*table], *zip(*table.values(), strict=True)]
    with caplog.at_level("INFO", logger="nie"):
        file = graph(triples, "".join("\t".join(map(str, line)) + "\n" for line in lines), allow_unknown=True)
        edges = {"head": ["ann", "bob"], "relation": ["knows"] * 2, "tail": ["bob", "cid"]}
        frame = KnowledgeGraph.from_frames(edges, {**table, "title": ["Ann B.", "Bob C."]})
    assert (file.digest, list(file.signals)) == (frame.digest, list(frame.signals))
    assert file.meta["label"] == frame.meta["label"] == label
    assert file.labels.tolist()[:2] == rows[label]
    assert caplog.text.count(f"the column {label} is what is predicted") == 2
    assert "columns without a number are left out: title" in caplog.text


def test_a_column_of_a_frame_may_lack_numbers() -> None:
    edges = {"head": ["ann"], "relation": ["knows"], "tail": ["bob"]}
    scores = {"node": ["ann", "bob"], "votes": [None, 4], "score": [2.0, float("nan")]}
    kg = KnowledgeGraph.from_frames(edges, scores)
    np.testing.assert_array_equal([kg.labels, kg.signals["votes"]], [[2, np.nan], [np.nan, 4]])
    with pytest.raises(NieError, match="scores: at least one node of the graph must have a score"):
        KnowledgeGraph.from_frames(edges, {**scores, "score": [None, None]})


def test_an_empty_text_is_none(triples: Path) -> None:
    (triples.parent / "x.tsv").write_text("ann\t\nbob\t \ncid\ta singer\n")
    texts = {"ann": "", "bob": " ", "cid": "a singer"}
    edges = {"head": ["ann", "bob"], "relation": ["knows"] * 2, "tail": ["bob", "cid"]}
    for kg in (
        graph(triples, "ann\t1\n", text=triples.parent / "x.tsv"),
        KnowledgeGraph.from_frames(edges, text=texts),
    ):
        assert list(kg.text) == [None, None, "a singer"]


def test_a_line_of_scores_with_two_fields_is_given_no_advice_about_triples(triples: Path) -> None:
    with pytest.raises(NieError, match=r"must have 3 tab-separated fields; got 2\.$"):
        graph(triples, "node\tviews\tstars\nann\t7\n")


def test_columns_without_a_header_are_numbered(triples: Path) -> None:
    assert list(graph(triples, "ann\t7\t1\nbob\t3\t2\n").signals) == ["score", "score2"]


def test_one_column_is_no_signal(triples: Path) -> None:
    kg = graph(triples, "node\tviews\nann\t7\n")
    assert kg.signals == {}
    assert kg.meta["label"] == "score"


@pytest.mark.parametrize("header", [",node,score", "Unnamed: 0,node,score", "index,Entity,score", "id,node_id,score"])
def test_a_header_says_which_column_names_the_nodes(header: str, tmp_path: Path) -> None:
    """Nodes are called by numbers here, so that the numbers of rows would be taken for them."""
    (tmp_path / "t.tsv").write_text("0\tnext\t1\n1\tnext\t2\n")
    (tmp_path / "s.csv").write_text(f"{header}\n0,2,5\n1,1,3\n")
    kg = KnowledgeGraph.from_file(tmp_path / "t.tsv", tmp_path / "s.csv")
    np.testing.assert_array_equal(kg.labels, [np.nan, 3, 5])
    assert kg.signals == {}


def test_what_numbers_the_rows_is_no_signal(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("0\tnext\t1\n1\tnext\t2\n")
    (tmp_path / "s.csv").write_text(",node,views,stars\n0,2,5,1\n1,1,,4\n")
    kg = KnowledgeGraph.from_file(tmp_path / "t.tsv", tmp_path / "s.csv")
    assert (list(kg.signals), kg.labels[2]) == (["views", "stars"], 5)


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ("node\tviews\tviews\nann\t7\t1\n", "names a column twice"),
        ("node\tviews\ta/b\nann\t7\t1\n", "signal name"),
        ("node\tviews\tstars\nann\t7\tmany\n", "a signal of 'ann' must be a number; got 'many'"),
        ("node\tviews\tstars\nann\t7\t\n", "must have the signal stars"),
        ("node\tviews\tstars\nann\t\t7\n", "must have a score"),
        ("node\tviews\tstars\nann\t7\n", "must have 3 tab-separated fields"),
        ("node\tviews\tstars\nann\t7\t1\neve\t7\t1\n", "'eve' is in no triple"),
    ],
)
def test_what_is_wrong_is_said(triples: Path, scores: str, said: str) -> None:
    with pytest.raises(NieError, match=said):
        graph(triples, scores)


def test_unknown_nodes_are_skipped_where_that_is_asked(triples: Path) -> None:
    kg = graph(triples, "node\tviews\tstars\nann\t7\t1\neve\t7\t1\n", allow_unknown=True)
    assert np.isfinite(kg.signals["stars"]).sum() == 1
