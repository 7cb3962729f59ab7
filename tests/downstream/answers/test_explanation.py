"""Why a node has its score: downstream.answers.trained, scored_node, attribution and explanation."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stage_helpers import opened, run_quietly, small

from downstream.answers.attribution import ATTRIBUTIONS, integrated_gradients, leave_one_out
from downstream.answers.explanation import explain
from downstream.answers.explanation_text import explanation_text
from downstream.answers.scored_node import ScoredNode
from downstream.answers.trained import TrainedRun
from downstream.answers.trained_network import TrainedNetwork
from downstream.methods.predictions import centred
from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from nie.data import MessageGraph
from nie.dgl_compat import dgl
from nie.errors import NieError

NETWORKS = ("gcn", "graphsage", "gat", "rgcn", "sgc", "geni", "multi-import", "rgtn",
            "tuned-gcn", "tuned-graphsage", "tuned-gat", "tuned-rgcn")  # fmt: skip
BOTH_WAYS: dict[str, Any] = {"graph": {"inverse_relations": True}}


@pytest.fixture(scope="module")
def rgcn(root: Path) -> TrainedRun:
    return opened(root, "rgcn", **BOTH_WAYS)


def node_with_facts(trained: TrainedRun, fold: int = 0, facts: int = 3) -> int:
    """A test node of the fold with at least so many facts."""
    kg = trained.kg
    degree = np.bincount(np.concatenate([kg.src, kg.dst]), minlength=kg.num_nodes)
    return next(int(node) for node in trained.inputs.folds[fold].test if degree[node] >= facts)


@pytest.mark.parametrize("method", NETWORKS)
def test_a_score_without_a_fact_is_that_of_the_graph_without_it(root: Path, method: str) -> None:
    trained = opened(root, method, **BOTH_WAYS, folds={"run": [0]})
    node = node_with_facts(trained)
    (network,) = trained.networks(node)
    scored = ScoredNode(network, node, trained.triples)
    prediction = trained.run.predictions(0, trained.kg.num_nodes)[node]
    assert scored.score == pytest.approx(prediction, abs=1e-4)
    weight = scored.whole.clone()
    weight[1] = 0
    there = torch.from_numpy(trained.triples != scored.facts[1])
    message, given = network.given.message, network.given
    src, dst = message.graph.edges()
    graph = dgl.graph((src[there], dst[there]), num_nodes=trained.kg.num_nodes)
    without = replace(given, message=MessageGraph(graph, message.etype[there], message.num_relations, True, True))
    with torch.no_grad():
        expected = centred(without.outputs(network.model, given.predicting), given)[0][node] + given.centre
        found = scored(weight)
    assert float(found) == pytest.approx(float(expected), abs=1e-4)
    worth = ATTRIBUTIONS["leave-one-out"](scored).facts
    assert worth[1] == pytest.approx(scored.score - float(expected), abs=1e-4)


def test_contributions_add_up_to_the_score(rgcn: TrainedRun) -> None:
    node = node_with_facts(rgcn)
    explanation = explain(rgcn, rgcn.kg.node_names[node])
    assert explanation.base is not None
    owed = sum(abs(fact.contribution) for fact in explanation.facts) + sum(map(abs, explanation.channels.values()))
    assert abs(explanation.remainder) <= 0.05 * owed
    assert explanation.networks == 1
    ends = {(fact.head, fact.tail) for fact in explanation.facts}
    assert all(explanation.node in pair for pair in ends)
    in_graph = np.flatnonzero((rgcn.kg.src == node) | (rgcn.kg.dst == node))
    assert len(explanation.facts) == len(in_graph)
    total = sum(explanation.by_relation.values())
    assert total == pytest.approx(sum(explanation.by_neighbour.values()))
    assert total == pytest.approx(sum(fact.contribution for fact in explanation.facts))
    sizes = [abs(fact.contribution) for fact in explanation.facts]
    assert sizes == sorted(sizes, reverse=True)


class Returning:
    """A score that falls as its first facts come, bends, and comes back to near the base."""

    whole, features, usual, score = torch.ones(2), dict[str, Any](), dict[str, Any](), 0.2

    def __call__(self, weight: torch.Tensor, features: Any) -> torch.Tensor:
        share = weight.mean()
        return 0.2 * share - 0.5 * torch.minimum(share / 0.05, (1 - share) / 0.95)


def test_more_points_are_taken_where_few_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    scored: Any = Returning()
    assert integrated_gradients(scored).total == pytest.approx(scored.score, abs=0.05 * scored.score)
    monkeypatch.setattr("downstream.answers.attribution.STEPS", (16, 64))
    assert integrated_gradients(scored).total != pytest.approx(scored.score, abs=0.05 * scored.score)


def test_a_node_that_no_fold_tested_is_explained_by_all_folds(rgcn: TrainedRun) -> None:
    tested = np.concatenate([rgcn.inputs.folds[fold].test for fold in (0, 1)])
    node = int(np.setdiff1d(np.arange(rgcn.kg.num_nodes), tested)[0])
    assert explain(rgcn, rgcn.kg.node_names[node]).networks == 2


def test_members_are_all_asked(root: Path) -> None:
    trained = opened(root, "gcn", **BOTH_WAYS, members=2, folds={"run": [0]})
    node = node_with_facts(trained)
    explanation = explain(trained, trained.kg.node_names[node])
    assert explanation.networks == 2
    assert explanation.score == pytest.approx(trained.run.predictions(0, trained.kg.num_nodes)[node], abs=1e-4)


def test_methods_agree_on_what_matters_in_a_linear_network(root: Path) -> None:
    trained = opened(root, "sgc", folds={"run": [0]}, graph={"inverse_relations": False})
    node = node_with_facts(trained, facts=4)
    scored = ScoredNode(trained.networks(node)[0], node, trained.triples)
    one, other = integrated_gradients(scored), leave_one_out(scored)
    assert np.corrcoef(one.facts, other.facts)[0, 1] > 0.8


def test_what_a_node_without_facts_and_of_mean_features_scores_is_the_base(root: Path) -> None:
    trained = opened(root, "mlp", **BOTH_WAYS, folds={"run": [0]})
    node = node_with_facts(trained)
    explanation = explain(trained, trained.kg.node_names[node])
    assert explanation.base is not None
    assert [fact.contribution for fact in explanation.facts] == [0.0] * len(explanation.facts)
    total = explanation.base + sum(explanation.channels.values())
    assert total == pytest.approx(explanation.score, abs=0.05 * abs(explanation.score - explanation.base))


def test_the_command_prints_text_json_and_csv(rgcn: TrainedRun, root: Path) -> None:
    name = rgcn.kg.node_names[node_with_facts(rgcn)]

    def said(*flags: str) -> str:
        code, out, _ = run_quietly(["explain", str(rgcn.run.path), name, *flags], root, root / "runs")
        assert code == 0
        return out

    assert "What its" in said("--top", "2")
    assert "they do not add up" in said("--method", "leave-one-out")
    document = json.loads(said("--format", "json"))
    assert document["node"] == name
    assert document["facts"][0]["factor"] == pytest.approx(np.exp(document["facts"][0]["contribution"]))
    rows = list(csv.DictReader(io.StringIO(said("--format", "csv"))))
    assert len(rows) == len(document["facts"])


def test_attention_is_shown_where_there_is_some(root: Path, rgcn: TrainedRun) -> None:
    trained = opened(root, "gat", **BOTH_WAYS, folds={"run": [0]})
    node = node_with_facts(trained)
    explanation = explain(trained, trained.kg.node_names[node], "attention")
    assert 0 < sum(fact.contribution for fact in explanation.facts) < 1  # the rest is the node's own loop
    assert explanation.base is None
    assert "which is not what the score is owed to" in explanation_text(explanation)
    with pytest.raises(NieError, match="rgcn has no attention; explain it by ig or leave-one-out"):
        explain(rgcn, trained.kg.node_names[node], "attention")


def test_what_cannot_be_asked_is_refused_in_a_sentence(root: Path, rgcn: TrainedRun) -> None:
    for method in ("ridge", "boosting-neighbours"):
        table = estimate(small(method), data_root=root, run_root=root / "runs")
        with pytest.raises(NieError, match=f"is a run of {method}, which is no network"):
            TrainedRun.open(table, data_root=root)
    name = rgcn.kg.node_names[3]
    with pytest.raises(NieError, match=f"no entity '{name}x' .did you mean '{name}'"):
        explain(rgcn, f"{name}x")
    with pytest.raises(NieError, match=r"There is no method 'igg' .did you mean 'ig'"):
        explain(rgcn, name, "igg")
    code, _, error = run_quietly(["explain", str(rgcn.run.path), "nobody at all"], root, root / "runs")
    assert code == 2
    assert "Traceback" not in error


def test_a_network_that_passes_messages_by_other_means_is_refused(
    root: Path, rgcn: TrainedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = node_with_facts(rgcn)
    (network,) = rgcn.networks(node)
    told, passed = network.on_all
    monkeypatch.setattr(TrainedNetwork, "on_all", (told._replace(prediction=told.prediction + 1), passed))
    with pytest.raises(NieError, match=r"by other means than the operations of nie\.ops"):
        ScoredNode(network, node, rgcn.triples)


def test_every_network_can_be_asked() -> None:
    assert set(NETWORKS) | {"mlp"} == {name for name, method in METHODS.items() if method.is_network}
