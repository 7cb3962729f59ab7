"""downstream.methods.neighbour_labels, and the feature of that name on a fold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stage_helpers import small, with_labels

from downstream.methods import fold_features
from downstream.methods.fold_work import FoldWork
from downstream.methods.neighbour_labels import PARTS, neighbour_labels
from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from nie.arrays import Floats, Floats32, Ints
from nie.data import Channel, KnowledgeGraph, synthetic
from nie.errors import NieError
from nie.inputs.neighbours import neighbours as neighbours_of
from pretrain.cross_validation import make_folds
from pretrain.inputs import prepare


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    return synthetic(seed=3)


@pytest.fixture(scope="module")
def train(kg: KnowledgeGraph) -> Ints:
    return np.flatnonzero(kg.label_mask)[::2]


def rows_of(kg: KnowledgeGraph, targets: Floats, train: Ints) -> Floats32:
    return neighbour_labels(kg, targets, train, 0).features


def neighbours(kg: KnowledgeGraph, relation: int | None = None) -> list[list[int]]:
    """Of every node, the other end of each of its edges; with a relation, of its out-edges of that relation."""
    found: list[list[int]] = [[] for _ in range(kg.num_nodes)]
    for src, dst, etype in zip(kg.src, kg.dst, kg.etype, strict=True):
        if src != dst and relation in (None, etype):
            found[src].append(int(dst))
            if relation is None:
                found[dst].append(int(src))
    return found


def test_against_a_loop(kg: KnowledgeGraph, train: Ints) -> None:
    part = np.full(kg.num_nodes, PARTS)
    part[train] = np.random.default_rng(0).permutation(len(train)) % PARTS
    made = rows_of(kg, kg.targets, train)
    around, ahead = neighbours(kg), neighbours(kg, 0)
    behind: list[list[int]] = [[] for _ in range(kg.num_nodes)]
    for node, tails in enumerate(ahead):
        for tail in tails:
            behind[tail].append(node)
    for node in range(kg.num_nodes):
        seen = {int(one): float(kg.targets[one]) for one in train if part[one] != part[node]}  # from two steps away
        usual = float(np.mean(list(seen.values())))

        def mean(values: list[float], usual: float = usual) -> float:
            known = [value for value in values if np.isfinite(value)]
            return float(np.mean(known)) if known else usual

        def beyond(there: list[list[int]], back: list[list[int]], node: int = node, seen: dict = seen) -> list[float]:
            return [mean([seen[two] for two in back[one] if two in seen], np.nan) for one in there[node]]

        near = [one for one in around[node] if one in set(train.tolist())]
        known = [float(kg.targets[one]) for one in near]
        weights = [len(around[one]) for one in near]
        expected = [
            mean(known),
            np.log1p(len(known)),
            np.std(known) if known else 0,
            max(known, default=usual),
            np.average(known, weights=weights) if known else usual,
            mean(beyond(around, around)),
            mean(beyond(ahead, behind)),
            mean(beyond(behind, ahead)),
        ]
        np.testing.assert_allclose(made[node, :8], expected, rtol=1e-5, atol=1e-5)


def test_none_but_training_labels_enter(kg: KnowledgeGraph, train: Ints) -> None:
    targets = kg.targets.copy()
    targets[np.setdiff1d(np.arange(kg.num_nodes), train)] = 99.0
    np.testing.assert_array_equal(rows_of(kg, targets, train), rows_of(kg, kg.targets, train))


def test_no_label_enters_its_own_row(kg: KnowledgeGraph, train: Ints) -> None:
    made = rows_of(kg, kg.targets, train)
    for node in train[:20]:
        changed = kg.targets.copy()
        changed[node] += 5
        other = rows_of(kg, changed, train)
        np.testing.assert_array_equal(other[node], made[node])
        assert not np.array_equal(other, made)


def test_a_loop_is_no_neighbour(kg: KnowledgeGraph, train: Ints) -> None:
    nodes = np.arange(kg.num_nodes)
    with_loops = replace(
        kg, src=np.concatenate([kg.src, nodes]), dst=np.concatenate([kg.dst, nodes]),
        etype=np.concatenate([kg.etype, np.zeros_like(nodes)]),
    )  # fmt: skip
    made = rows_of(kg, kg.targets, train)
    np.testing.assert_array_equal(rows_of(with_loops, kg.targets, train)[:, :6], made[:, :6])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_labels_and_no_edges(kg: KnowledgeGraph, count: int) -> None:
    none = np.empty(0, dtype=np.int64)
    train = np.flatnonzero(kg.label_mask)[:count]
    for graph in (kg, replace(kg, src=none, dst=none, etype=none)):
        assert np.isfinite(rows_of(graph, kg.targets, train)).all()


FEATURES = {"structural": "structural+neighbour-labels", "semantic": "semantic"}


def test_a_fold_reads_its_own_training_labels_and_no_others(root: Path) -> None:
    config = small("ridge", features=FEATURES)
    inputs = prepare(config, data_root=root)
    kg, fold = inputs.kg, inputs.folds[1]
    work = FoldWork.of(METHODS["ridge"], config, inputs, fold)
    assert [work.name_of(one) for one in work.channels["structural"]] == ["structural", "neighbour-labels", "degrees"]
    labels = kg.labels.copy()
    for part in (fold.val, fold.test):
        labels[part] = labels[part] * 7 + 1
    changed = replace(inputs, kg=with_labels(kg, labels), _made={})
    assert [one.digest for one in make_folds(changed.kg.label_mask)] == [one.digest for one in inputs.folds]
    other = FoldWork.of(METHODS["ridge"], config, changed, fold)
    for channel, features in work.channels.items():
        for one, two in zip(features, other.channels[channel], strict=True):
            np.testing.assert_array_equal(one.features, two.features)
    first = FoldWork.of(METHODS["ridge"], config, inputs, inputs.folds[0]).channels["structural"][1]
    assert not np.array_equal(first.features, work.channels["structural"][1].features)


def test_boosting_with_neighbours_is_boosting_on_features_by_name(root: Path, tmp_path: Path) -> None:
    config = small("boosting-neighbours")
    assert config.features.structural == "structural+neighbour-labels+centrality+neighbours"
    assert config.features.semantic == "semantic+neighbours"
    named = small("boosting", features=config.features.model_dump())
    one, two = (estimate(each, data_root=root, run_root=tmp_path) for each in (config, named))
    np.testing.assert_array_equal(one.predictions(0, 300), two.predictions(0, 300))
    again = small("boosting-neighbours", features=config.features.model_dump())
    assert again.features == config.features
    alone = small("boosting-neighbours", features={"structural": "none", "semantic": "none", "more": {"a": "tfidf"}})
    assert alone.features.more == {"a": "tfidf+neighbour-labels+centrality+neighbours"}
    assert alone.features.structural == "none"


def test_a_network_that_passes_messages_would_be_told_its_own_label_by_its_neighbours(
    root: Path, tmp_path: Path
) -> None:
    with pytest.raises(NieError, match=r"neighbour-labels.*use shown_labels"):
        estimate(small("gcn", features=FEATURES), data_root=root, run_root=tmp_path)
    run = estimate(small("mlp", features=FEATURES), data_root=root, run_root=tmp_path)
    assert np.isfinite(run.predictions(0, 300)).all()


def test_pretrained_embeddings_have_neighbours_of_their_own(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"structural": "structural+neighbours+neighbour-labels", "semantic": "semantic+neighbours"}
    config = small("ridge", features=names, pretrained="elsewhere/structure-0a1b2c3d", replaced=["structural"])
    inputs = prepare(config, data_root=root)
    rows = np.random.default_rng(0).normal(size=(300, 40))
    embedding = Channel(rows, np.ones(300, bool))
    monkeypatch.setattr(fold_features, "read_embeddings", lambda *_: {"structural": embedding})
    work = FoldWork.of(METHODS["ridge"], config, inputs, inputs.folds[0])
    own, around, labels, degrees = work.channels["structural"]
    assert own is embedding
    np.testing.assert_array_equal(around.features, neighbours_of(inputs.kg, (embedding, degrees)).features)
    assert [work.name_of(one) for one in (labels, degrees)] == ["neighbour-labels", "degrees"]
    assert work.channels["semantic"] == inputs.channels["semantic"]
