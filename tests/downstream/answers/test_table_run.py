"""Trees and kernel ridge asked about a graph with other facts: downstream.answers.table_run and node_columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import run_quietly, small

from downstream.answers.asked_run import asked_run, changeable_run
from downstream.answers.explanation import explain
from downstream.answers.node_columns import NodeColumns
from downstream.answers.table_run import ChangedTable, TableRun
from downstream.answers.what_if import what_if
from downstream.methods.neighbour_labels import neighbour_labels
from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from nie.data.graph_change import GraphChange
from nie.data.node_features.degrees import degree_features
from nie.data.node_features.relations import RelationCounts
from nie.errors import NieError
from nie.inputs.neighbours import neighbours
from nie.runs.run import Run

TABLES = [name for name, method in METHODS.items() if method.predictor is not None]
AROUND = {
    "structural": "relation-counts+neighbour-labels+centrality+neighbours", "semantic": "semantic+neighbours",
}  # fmt: skip
QUICK = {
    **{name: {"rounds": 20} for name in TABLES}, "forest": {"trees": 5}, "kernel-ridge": {"landmarks": 50},
    "kernel-ridge-neighbours": {"landmarks": 50},
}  # fmt: skip


def run(root: Path, method: str, **changes: Any) -> Run:
    given = {"features": AROUND, "model": QUICK[method], "folds": {"run": [0]}, **changes}
    return estimate(small(method, **given), data_root=root, run_root=root / "runs")


@pytest.fixture(scope="module")
def table(root: Path) -> TableRun:
    return TableRun.open(run(root, "boosting-neighbours"), data_root=root)


def facts_of(table: TableRun, node: int) -> np.ndarray:
    return table.kg.triples[(table.kg.src == node) | (table.kg.dst == node)]


@pytest.mark.parametrize("method", TABLES)
def test_without_a_change_the_fit_gives_the_scores_of_the_run(root: Path, method: str) -> None:
    made = run(root, method)
    table = TableRun.open(made, data_root=root)
    (rows,) = ChangedTable(table, GraphChange(table.kg)).predictions()[0]
    np.testing.assert_allclose(rows, made.predictions(0, table.kg.num_nodes), atol=1e-6)


def slowly(table: TableRun, change: GraphChange) -> np.ndarray:
    """The table on the changed graph but for centrality, as if nothing had been there before."""
    after, work = change.after, table.fit_of(0).work
    counts, degrees, central = RelationCounts(table.kg)(after), degree_features(after), work.channels["structural"][2]
    labels = neighbour_labels(after, table.kg.targets, work.fold.train, 0)
    around = neighbours(after, (counts, central, degrees))
    semantic = table.kg.channels["semantic"]
    columns = (counts, labels, central, around, degrees, semantic, neighbours(after, (semantic,)))
    return np.concatenate([one.features for one in columns], axis=1)


def test_the_row_of_a_node_without_a_fact_is_that_of_the_graph_without_it(table: TableRun) -> None:
    columns, facts = NodeColumns(table.fit_of(0).work, 7), facts_of(table, 7)
    np.testing.assert_allclose(columns.row, table.fit_of(0).data.features[7], atol=1e-5)
    for fact in facts[:4]:
        expected = slowly(table, GraphChange(table.kg, removed=fact[None]))[7]
        np.testing.assert_allclose(columns.without(fact), expected, atol=1e-5)
    assert columns.kept == ["centrality", "semantic"]


def test_a_fact_contributes_what_its_removal_changes(
    table: TableRun, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    few = (one for one in table.folds[0].test.tolist() if 0 < len(facts_of(table, one)) < 9)
    node = next(one for one in few if explain(table, table.kg.node_names[one], "leave-one-out").reads_facts)
    found = explain(asked_run(table.run, data_root=root), table.kg.node_names[node], "leave-one-out")
    fit = table.fit_of(0)
    before = fit.predict(slowly(table, GraphChange(table.kg))[[node]])[0]
    expected = [
        before - fit.predict(slowly(table, GraphChange(table.kg, removed=fact[None]))[[node]])[0]
        for fact in facts_of(table, node)
    ]  # fmt: skip
    assert found.score == pytest.approx(table.run.predictions(0, table.kg.num_nodes)[node], abs=1e-6)
    np.testing.assert_allclose(sorted(one.contribution for one in found.facts), sorted(expected), atol=1e-9)
    assert any(expected)
    assert "centrality, semantic stay as they are without each fact" in caplog.text


def test_what_if_asks_the_trees_and_computes_centrality_too(table: TableRun, root: Path) -> None:
    head, relation, tail = facts_of(table, 7)[0].tolist()
    names = (table.kg.node_names[head], table.kg.relation_names[relation], table.kg.node_names[tail])
    result = what_if(changeable_run(table.run, data_root=root), remove=[names])
    assert result.kept == ["semantic"]
    assert np.abs(result.scores.change).max() > 0
    assert result.scores.networks == 1
    code, out, _ = run_quietly(["what-if", str(table.run.path), "--remove", *names], root, root / "runs")
    assert code == 0
    assert "change on the label scale" in out


def test_what_trees_cannot_say_is_said(table: TableRun, root: Path) -> None:
    node = table.kg.node_names[7]
    with pytest.raises(NieError, match="neither gradients nor attention; explain it by leave-one-out"):
        explain(table, node)
    with pytest.raises(NieError, match="is a run of boosting-neighbours, which is no network"):
        asked = run_quietly(["what-if", str(table.run.path), "--suggest", "1", "--node", node], root, root / "runs")
        assert asked[0] == 2
        raise NieError(asked[2])
    pagerank = estimate(small("pagerank"), data_root=root, run_root=root / "runs")
    with pytest.raises(NieError, match="whose fit cannot be asked about other features"):
        TableRun.open(pagerank, data_root=root)
    with pytest.raises(
        NieError, match=r"run of pagerank, which cannot be asked about a changed graph; ask .* of trees"
    ):
        changeable_run(pagerank, data_root=root)
