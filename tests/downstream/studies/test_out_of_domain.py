"""The study of another kind: what its signal is made of, and what it does not see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stage_helpers import run_quietly, small

from downstream.stages.estimation import estimate
from downstream.studies.out_of_domain import (
    FILMS,
    RELATION,
    SIGNALS,
    STILL,
    OtherKind,
    Signal,
)
from nie.data import KnowledgeGraph, synthetic
from nie.data.store import save


def films_and_directors() -> KnowledgeGraph:
    """Four films, three directors and a genre; the last director's films are films 2 and 3."""
    films = [(0, 4), (1, 4), (1, 5), (2, 6), (3, 6)]
    src, dst = (np.array(ends) for ends in zip(*films, (0, 7), (4, 0), strict=True))
    nan = np.nan
    return KnowledgeGraph(
        "films", src, dst, [0, 0, 0, 0, 0, 1, 2], [1.0, 2.0, 3.0, 4.0, nan, nan, nan, nan], [True] * 4 + [False] * 4,
        list("abcdefgh"), [RELATION, "genre", f"{RELATION}_inverse"], [None] * 8,
        signals={"revenue": [10.0, 30.0, nan, 7.0, nan, nan, nan, nan], "vote_count": [1.0, 2.0, 3.0, 4.0] + [nan] * 4},
    )  # fmt: skip


@pytest.fixture
def other() -> OtherKind:
    return OtherKind(films_and_directors(), {"train": np.array([0]), "val": np.array([1]), "test": np.array([2, 3])})


def test_a_signal_is_of_films_with_a_value_and_of_directors_alone(other: OtherKind) -> None:
    total, mean = (other.signal(Signal("revenue", summed), other.kg.label_mask) for summed in (True, False))
    np.testing.assert_allclose(np.expm1(total), [*[np.nan] * 4, 40, 30, 7, np.nan])
    np.testing.assert_allclose(np.expm1(mean), [*[np.nan] * 4, 20, 30, 7, np.nan])


def test_only_test_films_count_where_that_is_asked(other: OtherKind) -> None:
    films, nodes = FILMS["Signal of test films"][1](other)
    votes = other.signal(Signal("vote_count", True), films)
    np.testing.assert_allclose(np.expm1(votes), [*[np.nan] * 6, 7, np.nan])
    assert nodes.all()
    training = np.array([0])
    signals = {name: np.where(np.isin(np.arange(8), training), 99, known) for name, known in other.kg.signals.items()}
    changed = OtherKind(replace(other.kg, signals=signals), other.split)
    np.testing.assert_array_equal(changed.signal(Signal("vote_count", True), films), votes)


def test_a_director_of_no_training_film_has_no_edge_to_one(other: OtherKind) -> None:
    _, nodes = FILMS["Signal of test films, directors of no training film"][1](other)
    assert nodes[[4, 5, 6]].tolist() == [False, True, True]


def test_controls_read_training_labels_alone_and_each_neighbour_once(other: OtherKind) -> None:
    controls = other.controls()
    assert controls["degree"].tolist() == [3, 2, 1, 1, 3, 1, 2, 1]
    np.testing.assert_allclose(controls["sum of the training labels of the neighbours"][[4, 5]], [np.log(2), 0])
    # Node 4 has the label log 2 around it, nodes 5 and 6 have none and so the mean of all, which is log 2 as well.
    np.testing.assert_allclose(controls["the same, averaged over two steps"][[4, 5, 6]], np.log(2))
    labels = np.where(np.isin(np.arange(8), [1, 2, 3]), 50.0, other.kg.labels)
    changed = OtherKind(replace(other.kg, labels=labels), other.split).controls()
    for name, values in controls.items():
        np.testing.assert_array_equal(changed[name], values)


def graph() -> KnowledgeGraph:
    """The synthetic graph, whose unlabelled nodes are directors of those that praise them."""
    kg = synthetic(0)
    signals = {one.name: np.where(kg.label_mask, kg.targets, np.nan) for one in SIGNALS}
    return replace(kg, relation_names=["cites", RELATION, "mentions"], signals=signals)


def test_the_signals_change_no_prediction_and_the_untrained_network_learns_nothing(tmp_path: Path) -> None:
    kg = graph()
    made = {}
    for name, signals in (("a", kg.signals), ("b", {})):
        save(replace(kg, signals=signals), tmp_path / name / "synthetic" / "processed")
        for kind, optim in (("trained", {"max_epochs": 2}), ("still", STILL)):
            config = small("geni", optim=optim, folds={"run": [0]})
            run = estimate(config, data_root=tmp_path / name, run_root=tmp_path / name / "runs")
            made[name, kind] = run.ranking_scores(0, kg.num_nodes)
    np.testing.assert_array_equal(made["a", "trained"], made["b", "trained"])
    assert not np.allclose(made["a", "trained"], made["a", "still"], rtol=1e-3)


def test_the_untrained_network_is_the_same_whatever_the_labels(tmp_path: Path) -> None:
    kg, made = graph(), []
    for name, labels in (("a", kg.labels), ("b", kg.labels[::-1])):
        mask = ~np.isnan(labels)
        save(replace(kg, labels=labels, label_mask=mask), tmp_path / name / "synthetic" / "processed")
        config = small("geni", optim=STILL, folds={"run": [0]}, centre_labels=False)
        run = estimate(config, data_root=tmp_path / name, run_root=tmp_path / name / "runs")
        made.append(run.ranking_scores(0, kg.num_nodes))
    np.testing.assert_allclose(*made, atol=1e-6)


@pytest.mark.parametrize("signals", [True, False])
def test_the_study_ranks_directors(tmp_path: Path, signals: bool) -> None:
    kg = graph()
    save(kg if signals else replace(kg, signals={}), tmp_path / "synthetic" / "processed")
    command = ["study", "out-of-domain", "synthetic", "--only", "geni", "--epochs", "2", "--folds.run", "0,1"]
    flags = ["--features.structural", "structural", "--out", str(tmp_path / "out")]
    code, out, error = run_quietly([*command, *flags], tmp_path, tmp_path / "runs")
    if not signals:
        assert code == 2
        assert "needs a relation Directing from labelled nodes and the signals revenue and vote_count" in error
        return
    assert code == 0, error
    for name in FILMS:
        assert name in out
    assert "| mean training label of the neighbours " in out
