"""nie.data.builders.triple_file."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from itertools import permutations
from pathlib import Path

import pytest

from nie.data.builders.triple_file import read_triples
from nie.data.builders.triples import Triples
from nie.data.graph import KnowledgeGraph
from nie.errors import NieError

FACTS = [(f"n{i}", f"r{i % 3}", f"n{(i * 7 + 1) % 60}") for i in range(60)]


def lines(facts: list[tuple[str, str, str]], order: tuple[int, ...] = (0, 1, 2)) -> str:
    return "".join("\t".join(fact[place] for place in order) + "\n" for fact in facts)


def read(folder: Path, text: str, columns: str | None = None) -> Triples:
    (folder / "t.tsv").write_bytes(text.encode())
    return read_triples(folder / "t.tsv", columns)


def named(graph: Triples) -> list[tuple[str, str, str]]:
    nodes, relations = list(graph.nodes), list(graph.relations)
    return [(nodes[head], relations[relation], nodes[tail]) for head, relation, tail in graph.edges.tolist()]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_any_order_of_columns_is_right_or_refused(order: tuple[int, ...], tmp_path: Path) -> None:
    text = lines(FACTS, order)
    said = ",".join(("head", "relation", "tail")[place] for place in order)
    assert named(read(tmp_path, text, said)) == sorted(FACTS)
    if order[1] != 1:
        with pytest.raises(
            NieError, match=r"t.tsv: .* in another order; give --columns (head,tail,rel|relation,head,t)"
        ):
            read(tmp_path, text)
        # Whoever says that it is right is believed.
        assert len(read(tmp_path, text, "head,relation,tail").edges) == 60


@pytest.mark.parametrize("header", ["subject\tobject\tpredicate", ":START_ID\t:END_ID\t:TYPE", "node1\tnode2\tlabel"])
def test_a_header_says_the_order(header: str, tmp_path: Path) -> None:
    assert named(read(tmp_path, f"{header}\n" + lines(FACTS, (0, 2, 1)))) == sorted(FACTS)


def test_columns_that_are_left_out(tmp_path: Path) -> None:
    text = "".join(f"E{number}\t{line}\n" for number, line in enumerate(lines(FACTS).splitlines()))
    assert named(read(tmp_path, "id\tnode1\tlabel\tnode2\n" + text)) == sorted(FACTS)
    assert named(read(tmp_path, text, "-,head,relation,tail")) == sorted(FACTS)
    with pytest.raises(NieError, match="line 1 must have 3 tab-separated fields; got 4"):
        read(tmp_path, text)


def test_a_triple_that_looks_like_a_header_is_a_triple(tmp_path: Path) -> None:
    chain = [(f"node{i}", "link", f"node{i + 1}") for i in range(1, 9)]
    assert named(read(tmp_path, lines(chain))) == sorted(chain)
    letters = [("s", "p", "o"), ("o", "p", "s"), ("s", "q", "s")]
    assert named(read(tmp_path, lines(letters))) == sorted(letters)


@pytest.mark.parametrize(
    "header", ["source,target,weight", "source,target,weight,year", "head,relation,value", "from,to,type,label"]
)
def test_a_header_without_each_role_once_is_refused_and_no_triple(header: str, tmp_path: Path) -> None:
    """A weighted edge list, of which the header would be the only edge, and the weights literals."""
    rows = [(*fact[::2], f"0.{place}", "2020") for place, fact in enumerate(FACTS)]
    (tmp_path / "t.csv").write_text(
        "".join(",".join(row[: header.count(",") + 1]) + "\n" for row in [header.split(","), *rows])
    )
    with pytest.raises(NieError, match=rf"line 1 is a header .* got {', '.join(header.split(','))}: .* --columns"):
        read_triples(tmp_path / "t.csv")
    said = ",".join(["head", "tail", "relation", "-"][: header.count(",") + 1])
    assert len(read_triples(tmp_path / "t.csv", said).edges) == 60


def test_a_triple_of_words_that_columns_have_is_a_triple(tmp_path: Path) -> None:
    words = [("end", "synonym", "start"), ("begin", "synonym", "start"), ("end", "antonym", "begin")]
    assert named(read(tmp_path, lines(words))) == sorted(words)


def test_files_that_were_joined(tmp_path: Path) -> None:
    part = "\ufeffhead\trelation\ttail\n"
    assert named(read(tmp_path, part + lines(FACTS[:30]) + part + lines(FACTS[30:]))) == sorted(FACTS)


def test_blanks_around_names_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="nie"):
        assert named(read(tmp_path, "ann  \tknows \t bob\nbob\tknows\tann\n")) == [
            ("ann", "knows", "bob"),
            ("bob", "knows", "ann"),
        ]
    assert "1 lines have blanks around a name" in caplog.text
    with pytest.raises(NieError, match="line 1 must have 3 tab-separated fields; got 1; it has 3 separated by blanks"):
        read(tmp_path, "ann knows bob\n")


@pytest.mark.parametrize("separator", ["\t", " ", ""])
def test_n_triples(separator: str, tmp_path: Path) -> None:
    text = (
        '# people\n<x/a>|<x/knows>|<x/b> .\n\n_:c|<x/name>|"a \\"b\\" ."@en .\n<x/b>|<x/age>|"7"^^<x/int>|<x/graph> .\n'
    )
    expected = [
        ("<x/a>", "<x/knows>", "<x/b>"),
        ("_:c", "<x/name>", '"a \\"b\\" ."@en'),
        ("<x/b>", "<x/age>", '"7"^^<x/int>'),
    ]
    assert named(read(tmp_path, text.replace("|", separator))) == sorted(expected)
    with pytest.raises(NieError, match=r"line 6 must be a statement of N-Triples.* got 'a\\tb\\tc'"):
        read(tmp_path, text.replace("|", separator) + "a\tb\tc\n")
    with pytest.raises(NieError, match="is RDF, whose order is fixed; leave --columns out"):
        read(tmp_path, text.replace("|", separator), "head,tail,relation")


def test_the_order_of_n_triples_is_not_doubted(tmp_path: Path) -> None:
    """A vocabulary describes its own relations; --columns, which a doubt advises, is refused for N-Triples."""
    names = ["type", "label", "domain", "range"]
    facts = [(f"<{name}>", f"<{names[place % 4]}>", f"<C{place}>") for place, name in enumerate(names * 5)]
    with pytest.raises(NieError, match="4 of the 4 relations are heads too"):
        read(tmp_path, lines(facts))
    assert named(read(tmp_path, "".join(f"{' '.join(fact)} .\n" for fact in facts))) == sorted(facts)


@pytest.mark.parametrize("tail", ["_:" + "_:a" * 10_000, "<c>" + " " * 30_000 + "x", "_:a " + "." * 30_000 + "x"])
def test_a_long_line_that_is_almost_a_statement_takes_no_time(tail: str, tmp_path: Path) -> None:
    started = time.process_time()
    with pytest.raises(NieError, match="line 2 must be a statement of N-Triples"):
        read(tmp_path, f"<a> <b> <c> .\n<a> <b> {tail}\n")
    assert time.process_time() - started < 2


def test_scores_name_nodes_of_n_triples_without_brackets(tmp_path: Path) -> None:
    (tmp_path / "t.nt").write_text("<x/a>\t<x/r>\t<x/b> .\n")
    (tmp_path / "s.tsv").write_text("x/b\t2\n<x/a>\t1\n")
    assert KnowledgeGraph.from_file(tmp_path / "t.nt", tmp_path / "s.tsv", name="mine").labels.tolist() == [1, 2]
    (tmp_path / "s.tsv").write_text("x/b\t2\n<x/b>\t1\n")
    with pytest.raises(NieError, match="'<x/b>' appears twice"):
        KnowledgeGraph.from_file(tmp_path / "t.nt", tmp_path / "s.tsv", name="mine")


def test_dots_of_statements_are_no_part_of_names(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"60 of 60 tails end in ' \.', as statements of RDF do"):
        read(tmp_path, lines([(head, relation, f"{tail} .") for head, relation, tail in FACTS]))


def test_a_first_line_that_stands_apart_is_doubted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert len(read(tmp_path, "von\tart\tnach\n" + lines(FACTS)).edges) == 61
    assert "no name of the first triple, von art nach, occurs again, so it may be a header" in caplog.text


def test_a_relation_for_every_few_triples_is_doubted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bought = [(f"user{i % 90}", f"item{i}", ("likes", "buys")[i % 2]) for i in range(180)]
    read(tmp_path, lines(bought))
    assert "has 180 relations for 90 heads and 2 tails; if these columns stand in another order" in caplog.text


@pytest.mark.parametrize("nodes", [14, 300])
def test_healthy_graphs_load_without_a_word(nodes: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    draw = random.Random(nodes)
    facts = dict.fromkeys(
        (f"n{draw.randrange(nodes)}", f"r{draw.randrange(55)}", f"n{draw.randrange(nodes)}") for _ in range(900)
    )
    with caplog.at_level(logging.INFO, logger="nie"):
        assert named(read(tmp_path, lines([*facts]))) == sorted(facts)
    assert not caplog.records


@pytest.mark.parametrize("letter", ["\x01", "\x1b", "\x7f", "\r"])
def test_control_letters_in_names_are_refused(letter: str, tmp_path: Path) -> None:
    with pytest.raises(NieError, match=rf"line 2: the name .* holds the control letter U\+{ord(letter):04X}"):
        read(tmp_path, f"a\tr\tb\na{letter}c\tr\tb\n")


def test_unusual_names_are_names(tmp_path: Path) -> None:
    facts = [("n" * 300, "r\u200d\x96", "\U0001f600"), ("=1+1", "<script>", "../b"), ("\u0627\u0644", "r|r", "#5")]
    assert named(read(tmp_path, lines(facts))) == sorted(facts)


def test_utf16_without_a_mark_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_bytes(lines(FACTS).encode("utf-16-le"))
    with pytest.raises(NieError, match="line 1 holds the letter NUL, so that it is not UTF-8 text, but perhaps UTF-16"):
        read_triples(tmp_path / "t.tsv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_pipes_are_files(tmp_path: Path) -> None:
    pipes = [tmp_path / "t", tmp_path / "s"]
    for pipe, text in zip(pipes, (lines(FACTS), "n0\t3\n"), strict=True):
        os.mkfifo(pipe)
        threading.Thread(target=pipe.write_text, args=(text,), daemon=True).start()
    kg = KnowledgeGraph.from_file(*pipes, name="mine")
    assert kg.num_edges == 60
    assert kg.labels[0] == 3
    assert kg.meta["raw"] == {"t": "read from a pipe", "s": "read from a pipe"}
