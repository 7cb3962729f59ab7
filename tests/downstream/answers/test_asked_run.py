"""Linear methods and blends are explained, too: downstream.answers.asked_run, linear_run, blend_run, score_sum."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stage_helpers import small

from downstream.answers.asked_run import asked_run
from downstream.answers.explanation import Explanation, explain
from downstream.answers.explanation_text import explanation_text
from downstream.answers.node_scores import score_nodes
from downstream.stages.estimation import estimate
from nie.data import synthetic
from nie.data.store import save
from nie.errors import NieError
from nie.runs.run import Run


@pytest.fixture(scope="module")
def runs(root: Path) -> dict[str, Run]:
    made = {name: estimate(small(name), data_root=root, run_root=root / "runs") for name in ("ridge", "linear", "gcn")}
    made["pagerank"] = estimate(small("pagerank"), data_root=root, run_root=root / "runs")
    parts = [str(made[name].path) for name in ("ridge", "gcn", "pagerank")]
    made["blend"] = estimate(small("blend", parts=parts), data_root=root, run_root=root / "runs")
    return made


def explained(run: Run, root: Path, node: int, method: str = "ig") -> Explanation:
    asked = asked_run(run, data_root=root)
    return explain(asked, asked.kg.node_names[node], method)


@pytest.mark.parametrize("method", ["ridge", "linear"])
def test_a_linear_score_is_the_sum_of_its_features(root: Path, runs: dict[str, Run], method: str) -> None:
    run = runs[method]
    asked = asked_run(run, data_root=root)
    test = run.split(0)["test"]
    node = int(test[0])
    found = explain(asked, asked.kg.node_names[node])
    assert found.score == pytest.approx(run.predictions(0, asked.kg.num_nodes)[node], abs=1e-6)
    assert found.base == pytest.approx(asked.kg.targets[run.split(0)["train"]].mean())
    assert found.remainder == pytest.approx(0, abs=1e-9)
    assert set(found.channels) == {"structural", "semantic"}
    assert {channel: list(of) for channel, of in found.features.items()} == {
        "structural": ["structural", "degrees"],
        "semantic": ["semantic"],
    }
    assert not found.reads_facts
    assert "The models behind this score read no facts." in explanation_text(found)


def test_without_a_fact_a_linear_score_is_the_same(root: Path, runs: dict[str, Run]) -> None:
    node = int(runs["blend"].split(0)["test"][1])
    assert not explained(runs["ridge"], root, node, "leave-one-out").reads_facts
    assert explained(runs["blend"], root, node, "leave-one-out").reads_facts


def test_a_blend_is_the_weighted_sum_of_its_parts(root: Path, runs: dict[str, Run]) -> None:
    blend = runs["blend"]
    weights = blend.metrics(0)["fit"]["weights"]
    node = int(blend.split(0)["test"][1])
    whole, network = explained(blend, root, node), explained(runs["gcn"], root, node)
    asked = asked_run(blend, data_root=root)
    assert whole.score == pytest.approx(blend.predictions(0, asked.kg.num_nodes)[node], abs=1e-3)
    assert sum(whole.sum.values()) == pytest.approx(whole.score)
    own = {(one.head, one.relation, one.tail): one.contribution for one in network.facts}
    share = weights[runs["gcn"].path.name]
    for fact in whole.facts:
        assert fact.contribution == pytest.approx(share * own[fact.head, fact.relation, fact.tail], abs=1e-6)
    pagerank = runs["pagerank"].path.name
    assert set(whole.others) == ({pagerank} if weights[pagerank] else set())
    assert abs(whole.remainder) <= abs(share * network.remainder) + 1e-3


def test_the_score_that_is_explained_is_the_one_that_is_predicted(root: Path, runs: dict[str, Run]) -> None:
    scores = score_nodes(runs["blend"], data_root=root)
    beyond, among = np.flatnonzero(scores.drawn_in).tolist(), np.flatnonzero(~scores.drawn_in)[:3].tolist()
    assert beyond
    for node in (*beyond, *among):
        found = explained(runs["blend"], root, node)
        assert found.importance == pytest.approx(scores.score[node], rel=1e-3)
        assert sum(found.sum.values()) == pytest.approx(found.score)
        assert ("drawn in" in explanation_text(found)) == bool(found.drawn_in) == (node in beyond)


def test_a_node_that_no_fold_tested_is_explained_by_all_folds_of_a_blend(root: Path, runs: dict[str, Run]) -> None:
    blend = runs["blend"]
    tested = np.concatenate([blend.split(fold)["test"] for fold in (0, 1)])
    node = int(np.setdiff1d(np.arange(300), tested)[0])
    mean = np.mean([blend.predictions(fold, 300)[node] for fold in (0, 1)])
    assert explained(blend, root, node).score == pytest.approx(mean, abs=1e-3)


def test_the_parts_of_a_blend_are_found_where_both_were_moved_to(
    root: Path, runs: dict[str, Run], tmp_path: Path
) -> None:
    folder = runs["blend"].path.parent
    moved = shutil.copytree(folder, tmp_path / "moved")
    hidden = folder.rename(folder.with_name("hidden"))
    try:
        blend = Run(moved / runs["blend"].path.name, runs["blend"].config, None)
        assert explained(blend, root, int(blend.split(0)["test"][0])).sum
    finally:
        hidden.rename(folder)


def test_neighbours_that_are_called_the_same_are_told_apart(tmp_path: Path) -> None:
    kg = replace(synthetic(0), text=["alike"] * 300)
    save(kg, tmp_path / kg.name / "processed")
    run = estimate(small("ridge", folds={"run": [0]}), data_root=tmp_path, run_root=tmp_path / "runs")
    found = explained(run, tmp_path, 3)
    ends = {end for fact in found.facts for end in (fact.head, fact.tail)} - {kg.node_names[3]}
    assert set(found.by_neighbour) == {f"alike ({name})" for name in ends}


def test_what_cannot_be_explained_is_refused_in_a_sentence(root: Path, runs: dict[str, Run]) -> None:
    with pytest.raises(NieError, match="of pagerank, whose scores cannot be explained; ask a run of a network"):
        asked_run(runs["pagerank"], data_root=root)
    with pytest.raises(NieError, match="ridge has no attention; explain it by ig"):
        explained(runs["ridge"], root, 3, "attention")
    stale = Run(runs["ridge"].path, {**runs["ridge"].config, "features": {"semantic": "none"}}, None)
    with pytest.raises(NieError, match="is a run of another synthetic"):
        explained(stale, root, int(stale.split(0)["test"][0]))
