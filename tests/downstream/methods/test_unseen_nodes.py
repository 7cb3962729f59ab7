"""Nodes that are fed as new ones in training: downstream.methods.unseen_nodes and nie.inputs.neighbour_means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from stage_helpers import SMALL, small, store_synthetic

from downstream.answers.changed_graph import ChangedGraph
from downstream.answers.trained import TrainedRun
from downstream.methods.unseen_nodes import UnseenNodes
from downstream.stages.estimation import estimate
from nie.data import Channel, synthetic
from nie.data.graph_change import GraphChange, NewNode
from nie.errors import NieError
from nie.inputs.neighbour_means import neighbour_means
from pretrain.licap import pretrain
from pretrain.stage import PRETRAINING

FEATURES = {"structural": "structural+relations", "semantic": "tfidf"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    root = tmp_path_factory.mktemp("unseen")
    store_synthetic(root)
    config = small("rgcn", features=FEATURES, unseen_nodes=0.3, folds={"run": [0]})
    return TrainedRun.open(estimate(config, data_root=root, run_root=root / "runs"), data_root=root)


def test_means_are_those_of_a_loop() -> None:
    kg = synthetic(0)
    draw = np.random.default_rng(0)
    channel = Channel(draw.normal(size=(kg.num_nodes, 2)).astype(np.float32), draw.random(kg.num_nodes) < 0.5)
    found = neighbour_means(kg, channel)
    for node in range(kg.num_nodes):
        others = {int(kg.dst[edge]) for edge in np.flatnonzero(kg.src == node)}
        others |= {int(kg.src[edge]) for edge in np.flatnonzero(kg.dst == node)}
        rows = [channel.features[other] for other in others - {node} if channel.mask[other]]
        expected = np.mean(rows, axis=0) if rows else np.zeros(2)
        np.testing.assert_allclose(found.channel.features[node], expected, atol=1e-6)
        assert found.known[node] == len(rows)
        assert found.channel.mask[node] == bool(rows)


def test_a_share_of_the_nodes_is_fed_what_a_new_node_in_their_place_would_be(trained: TrainedRun) -> None:
    (network,) = trained.networks_of(0)
    given = network.given
    unseen = UnseenNodes.of(given.work)
    assert unseen is not None
    assert set(unseen.means) == {"structural"}
    made = unseen.draw(given.feats, torch.Generator().manual_seed(0))
    assert made["semantic"] is given.feats["semantic"]
    differs = (made["structural"] != given.feats["structural"]).any(dim=1)
    assert 0.2 < differs.float().mean() < 0.4
    other = unseen.draw(given.feats, torch.Generator().manual_seed(1))["structural"]
    assert not other.equal(made["structural"])
    node = 3
    facts = trained.kg.triples[(trained.kg.src == node) | (trained.kg.dst == node)]
    moved = facts.copy()
    moved[:, [0, 2]] = np.where(facts[:, [0, 2]] == node, 300, facts[:, [0, 2]])
    change = GraphChange(trained.kg, facts, moved, [NewNode("x", trained.kg.text[node])])
    new = ChangedGraph(trained, change).read_by(network).feats["structural"][300]
    torch.testing.assert_close(unseen.means["structural"][node], new)


def test_it_is_refused_where_no_feature_is_an_embedding(tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    settings = {"features": {"structural": "relations", "semantic": "tfidf"}, "folds": {"run": [0]}}
    with pytest.raises(NieError, match="no feature here is of that kind"):
        estimate(small("gcn", unseen_nodes=0.3, **settings), data_root=tmp_path, run_root=tmp_path / "runs")


def test_it_does_not_go_with_encoders_that_are_trained_along(tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    stage1 = PRETRAINING.recipes.resolve(overrides={**SMALL, "folds": {"run": [0]}, "optim": {"max_epochs": 1}})
    pretrained = str(pretrain(stage1, data_root=tmp_path, run_root=tmp_path / "runs").path)
    config = small("rgcn", unseen_nodes=0.3, fine_tune=True, pretrained=pretrained, folds={"run": [0]})
    with pytest.raises(NieError, match="unseen_nodes replaces embeddings, which fine_tune computes anew"):
        estimate(config, data_root=tmp_path, run_root=tmp_path / "runs")
