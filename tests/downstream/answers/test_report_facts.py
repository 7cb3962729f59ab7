"""downstream.answers.report_facts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import small, store_synthetic

from downstream.answers import report_facts as module
from downstream.answers.node_scores import NodeScores, score_nodes
from downstream.answers.report_facts import report_facts
from downstream.reports.results import named
from downstream.stages.estimation import estimate
from nie.data import KnowledgeGraph
from nie.runs.run import Run


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("facts")


@pytest.fixture(scope="module")
def kg(root: Path) -> KnowledgeGraph:
    return store_synthetic(root)


@pytest.fixture(scope="module")
def runs(kg: KnowledgeGraph, root: Path) -> list[Run]:
    return [estimate(small(method), data_root=root, run_root=root / "runs") for method in ("pagerank", "ridge")]


@pytest.fixture(scope="module")
def scores(runs: list[Run], root: Path) -> NodeScores:
    return score_nodes(runs[1], data_root=root)


@pytest.fixture(scope="module")
def facts(kg: KnowledgeGraph, runs: list[Run], scores: NodeScores) -> dict[str, Any]:
    command = "nie run synthetic --storage pg://ann:secret@host/x"
    return report_facts(
        command=command, kg=kg, runs=named(runs), chosen=runs[1], scores=scores, remarks=["rgtn was left out."]
    )


def test_three_sentences_say_what_was_asked_and_what_came_out(facts: dict[str, Any], runs: list[Run]) -> None:
    asked, came_out, score = facts["summary"]
    assert "300 nodes" in asked
    assert "267 nodes came with their importance" in asked
    assert came_out.startswith("The method ridge was chosen from 2 methods")
    assert f"SPEARMAN {runs[1].summary()['test']['spearman']['mean']:.4f}" in came_out
    assert "higher is better" in came_out
    assert "lower is better" in came_out
    assert "over 2 folds" in came_out
    assert score.startswith("The score of a node is the importance that the method predicts for it")


def test_the_ranking_is_that_of_the_scores(facts: dict[str, Any], scores: NodeScores) -> None:
    ranking, columns = facts["ranking"], scores.columns()
    place = {name: number for number, name in enumerate(ranking["columns"])}
    for name in ("node", "rank", "rank_in_type", "held_out", "known"):
        assert [row[place[name]] for row in ranking["rows"]] == columns[name], name
    for name in ("score", "lower", "upper"):
        assert [row[place[name]] for row in ranking["rows"]] == pytest.approx(columns[name], rel=1e-8), name
    assert [ranking["types"][row[place["type"]]] for row in ranking["rows"]] == columns["type"]
    assert ranking["rows"][0][place["text"]].startswith("A")
    json.dumps(ranking, allow_nan=False)


def test_a_large_graph_has_its_top_on_the_page(
    kg: KnowledgeGraph, runs: list[Run], scores: NodeScores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_RANKED", 7)
    facts = report_facts(command="", kg=kg, runs=named(runs), chosen=runs[1], scores=scores)
    place = facts["ranking"]["columns"].index("rank")
    assert [row[place] for row in facts["ranking"]["rows"]] == [1, 2, 3, 4, 5, 6, 7]
    assert facts["ranking"]["total"] == 300


def test_errors_are_of_held_out_nodes_alone(facts: dict[str, Any], kg: KnowledgeGraph, scores: NodeScores) -> None:
    tested = scores.held_out & kg.label_mask
    by_type, by_degree = facts["errors"]
    assert sum(int(row[1]) for row in by_degree.rows) == int(by_type.rows[0][1]) == tested.sum()
    error = np.median(np.abs(np.log1p(scores.score[tested]) - kg.targets[tested]))
    assert by_type.rows[0][2] == f"{error:.3f}"
    assert by_type.rows[0][3] == f"{np.exp(error):.2f}"
    few = [row for row in by_degree.rows if int(row[1]) < module.LEAST_TO_RANK]
    assert all(row[-1] == "—" for row in few)


def test_the_table_of_intervals_is_of_the_same_nodes(
    facts: dict[str, Any], kg: KnowledgeGraph, scores: NodeScores
) -> None:
    tested = scores.held_out & kg.label_mask
    lower, upper = scores.interval
    inside = (lower <= scores.known) & (scores.known <= upper)
    assert facts["interval"] == "90 % interval"
    assert facts["coverage"].rows[0][:3] == ["all", str(tested.sum()), f"{inside[tested].mean():.1%}"]


def test_without_intervals_the_page_says_why(kg: KnowledgeGraph, runs: list[Run], scores: NodeScores) -> None:
    facts = report_facts(command="", kg=kg, runs=named(runs), chosen=runs[1], scores=scores.at(0.999))
    assert (facts["interval"], facts["coverage"]) == ("", None)
    assert any(sentence.startswith("There are no intervals") for sentence in facts["warnings"])
    place = facts["ranking"]["columns"].index("lower")
    assert {row[place] for row in facts["ranking"]["rows"]} == {None}


def test_tables_say_what_is_good_and_what_there_is(facts: dict[str, Any], kg: KnowledgeGraph) -> None:
    methods = facts["methods"]
    assert methods.headers[1:3] == ["RMSE ↓", "MedianAE ↓"]
    assert "SPEARMAN compares" in methods.note
    assert methods.marks[1, 1] == 1
    types, relations = facts["holdings"]
    assert types.rows == [["head of cites, praises, mentions", "300", "267"]]
    assert sum(int(row[1].replace(",", "")) for row in relations.rows) == kg.num_edges
    assert dict(facts["graph"])["given features"] == "semantic, structural"


def test_it_says_where_the_page_comes_from(facts: dict[str, Any], runs: list[Run]) -> None:
    made = dict(facts["made"])
    assert made["command"] == "nie run synthetic --storage pg://ann:***@host/x"
    assert made["run"] == str(runs[1].path)
    for name in ("nie", "torch", "DGL", "Python"):
        assert f"{name} " in made["versions"]
    assert facts["warnings"][-1] == "rgtn was left out."


def test_facts_need_no_plotting_library_and_no_template() -> None:
    code = (
        "import sys, downstream.answers.report_facts, downstream.answers.report_page; "
        "print([m for m in ('matplotlib', 'jinja2', 'torch', 'dgl', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
