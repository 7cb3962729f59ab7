"""Features of a changed graph that tell of what stands around a node: downstream.answers.changed_channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import opened, store_synthetic

from downstream.answers.changed_graph import ChangedGraph
from downstream.answers.suggestions import suggest
from downstream.answers.suggestions_text import suggestions_text
from downstream.answers.what_if import what_if
from downstream.methods.neighbour_labels import TrainingLabels, neighbour_labels
from nie.data.graph_change import GraphChange, NewNode
from nie.data.node_features.centrality import changed_centrality
from nie.data.node_features.degrees import degree_features
from nie.data.node_features.relations import relation_counts
from nie.inputs.channels import input_array
from nie.inputs.neighbours import neighbours

AROUND = {"structural": "relation-counts+neighbour-labels+centrality+neighbours", "semantic": "none"}
ONE_FOLD: dict[str, Any] = {"folds": {"run": [0]}}


def test_neighbours_their_labels_and_centrality_are_those_of_the_changed_graph(root: Path) -> None:
    """Computed slowly: all features of the changed graph anew, but for the pivots of centrality."""
    trained = opened(root, "mlp", **ONE_FOLD, features=AROUND)
    kg, work = trained.kg, trained.networks_of(0)[0].given.work
    change = GraphChange(
        kg, removed=kg.triples[:3], added=np.array([[1, 2, 3], [300, 0, 5]]), nodes=[NewNode("x", None)]
    )
    changed = ChangedGraph(trained, change)
    found = changed.read_by(trained.networks_of(0)[0]).feats["structural"].numpy()
    after = change.after
    counts, central, degrees = relation_counts(after), changed_centrality(after, kg.num_nodes), degree_features(after)
    labels = neighbour_labels(after, np.append(kg.targets, np.nan), work.fold.train, 0)
    slowly = (counts, labels, central, neighbours(after, (counts, central, degrees)), degrees)
    expected = input_array(slowly, trained.config.features, work.channels["structural"])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert changed.kept == []
    assert changed.stand_ins == [{}]


def test_labels_around_nodes_of_a_part_of_the_graph_are_those_of_the_whole(root: Path) -> None:
    kg = store_synthetic(root)
    train = np.flatnonzero(kg.label_mask)[:150]
    labels = TrainingLabels.of(kg, kg.targets, train, 3)
    order = np.random.default_rng(0).permutation(kg.num_nodes)
    part = GraphChange(kg).around(order)  # all nodes in another order
    np.testing.assert_allclose(labels.of_nodes(order).around(part).features, labels.around(kg).features[order])


def test_suggestions_say_what_they_leave_as_it_was(root: Path) -> None:
    trained = opened(root, "mlp", **ONE_FOLD, features=AROUND)
    found = suggest(trained, trained.kg.node_names[3], 2)
    assert found.kept == ["neighbour-labels", "centrality", "neighbours"]
    assert "Without what neighbour-labels, centrality, neighbours would say of them" in suggestions_text(found)


def test_what_stays_as_it_was_is_said(root: Path) -> None:
    pytest.importorskip("gensim")
    features = {"structural": "node2vec+neighbours~shuffled", "semantic": "none", "num_walks": 1}
    trained = opened(root, "mlp", **ONE_FOLD, features=features)
    fact = [trained.kg.node_names[int(trained.kg.src[0])], trained.kg.relation_names[int(trained.kg.etype[0])],
            trained.kg.node_names[int(trained.kg.dst[0])]]  # fmt: skip
    assert what_if(trained, remove=[fact]).kept == ["node2vec", "neighbours~shuffled"]
    raw = opened(root, "mlp", **ONE_FOLD, features={**AROUND, "standardize": False})
    assert what_if(raw, remove=[fact]).kept == ["neighbour-labels", "neighbours"]
