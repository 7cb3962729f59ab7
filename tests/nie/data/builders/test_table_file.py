"""Tables with commas between their fields: nie.data.builders.table_file, as graphs of one's own are read from them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from nie.data import KnowledgeGraph
from nie.errors import NieError

TRIPLES = 'head,relation,tail\n"Ann, the first",knows,bob\n\nbob,knows,"said ""cat"""\nbob,likes,"two\nlines"\n'


def test_csv_has_quotes_line_ends_in_fields_and_scores_and_texts(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(TRIPLES.replace("\n", "\r\n").encode()))
    (tmp_path / "s.csv").write_text('node,score\n"Ann, the first",3\n')
    (tmp_path / "x.csv").write_text('node,text\nbob,"A singer,\nof songs"\n')
    kg = KnowledgeGraph.from_file(tmp_path / "t.csv.gz", tmp_path / "s.csv", text=tmp_path / "x.csv")
    assert kg.node_names == ["Ann, the first", "bob", 'said "cat"', "two lines"]
    assert kg.labels[0] == 3
    assert kg.text[1] == "A singer, of songs"


def test_csv_is_the_graph_that_tabs_give(tmp_path: Path) -> None:
    rows = ["ann knows bob", "bob born 1970", "cat likes ann"]
    (tmp_path / "t.tsv").write_text("".join(f"{row}\n".replace(" ", "\t") for row in rows))
    (tmp_path / "t.csv").write_text("".join(f"{row}\n".replace(" ", ",") for row in rows))
    tabs, commas = (KnowledgeGraph.from_file(tmp_path / f"t.{kind}") for kind in ("tsv", "csv"))
    assert tabs.digest == commas.digest
    assert (tabs.channels["literals"].features == commas.channels["literals"].features).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a,r,b\na,r,"b"c\n', r"t.csv, line 2 must be a line of CSV, .*: ',' expected after '\"'"),
        ('a,r,b\n\na,r,"b\n', r"t.csv, line 3 must be a line of CSV, .*: unexpected end of data"),
        ("a,r,b\n\na,b\n", "t.csv, line 3 must have 3 comma-separated fields; got 2"),
        ('a,r,b\na,r,""\n', "t.csv, line 2: head, relation and tail must not be empty"),
    ],
)
def test_malformed_csv_names_the_line(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(NieError, match=words):
        KnowledgeGraph.from_file(tmp_path / "t.csv")


def test_commas_in_a_file_of_another_name_are_seen(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a,r,b\n")
    with pytest.raises(NieError, match=r"it has 3 separated by commas, as a file has whose name ends in .csv"):
        KnowledgeGraph.from_file(tmp_path / "t.txt")
