"""nie.data.builders.literals and nie.data.builders.literal_features: values are no nodes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nie.data import KnowledgeGraph, features
from nie.data.builders.literals import number_of
from nie.errors import NieError

XSD = "http://www.w3.org/2001/XMLSchema#"
FILMS = """f1\tstars\tann
f2\tstars\tann
f1\tyear\t1999
f2\tyear\t2005
f2\treleased\t2005-03-01
ann\tborn\t1970-07-02
f1\ttitle\t"A film"@en
f1\tnote\t"so \\"good\\""
f3\tyear\t1
f3\tyear\t3
"""


def read(folder: Path, text: str = FILMS, scores: str | None = None, **options: Any) -> KnowledgeGraph:
    (folder / "t.tsv").write_text(text)
    if scores is not None:
        (folder / "s.tsv").write_text(scores)
    return KnowledgeGraph.from_file(folder / "t.tsv", None if scores is None else folder / "s.tsv", **options)


def test_numbers_and_dates_are_a_channel_and_strings_are_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    with caplog.at_level(logging.INFO, logger="nie"):
        kg = read(tmp_path)
    assert kg.node_names == ["ann", "f1", "f2", "f3"]
    assert kg.relation_names == ["stars"]
    channel = kg.channels["literals"]  # born, released and year: the value, and whether it is known
    assert channel.features[:, 1::2].tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 1], [0, 0, 1]]
    assert channel.mask.all()
    assert channel.features[1, 4] == pytest.approx(np.log1p(1999))
    assert channel.features[3, 4] < channel.features[1, 4] < channel.features[2, 4]
    assert list(kg.text) == ["ann", 'f1. so "good". A film', "f2", "f3"]
    assert "8 triples give a value to a node" in caplog.text
    assert "year 3 numbers, note 1 strings, title 1 strings" in caplog.text


def test_a_node_with_values_alone_has_features_and_no_edge(tmp_path: Path) -> None:
    kg = read(tmp_path)
    assert 3 not in {*kg.src, *kg.dst}
    for name in ("degrees", "tfidf", "relations"):
        assert np.isfinite(features(kg, name, root=tmp_path).features).all()


def test_literals_can_stay_nodes(tmp_path: Path) -> None:
    kg = read(tmp_path, literals="nodes")
    assert kg.num_edges == 10
    assert "1999" in kg.node_names
    assert '"A film"@en' in kg.node_names
    assert not kg.channels
    with pytest.raises(NieError, match="literals must be one of features, nodes; got 'node'"):
        read(tmp_path, literals="node")


@pytest.mark.parametrize(
    "text",
    [
        "0\tlinks\t1\n1\tlinks\t2\n0\tlinks\t3\n",  # nodes are called 0 to N
        "0\tbuys\t100\n1\tbuys\t101\n1\tbuys\t102\n",  # and so they are where no tail is a head
        "ann\tdied in\t1917\nbob\tdied in\twinter\n",  # a relation of names, of which one is a number
        '"a"\t"knows"\t"b"\n"b"\t"knows"\t"c"\n',  # a program wrote quotes around everything
        "a\tx\t1e999\nb\tx\tnan\n",  # no number that can be used
    ],
)
def test_names_that_look_like_values_are_names(text: str, tmp_path: Path) -> None:
    kg = read(tmp_path, text)
    assert kg.num_edges == len(text.splitlines())
    assert not kg.channels


def test_a_head_is_a_node_wherever_it_stands(tmp_path: Path) -> None:
    kg = read(tmp_path, FILMS + "1999\tstars\tann\nf4\tyear\t2001\n")
    assert kg.node_names == ["1999", "ann", "f1", "f2", "f3", "f4"]
    assert kg.relation_names == ["stars", "year"]  # from f1 to the film 1999


def test_types_of_n_triples(tmp_path: Path) -> None:
    values = {
        "age": f'"7"^^<{XSD}integer>', "born": f'"1970-07-02T10:00:00Z"^^<{XSD}dateTime>',
        "alive": f'"true"^^<{XSD}boolean>',
        "size": '"1.5"^^<http://x/metre>', "title": f'"1917"^^<{XSD}string>', "year": f'"-0044"^^<{XSD}gYear>',
    }  # fmt: skip
    lines = [f"<a> <{relation}> {value} .\n" for relation, value in values.items()]
    lines += ['<b> <title> "words" .\n', f'<b> <alive> "false"^^<{XSD}boolean> .\n', "<a> <r> <b> .\n"]
    (tmp_path / "t.nt").write_text("".join(lines))
    kg = KnowledgeGraph.from_file(tmp_path / "t.nt")
    table = kg.channels["literals"].features
    assert table.shape == (2, 10)
    np.testing.assert_allclose(table[0, [0, 2, 4, 6, 8]], [2.079, 0.693, 7.586, 0.916, -3.807], atol=1e-3)
    assert table[1, 2] == 0
    assert list(kg.text) == ["<a>. 1917", "<b>. words"]


def test_an_outlier_leaves_the_others_apart(tmp_path: Path) -> None:
    lines = [f"n{i}\tsize\t{100 + i}\nn{i}\tnext\tn{i + 1}\n" for i in range(100)]
    channel = read(tmp_path, "".join(lines) + "zz\tsize\t1e300\n").channels["literals"]
    column = channel.features[channel.mask, 0]
    assert len({*column.tolist()}) == 101
    assert np.median(np.abs(column - column.mean())) > column.std() / 3


def test_scores_and_texts_of_values_are_refused(tmp_path: Path) -> None:
    sentence = "line 1: '1999' is a literal, a value of the relation 'year', and no node; remove it, or give --literals"
    with pytest.raises(NieError, match=sentence):
        read(tmp_path, scores="1999\t3\n")
    with pytest.raises(NieError, match=r"'A film' is a literal, a value of the relation 'title'"):
        read(tmp_path, scores="A film\t3\n")
    assert read(tmp_path, scores="1999\t3\n", literals="nodes").label_mask.sum() == 1


def test_nothing_but_values_is_no_graph(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"every tail is a literal .*; give --literals nodes to take them as nodes"):
        read(tmp_path, "a\tage\t7\nb\tage\t9\n")


def test_a_type_relation_is_kept_with_its_tails(tmp_path: Path) -> None:
    text = FILMS + 'f1\tkind\t"Film"\nf2\tkind\t7\n'
    kg = read(tmp_path, text, type_relation="kind")
    assert kg.meta["type_relation"] == "kind"
    assert {"7", '"Film"'} <= {*kg.node_names}
    sentence = r"no relation 'kin' \(did you mean 'kind'\?\), which is to be that of types; there are .*'kind'"
    with pytest.raises(NieError, match=sentence):
        read(tmp_path, text, type_relation="kin")
    (tmp_path / "t.nt").write_text("<a> <http://x/kind> <b> .\n")
    kg = KnowledgeGraph.from_file(tmp_path / "t.nt", type_relation="http://x/kind")
    assert kg.meta["type_relation"] == "<http://x/kind>"


@pytest.mark.parametrize("text", ["1_000", "٣", "2021-02-30", "1999-1-1", "", "-", "inf", "12:30", "1999-13"])
def test_what_is_no_number_and_no_date(text: str) -> None:
    assert np.isnan(number_of(text))


@pytest.mark.parametrize("told", [lambda score: score, lambda score: 10 * score, np.log1p, lambda score: -score])
def test_a_warning_says_which_relation_gives_the_scores_away(told: Any, caplog: pytest.LogCaptureFixture) -> None:
    nodes = [f"n{node}" for node in range(20)]
    triples = [
        *((node, "knows", "n0") for node in nodes),
        *((node, "citations", float(told(7.0 * place))) for place, node in enumerate(nodes)),
        *((node, "age", 7 * place % 20) for place, node in enumerate(nodes)),
        *((node, "legs", 2) for node in nodes),
    ]
    heads, relations, tails = map(list, zip(*triples, strict=True))
    scores = {node: 7.0 * place for place, node in enumerate(nodes[:15])}
    KnowledgeGraph.from_frames({"head": heads, "relation": relations, "tail": tails}, scores)
    assert "the numbers of the relation citations are the scores themselves" in caplog.text
    assert "relation age" not in caplog.text
    assert "relation legs" not in caplog.text
