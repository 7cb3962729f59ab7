"""Networks asked about a changed graph: downstream.answers.changed_graph and nie.inputs.changed_features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import opened, pretrained_on

from downstream.answers.changed_channels import teller_of
from downstream.answers.changed_graph import ChangedGraph
from downstream.answers.trained import TrainedRun
from nie.data import Channel
from nie.data.graph_change import GraphChange, NewNode
from nie.data.message_passing import message_graph
from nie.errors import NieError
from nie.inputs.changed_features import ChangedFeatures

COMPUTED = {"structural": "relations", "semantic": "tfidf"}
ONE_FOLD: dict[str, Any] = {"graph": {"inverse_relations": True}, "folds": {"run": [0]}}
NETWORKS = ("gcn", "graphsage", "gat", "rgcn", "sgc", "geni", "rgtn", "mlp")


@pytest.fixture(scope="module")
def rgcn(root: Path) -> TrainedRun:
    return opened(root, "rgcn", **ONE_FOLD, features=COMPUTED, shown_labels=0.5)


def facts_of(trained: TrainedRun, node: int) -> np.ndarray:
    triples = trained.kg.triples
    return triples[(triples[:, 0] == node) | (triples[:, 2] == node)]


def a_tested_node(trained: TrainedRun, facts: int = 3) -> int:
    """One with a text and at least so many facts."""
    return next(
        int(node)
        for node in trained.inputs.folds[0].test
        if len(facts_of(trained, node)) >= facts and trained.kg.text[node]
    )


def moved_away(trained: TrainedRun, node: int) -> GraphChange:
    """All facts and the text of a node go to a new node, which is put in its place."""
    facts = facts_of(trained, node)
    added = facts.copy()
    added[:, [0, 2]] = np.where(added[:, [0, 2]] == node, trained.kg.num_nodes, added[:, [0, 2]])
    return GraphChange(trained.kg, facts, added, [NewNode("its double", trained.kg.text[node])])


@pytest.mark.parametrize("method", NETWORKS)
@pytest.mark.parametrize("standardize", [True, False])
def test_a_graph_without_a_change_has_the_runs_predictions(root: Path, method: str, standardize: bool) -> None:
    trained = opened(root, method, **ONE_FOLD, features={**COMPUTED, "standardize": standardize})
    (rows,) = ChangedGraph(trained, GraphChange(trained.kg)).predictions()[0]
    np.testing.assert_allclose(rows, trained.run.predictions(0, trained.kg.num_nodes), atol=1e-5)


@pytest.mark.parametrize("standardize", [True, False])
def test_inputs_of_a_changed_graph_are_those_of_that_graph_on_the_scale_of_training(
    root: Path, standardize: bool
) -> None:
    """Computed slowly: the features of the whole changed graph, scaled by the means of the graph before."""
    features = {"structural": "relations", "semantic": "tfidf", "standardize": standardize, "limit": None}
    trained = opened(root, "rgcn", **ONE_FOLD, features=features)
    change = GraphChange(trained.kg, removed=facts_of(trained, a_tested_node(trained))[:2], added=np.array([[1, 2, 3]]))
    network = trained.networks_of(0)[0]
    read = ChangedGraph(trained, change).read_by(network)
    for name, expected in slowly(trained, change).items():
        before = network.given.feats[name].numpy()
        found = read.feats[name].numpy()
        np.testing.assert_allclose(found, expected, atol=1e-5)
        changed = np.flatnonzero((found != before).any(axis=1)).tolist()
        assert set(changed) <= (set(change.named.tolist()) if name == "structural" else set())
        assert changed or name == "semantic"
    assert read.message.graph.num_edges() == message_graph(change.after, inverse_relations=True).graph.num_edges()


def slowly(trained: TrainedRun, change: GraphChange) -> dict[str, np.ndarray]:
    def counts(kg: Any) -> np.ndarray:
        found = np.zeros((kg.num_nodes, 2 * kg.num_relations + 2))
        for head, relation, tail in kg.triples.tolist():
            found[head, relation] += 1
            found[tail, kg.num_relations + relation] += 1
            found[tail, -2] += 1
            found[head, -1] += 1
        return np.log1p(found)

    before, after = counts(trained.kg), counts(change.after)
    scaled = (after - before.mean(axis=0)) / before.std(axis=0)
    if not trained.config.features.standardize:
        size = np.sqrt(np.mean(np.square(before[:, :-2])))
        scaled = np.concatenate([after[:, :-2], size * scaled[:, -2:]], axis=1)
    semantic = trained.networks_of(0)[0].given.feats["semantic"].numpy()
    return {"structural": scaled, "semantic": semantic}


def test_a_fact_that_is_removed_and_added_again_leaves_the_scores(rgcn: TrainedRun) -> None:
    fact = facts_of(rgcn, a_tested_node(rgcn))[:1]
    change = GraphChange(rgcn.kg, removed=fact, added=fact)
    (rows,) = ChangedGraph(rgcn, change).predictions()[0]
    np.testing.assert_allclose(rows, rgcn.run.predictions(0, rgcn.kg.num_nodes), atol=1e-5)


@pytest.mark.parametrize("method", ["rgcn", "rgtn", "geni", "gcn"])
def test_a_new_node_with_the_facts_and_the_text_of_another_has_its_score(root: Path, method: str) -> None:
    trained = opened(root, method, **ONE_FOLD, features=COMPUTED)
    node = a_tested_node(trained)
    changed = ChangedGraph(trained, moved_away(trained, node))
    (rows,) = changed.predictions()[0]
    expected = trained.run.predictions(0, trained.kg.num_nodes)
    assert rows[-1] == pytest.approx(expected[node], abs=1e-4)
    others = np.delete(np.arange(trained.kg.num_nodes), node)
    np.testing.assert_allclose(rows[others], expected[others], atol=1e-4)
    assert changed.stand_ins == [{}]


def test_a_new_node_has_its_score_once_its_node2vec_is_given(root: Path) -> None:
    pytest.importorskip("gensim")
    features = {"structural": "node2vec", "semantic": "tfidf", "num_walks": 2}
    trained = opened(root, "rgtn", **ONE_FOLD, features=features)
    node = a_tested_node(trained)
    change, expected = moved_away(trained, node), trained.run.predictions(0, trained.kg.num_nodes)[node]
    without = ChangedGraph(trained, change)
    assert without.predictions()[0][0, -1] != pytest.approx(expected, abs=1e-4)
    count = len(np.unique(facts_of(trained, node)[:, [0, 2]])) - 1
    assert without.stand_ins == [{"node2vec": f"the mean of {count} neighbours"}]
    row = trained.inputs.channels["structural"][0].features[[node]]
    known = ChangedGraph(trained, change, {"node2vec": Channel(row, np.array([True]))})
    assert known.predictions()[0][0, -1] == pytest.approx(expected, abs=1e-4)
    assert known.stand_ins == [{}]


def test_new_nodes_without_facts_or_text_have_no_stand_ins_for_them(root: Path) -> None:
    features = {"structural": "structural+relations", "semantic": "tfidf+semantic"}
    trained = opened(root, "rgtn", **ONE_FOLD, features=features)
    nodes = [NewNode("alone", None), NewNode("beside 5", "A legendary thing.")]
    changed = ChangedGraph(trained, GraphChange(trained.kg, added=np.array([[301, 0, 5], [301, 1, 300]]), nodes=nodes))
    read = changed.read_by(trained.networks_of(0)[0])
    assert changed.stand_ins == [
        {"structural": "none", "tfidf": "no text", "semantic": "none"},
        {"structural": "the mean of 1 neighbour", "semantic": "none"},
    ]
    assert [mask[300:].tolist() for mask in read.masks.values()] == [[True, True], [False, True]]
    structural = trained.inputs.channels["structural"][0]
    told = ChangedFeatures(changed.change, teller_of(trained.inputs)).of("structural", structural).features
    assert told[301].tolist() == structural.features[5].tolist()
    assert not told[300].any()


def test_labels_of_test_nodes_are_never_read(root: Path, rgcn: TrainedRun) -> None:
    """Labels as input stay those of training: other labels of test nodes and of unlabelled ones change no score."""
    test = rgcn.inputs.folds[0].test
    labels = np.array(rgcn.kg.labels)
    labels[test] = 7.0
    other = replace(rgcn.inputs, kg=replace(rgcn.kg, labels=labels))
    asked = replace(rgcn, inputs=other)
    change = moved_away(rgcn, a_tested_node(rgcn))
    network = rgcn.networks_of(0)[0]
    read = ChangedGraph(rgcn, change).read_by(network)
    shown = np.flatnonzero(read.predicting["structural"][:, -1].numpy())
    assert set(shown.tolist()) == set(rgcn.inputs.folds[0].train.tolist())
    found = [ChangedGraph(one, replace(change, before=one.kg)).predictions()[0] for one in (rgcn, asked)]
    np.testing.assert_array_equal(*found)


def test_vectors_of_another_size_are_refused(rgcn: TrainedRun) -> None:
    change = moved_away(rgcn, a_tested_node(rgcn))
    given = {"relations": Channel(np.ones((1, 2), np.float32), np.array([True]))}
    with pytest.raises(NieError, match="The feature relations of new nodes must have 6 columns, as in training; got 2"):
        ChangedGraph(rgcn, change, given).predictions()


def test_a_pretrained_embedding_stays_and_a_new_node_has_the_mean_of_its_neighbours(root: Path) -> None:
    pretrained = pretrained_on(root, features=COMPUTED)
    trained = opened(root, "rgcn", **ONE_FOLD, features=COMPUTED, pretrained=str(pretrained.path))
    change = moved_away(trained, a_tested_node(trained))
    changed = ChangedGraph(trained, change)
    (network,) = trained.networks_of(0)
    read = changed.read_by(network)
    assert changed.predictions()[0].shape == (1, 301)
    count = len(np.unique(facts_of(trained, a_tested_node(trained))[:, [0, 2]])) - 1
    assert changed.stand_ins == [{"pretrained": f"the mean of {count} neighbours"}]
    for name, feats in network.given.feats.items():
        kept = slice(None) if name == "semantic" else slice(-2)  # but degrees
        assert read.feats[name][:300, kept].equal(feats[:, kept])


@pytest.mark.parametrize("inverse", [True, False])
@pytest.mark.parametrize("method", ["rgcn", "rgtn", "mlp"])
def test_encoders_that_are_trained_along_read_the_changed_graph(root: Path, method: str, inverse: bool) -> None:
    """All that they read can be computed: a node that is moved away takes its score along."""
    stage1 = pretrained_on(root, features=COMPUTED, graph={"inverse_relations": inverse})
    further = {"features": {**COMPUTED, "standardize": inverse}, "shown_labels": 0.5 if method == "rgcn" else 0.0}
    trained = opened(root, method, **ONE_FOLD, **further, pretrained=str(stage1.path), fine_tune=True)
    expected = trained.run.predictions(0, trained.kg.num_nodes)
    (as_it_is,) = ChangedGraph(trained, GraphChange(trained.kg)).predictions()[0]
    np.testing.assert_allclose(as_it_is, expected, atol=1e-4)
    node = a_tested_node(trained)
    changed = ChangedGraph(trained, moved_away(trained, node))
    (rows,) = changed.predictions()[0]
    assert rows[-1] == pytest.approx(expected[node], abs=1e-4)
    np.testing.assert_allclose(np.delete(rows[:-1], node), np.delete(expected, node), atol=1e-4)
    assert changed.stand_ins == [{}]
    assert changed.kept == []
