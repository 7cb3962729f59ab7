"""The score of a node on an excerpt is exactly that on the whole graph: downstream.answers.scored_node, trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from leaving_out import check_leaving_out
from stage_helpers import opened, pretrained_on, small

from downstream.answers.scored_node import ScoredNode
from downstream.answers.trained import TrainedRun
from downstream.answers.trained_network import OnAll, Told, TrainedNetwork
from downstream.stages.estimation import estimate
from nie.data import KnowledgeGraph, synthetic
from nie.data.store import save

LOOPED, ALONE, LATER = 3, 7, 11
"""A node with an edge to itself and parallel facts, and one without any fact."""


def strange_graph() -> KnowledgeGraph:
    """A sparse graph, in which a change reaches few nodes, with every kind of fact that there is."""
    kg = synthetic(0)
    draw = np.random.default_rng(0)
    kept = (kg.src != ALONE) & (kg.dst != ALONE) & (draw.random(kg.num_edges) < 0.3)
    src, dst, etype = kg.src[kept], kg.dst[kept], kg.etype[kept]
    loop, there, back = (LOOPED, LOOPED, 0), (LOOPED, LATER, 1), (LATER, LOOPED, 1)
    more = np.array([loop, there, (LOOPED, LATER, 2), back]).T
    ends = (np.concatenate(pair) for pair in zip((src, dst, etype), more, strict=True))
    return KnowledgeGraph(
        kg.name, *ends, kg.labels, kg.label_mask, kg.node_names, kg.relation_names, kg.text,
        channels=kg.channels, meta=kg.meta,
    )  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scored_node")
    kg = strange_graph()
    save(kg, root / kg.name / "processed")
    return root


def check_leaving_out_of(trained: TrainedRun) -> None:
    check_leaving_out(trained, LOOPED, ALONE)


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("gat", {"graph": {"self_loops": False}}),
        ("rgcn", {"graph": {"self_loops": False, "inverse_relations": True}}),
        ("graphsage", {"graph": {"self_loops": False}}),
        ("gcn", {"model": {"num_layers": 3}}),
        ("sgc", {"model": {"num_hops": 4}, "graph": {"inverse_relations": True}}),
        ("gat", {"model": {"num_layers": 5}, "graph": {"inverse_relations": True}}),
        ("geni", {"graph": {"inverse_relations": True}}),
        ("rgtn", {"graph": {"inverse_relations": True}, "model": {"centrality_scale": True}}),
        ("rgtn", {"model": {"encoders": {"structural": "pregat", "semantic": "variational"}}}),
        ("gcn", {"learned_labels": "rank"}),
        ("sgc", {"learned_labels": "raw"}),
        ("rgtn", {"model": {"head": "vector", "fusion": "attention"}, "shown_labels": 0.5}),
    ],
)
def test_every_fact_can_be_left_out_exactly(root: Path, method: str, changes: dict[str, Any]) -> None:
    check_leaving_out_of(opened(root, method, folds={"run": [0]}, optim={"max_epochs": 2}, **changes))


@pytest.mark.parametrize(("inverse", "shared"), [(True, True), (True, False), (False, False)])
@pytest.mark.parametrize("method", ["graphsage", "mlp"])
def test_every_fact_can_be_left_out_where_encoders_of_stage_1_are_trained_along(
    root: Path, method: str, inverse: bool, shared: bool
) -> None:
    stage1 = pretrained_on(root, graph={"inverse_relations": inverse})
    tuned: dict[str, Any] = {"pretrained": str(stage1.path), "fine_tune": True, "replaced": ["structural"]}
    graph = {"inverse_relations": inverse == shared, "self_loops": shared}
    trained = opened(root, method, folds={"run": [0]}, optim={"max_epochs": 2}, graph=graph, **tuned)
    assert len(trained.networks_of(0)[0].given.graphs) == (1 if shared else 2)
    check_leaving_out_of(trained)


def test_other_features_of_a_node_change_its_score_as_on_the_whole_graph(root: Path) -> None:
    trained = opened(root, "gat", folds={"run": [0]}, optim={"max_epochs": 2}, model={"num_layers": 4})
    (network,) = trained.networks_of(0)
    given = network.given
    for node in (LOOPED, ALONE):
        scored = ScoredNode(network, node, trained.triples)
        feats = {name: feat.clone() for name, feat in given.predicting.items()}
        for name, feat in feats.items():
            feat[node] = scored.usual[name]
        with torch.no_grad():
            expected = network.predicted(given.outputs(network.model, feats))[node]
            assert float(scored(scored.whole, scored.usual)) == pytest.approx(float(expected), abs=1e-5)


def test_the_usual_node_shows_no_label(root: Path) -> None:
    trained = opened(root, "sgc", folds={"run": [0]}, optim={"max_epochs": 2}, shown_labels=0.5)
    (network,) = trained.networks_of(0)
    scored = ScoredNode(network, int(network.given.train[0]), trained.triples)
    first = next(iter(scored.usual))
    assert scored.usual[first][-2:].tolist() == [0, 0]
    assert scored.features[first][-1] == 1
    assert [len(usual) for usual in scored.usual.values()] == [len(own) for own in scored.features.values()]


def test_what_all_nodes_pass_along_is_kept_within_bounds(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small("sgc", optim={"max_epochs": 2})
    run = estimate(config, data_root=root, run_root=root / "runs")
    node = ALONE
    made, nothing = [], OnAll(Told(torch.zeros(9), None), [])
    monkeypatch.setattr(TrainedNetwork, "_on_all", lambda network: made.append(network) or nothing)

    def times_made(most: int) -> int:
        made.clear()
        monkeypatch.setattr("downstream.answers.trained_network.MOST_KEPT", most)
        trained = TrainedRun.open(run, data_root=root)
        for network in 2 * trained.networks(node):
            assert network.on_all
        return len(made)

    folds = len(TrainedRun.open(run, data_root=root).networks(node))
    assert times_made(1 << 20) == folds
    assert times_made(40) == (2 * folds if folds > 1 else 1)
