"""Scores of nodes that training never saw: downstream.answers.new_nodes and ``nie predict --add-triples``."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import run_quietly, small, store_synthetic

from downstream.answers.estimate import Estimate, load_run
from downstream.answers.frame import as_records
from downstream.answers.new_nodes import predict_new
from downstream.answers.node_scores import score_nodes
from downstream.answers.trained import TrainedRun
from downstream.stages.estimation import estimate
from nie.data import KnowledgeGraph, synthetic
from nie.data.store import save
from nie.errors import NieError
from nie.rank_correlation import average_ranks

COMPUTED = {"structural": "relations", "semantic": "tfidf"}
Names = tuple[str, str, str]


def trained_on(kg: KnowledgeGraph, root: Path, **changes: Any) -> TrainedRun:
    save(kg, root / kg.name / "processed")
    run = estimate(small("rgcn", **{"features": COMPUTED, **changes}), data_root=root, run_root=root / "runs")
    return TrainedRun.open(run, data_root=root)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("new_nodes")


@pytest.fixture(scope="module")
def rgcn(root: Path) -> TrainedRun:
    return trained_on(synthetic(0), root)


FACTS = [("new film", "praises", "node 3"), ("node 5", "cites", "new film"), ("new one", "mentions", "new film")]
TEXTS = {"new film": "A legendary thing."}


def without(kg: KnowledgeGraph, hidden: Sequence[int]) -> KnowledgeGraph:
    """The graph without some nodes and all that names them."""
    stays = np.setdiff1d(np.arange(kg.num_nodes), hidden)
    place = np.full(kg.num_nodes, -1)
    place[stays] = np.arange(len(stays))
    edges = (place[kg.src] >= 0) & (place[kg.dst] >= 0)
    return replace(
        kg, src=place[kg.src[edges]], dst=place[kg.dst[edges]], etype=kg.etype[edges], labels=kg.labels[stays],
        label_mask=kg.label_mask[stays], node_names=[kg.node_names[node] for node in stays],
        text=[kg.text[node] for node in stays], channels={},
    )  # fmt: skip


def test_hidden_nodes_are_ranked_nearly_as_by_a_network_that_was_trained_with_them(tmp_path: Path) -> None:
    kg = synthetic(0)  # whose texts tell nodes apart by their numbers, which tell nothing else
    whole = replace(kg, channels={}, text=[text and text.partition(" with")[0] for text in kg.text])
    training = {"optim": {"max_epochs": 60}, "folds": {"run": [0]}}
    in_place = trained_on(whole, tmp_path / "whole", **training)
    hidden = in_place.inputs.folds[0].test[::2].tolist()
    apart = trained_on(without(whole, hidden), tmp_path / "part", **training)
    names = [whole.node_names[node] for node in hidden]
    triples = [
        (whole.node_names[head], whole.relation_names[relation], whole.node_names[tail])
        for head, relation, tail in whole.triples[np.isin(whole.src, hidden) | np.isin(whole.dst, hidden)].tolist()
    ]
    texts = {whole.node_names[node]: text for node in hidden if (text := whole.text[node])}
    columns = predict_new(apart, triples, texts).columns()
    score = dict(zip(columns["node"], columns["score"], strict=True))
    expected = in_place.run.predictions(0, whole.num_nodes)[hidden]
    ranks = [average_ranks(np.array(values)) for values in ([score[name] for name in names], expected)]
    assert np.corrcoef(*ranks)[0, 1] > 0.6  # .75 to .96 by seed: two trainings on other graphs
    assert set(columns["not_computed"]) <= {"", "tfidf: no text"}


def test_new_nodes_have_scores_ranks_and_words(rgcn: TrainedRun, root: Path) -> None:
    columns = predict_new(rgcn, FACTS, TEXTS).columns()
    rows = {row["node"]: row for row in as_records(columns)}
    assert set(rows) == {"new film", "new one"}
    film, other = rows["new film"], rows["new one"]
    assert film["not_computed"] == ""
    assert other["not_computed"] == "tfidf: no text"
    assert film["score"] > 0
    assert 1 <= film["rank"] <= 302
    assert film["lower"] <= film["score"] <= film["upper"]
    assert 0 <= film["p_top100"] <= 1
    assert film["held_out"] and film["known"] is None and not film["extrapolated"]  # noqa: PT018
    assert film["type"] == other["type"] == score_nodes(rgcn.run, data_root=root).type[0]
    narrow = {row["node"]: row for row in as_records(predict_new(rgcn, FACTS, TEXTS).columns(0.5))}
    assert narrow["new film"]["upper"] < film["upper"]


@pytest.mark.parametrize("said", ["{}", "{}. A string of its own"])
def test_a_new_node_has_its_name_for_text_where_all_nodes_have(tmp_path: Path, said: str) -> None:
    kg = replace(synthetic(0), channels={})
    kg = replace(kg, text=[kg.node_names[0], *(said.format(name) for name in kg.node_names[1:])])
    trained = trained_on(kg, tmp_path, folds={"run": [0]})
    told, given = (
        predict_new(trained, FACTS),
        predict_new(trained, FACTS, {"new film": "new film", "new one": "new one"}),
    )
    assert told.columns() == given.columns()
    assert set(told.columns()["not_computed"]) == {""}
    some = predict_new(trained, FACTS, TEXTS)
    assert [node.text for node in some.scores.graph.change.nodes] == [TEXTS["new film"], "new one"]


def test_python_and_the_command_say_the_same_of_files_tables_and_lists(rgcn: TrainedRun, root: Path) -> None:
    expected = predict_new(rgcn, FACTS, TEXTS).columns()
    table = dict(zip(("head", "relation", "tail"), zip(*FACTS, strict=True), strict=True))
    (root / "new.tsv").write_text("".join("\t".join(fact) + "\n" for fact in FACTS))
    (root / "text.tsv").write_text("node\ttext\nnew film\tA legendary thing.\n")
    texts = {"node": ["new film"], "text": ["A legendary thing."]}
    assert predict_new(rgcn, table, texts).columns() == expected
    assert predict_new(rgcn, root / "new.tsv", root / "text.tsv").columns() == expected
    frame = Estimate(rgcn.run, root).predict_new(FACTS, TEXTS)
    assert list(frame["node"]) == expected["node"]
    for ending in ("csv", "json"):
        code, out, _ = predicted(rgcn, root, "--add-triples", root / "new.tsv", "--add-text", root / "text.tsv",
                                 out=f"new.{ending}")  # fmt: skip
        assert code == 0
        assert out.startswith("Scores of 2 new nodes: ")
    with (root / "new.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["node"] for row in rows] == expected["node"]
    assert [float(row["score"]) for row in rows] == pytest.approx(expected["score"])
    assert [row["not_computed"] for row in rows] == expected["not_computed"]


def predicted(trained: TrainedRun, root: Path, *flags: Any, out: str = "new.csv") -> tuple[int, str, str]:
    command = ["predict", str(trained.run.path), "--out", str(root / out), *map(str, flags)]
    return run_quietly(command, root, root / "runs")


def test_a_text_alone_is_enough(rgcn: TrainedRun) -> None:
    columns = predict_new(rgcn, text={"great": "A legendary thing.", "poor": "An obscure thing."}).columns()
    score = dict(zip(columns["node"], columns["score"], strict=True))
    assert len(score) == 2
    assert columns["not_computed"] == ["", ""]


def test_a_new_node_with_the_words_of_a_known_one_may_be_meant_for_it(
    rgcn: TrainedRun, caplog: pytest.LogCaptureFixture
) -> None:
    words, name = str(rgcn.kg.text[7]), rgcn.kg.node_names[7]
    found = predict_new(rgcn, [("new film", "praises", words)])
    assert found.columns()["node"] != []
    assert f"is taken for a new node; if {name} is meant, give this name." in caplog.text
    assert "new film is taken" not in caplog.text


def test_rows_of_features_can_be_given(tmp_path: Path) -> None:
    kg = store_synthetic(tmp_path)
    run = estimate(small("gcn", folds={"run": [0]}), data_root=tmp_path, run_root=tmp_path / "runs")
    trained = TrainedRun.open(run, data_root=tmp_path)
    semantic = {"semantic": {"node": ["new film"], **{str(i): [1.0 * (i == 4)] for i in range(8)}}}
    columns = predict_new(trained, FACTS, TEXTS, semantic).columns()
    words = dict(zip(columns["node"], columns["not_computed"], strict=True))
    assert words == {
        "new film": "structural: the mean of 2 neighbours",
        "new one": "structural: none; semantic: none",
    }
    with pytest.raises(NieError, match=r"The run reads no feature 'semantics' .did you mean 'semantic'"):
        predict_new(trained, FACTS, None, {"semantics": semantic["semantic"]})
    assert kg.num_nodes == 300


WRONG: dict[str, tuple[list[Names] | None, dict[str, str] | None, str]] = {
    "nothing": (None, None, "Give the facts of new nodes, their texts, or both"),
    "no fact": ([], None, "Give the facts of new nodes, their texts, or both"),
    "no name": (None, {"": "A text."}, "the name of a node must not be empty"),
    "no letter": (None, {"a\x1b": "A text."}, "holds the control letter U.001B"),
    "no new node": ([("node 1", "cites", "node 299")], None, "no node is new to the graph; 'nie what-if' answers"),
    "relations": (
        [("x", "praisess", "node 1"), ("x", "zzz", "node 2")], None,
        "training never saw the relations 'praisess' .did you mean 'praises'.., 'zzz'; correct the names, or leave",
    ),
    "a value": ([("x", "cites", '"1999"^^<http://x#integer>')], None, "is a value and no node; leave its triples out"),
    "a known text": (None, {"node 7": "New."}, "training has seen the node 'node 7'; give texts of new nodes alone"),
    "no text": (None, {"x": 7}, "the text of 'x' must be a string; got 7"),  # type: ignore[dict-item]
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_scored_is_refused_in_a_sentence(kind: str, rgcn: TrainedRun) -> None:
    triples, text, message = WRONG[kind]
    with pytest.raises(NieError, match=message):
        predict_new(rgcn, triples, text)


def test_a_fact_that_is_there_is_refused(rgcn: TrainedRun) -> None:
    head, relation, tail = rgcn.kg.triples[0].tolist()
    fact = (rgcn.kg.node_names[head], rgcn.kg.relation_names[relation], rgcn.kg.node_names[tail])
    with pytest.raises(NieError, match=f"the fact .'{fact[0]}', '{fact[1]}', '{fact[2]}'. is in the graph already"):
        predict_new(rgcn, [*FACTS, fact])


def test_nothing_is_written_where_something_is_wrong(rgcn: TrainedRun, root: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.tsv").write_text("a\tcites\tnode 1\na\tb\n")
    (tmp_path / "bad_text.tsv").write_text("x\tone\nx\ttwo\n")
    for flags, message in (
        (("--add-triples", tmp_path / "bad.tsv"), "bad.tsv, line 2 must have 3 tab-separated fields"),
        (("--add-text", tmp_path / "bad_text.tsv"), "bad_text.tsv, line 2: the node 'x' appears twice"),
        (("--add-triples", tmp_path / "none.tsv"), "none.tsv does not exist"),
    ):
        code, out, error = predicted(rgcn, root, *flags, out="wrong.csv")
        assert (code, out) == (2, "")
        assert message in error
        assert not (root / "wrong.csv").exists()
    ridge = estimate(small("ridge"), data_root=root, run_root=root / "runs")
    with pytest.raises(NieError, match="is a run of ridge"):
        load_run(ridge.path, root).predict_new(FACTS)
