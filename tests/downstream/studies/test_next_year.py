"""Nodes of next year: what a method has seen when it is fitted, and what the study says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stage_helpers import SMALL, run_quietly, small

from downstream.methods.importance_settings import ImportanceConfig
from downstream.studies.snapshots import Forecast, NextYear, forecast
from nie.data import KnowledgeGraph, synthetic
from nie.data.store import save
from nie.errors import NieError
from nie.rank_correlation import spearman
from pretrain.licap_settings import LicapConfig
from pretrain.stage import PRETRAINING

YEAR = 2009
FEATURES = {"structural": "relation-counts+semantic", "semantic": "none", "degrees": False}


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    """A graph whose nodes come in 2005 to 2009, a fifth in each year."""
    plain = synthetic(0)
    return replace(plain, node_dates=[f"{2005 + node % 5}-03-01" for node in range(plain.num_nodes)])


def settings(method: str) -> ImportanceConfig:
    training = {"optim": {"max_epochs": 30, "lr": 0.03}} if method != "ridge" else {}
    return small(method, features=FEATURES, **training)


def made(kg: KnowledgeGraph, method: str, folder: Path) -> tuple[NextYear, Forecast]:
    folder.mkdir()
    period = NextYear(kg, YEAR)
    return period, forecast(settings(method), period, folder, folder)


def test_training_and_validation_nodes_are_of_earlier_years(kg: KnowledgeGraph) -> None:
    period = NextYear(kg, YEAR)
    years = np.arange(kg.num_nodes) % 5 + 2005
    known = np.concatenate([period.fold.train, period.fold.val])
    assert (years[known] < YEAR).all()
    np.testing.assert_array_equal(np.sort(known), np.flatnonzero(kg.label_mask & (years < YEAR)))
    np.testing.assert_array_equal(period.new, np.flatnonzero(kg.label_mask & (years == YEAR)))
    assert not period.after.label_mask[period.new].any()
    assert not np.isin(period.before.src, period.new).any()


def test_new_nodes_exchange_all_their_facts_in_the_control(kg: KnowledgeGraph) -> None:
    period = NextYear(kg, YEAR)
    real, control = period.after, period.after_shuffled
    touched = np.isin(real.src, period.new) | np.isin(real.dst, period.new)
    np.testing.assert_array_equal(real.src[~touched], control.src[~touched])
    degree = [np.sort(np.bincount(graph.dst, minlength=graph.num_nodes)[period.new]) for graph in (real, control)]
    np.testing.assert_array_equal(*degree)
    assert (real.dst != control.dst).any()


@pytest.mark.parametrize("method", ["ridge", "gcn", "rgtn"])
def test_labels_of_new_nodes_change_nothing(kg: KnowledgeGraph, method: str, tmp_path: Path) -> None:
    period, first = made(kg, method, tmp_path / "a")
    labels = kg.labels.copy()
    labels[period.new] = labels[period.new][::-1] + 3
    _, second = made(replace(kg, labels=labels), method, tmp_path / "b")
    np.testing.assert_array_equal(first.prediction, second.prediction)


def test_training_sees_no_fact_of_new_nodes_and_prediction_does(kg: KnowledgeGraph, tmp_path: Path) -> None:
    period, first = made(kg, "gcn", tmp_path / "a")
    generator = np.random.default_rng(0)
    touched = np.isin(kg.dst, period.new)
    src = np.where(touched, generator.permutation(kg.num_nodes)[kg.src], kg.src)
    _, second = made(replace(kg, src=src), "gcn", tmp_path / "b")
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert weights[0] == weights[1]
    assert not np.array_equal(first.prediction[period.new], second.prediction[period.new])


def test_a_forecast_knows_something(kg: KnowledgeGraph, tmp_path: Path) -> None:
    period, found = made(kg, "ridge", tmp_path / "a")
    true = kg.targets[period.new]
    assert spearman(true, found.prediction[period.new]) > 0.7


def test_encoders_of_stage_1_are_trained_before_the_year_and_embed_its_nodes(
    kg: KnowledgeGraph, tmp_path: Path
) -> None:
    """LICAP in front of a method sees neither labels nor facts of new nodes, and later embeds them by their facts."""
    pretraining = {"channels": ["structural"], "loss": {"gamma": 0.2}}
    snapshots = {"dates": ["2007-12-31"], "temporal_weight": 1.0}
    licap = PRETRAINING.recipes.resolve(
        overrides={**SMALL, "features": FEATURES, **pretraining, "snapshots": snapshots}
    )
    assert isinstance(licap, LicapConfig)
    period, labels = NextYear(kg, YEAR), kg.labels.copy()
    labels[period.new] = labels[period.new][::-1] + 3
    made = []
    for number, graph in enumerate((kg, replace(kg, labels=labels))):
        folder = tmp_path / str(number)
        folder.mkdir()
        made.append(forecast(settings("gcn"), NextYear(graph, YEAR), folder, folder, licap))
    np.testing.assert_array_equal(made[0].prediction, made[1].prediction)
    assert not np.array_equal(made[0].prediction[period.new], made[0].shuffled[period.new])
    (tmp_path / "plain").mkdir()
    plain = forecast(settings("gcn"), period, tmp_path / "plain", tmp_path / "plain")
    assert not np.array_equal(plain.prediction, made[0].prediction)


def test_texts_of_later_nodes_do_not_change_what_is_known_before(kg: KnowledgeGraph, tmp_path: Path) -> None:
    words = [f"word{node % 7} of number{node % 11}" for node in range(kg.num_nodes)]
    later = [f"new{node}" if node % 5 == 4 else text for node, text in enumerate(words)]
    config = small("ridge", features={"structural": "relation-counts", "semantic": "tfidf"})
    one, other = (NextYear(replace(kg, text=text), YEAR) for text in (words, later))
    (before,), (changed,) = (period.features(period.before, config, tmp_path)["semantic"] for period in (one, other))
    np.testing.assert_array_equal(before.features, changed.features)
    assert not before.mask[one.new].any()


def test_node2vec_has_nothing_for_later_nodes(kg: KnowledgeGraph, tmp_path: Path) -> None:
    config = small("ridge", features={"structural": "node2vec", "semantic": "none"})
    with pytest.raises(NieError, match="has nothing for nodes that come later"):
        forecast(config, NextYear(kg, YEAR), tmp_path, tmp_path)


def test_a_year_without_nodes_is_refused(kg: KnowledgeGraph) -> None:
    with pytest.raises(NieError, match="0 in that year; a forecast needs 20"):
        _ = NextYear(kg, 2010).new


def test_the_study_runs_its_years_and_keeps_them(
    kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("downstream.studies.next_year.TEXT", "tfidf")
    save(kg, tmp_path / "synthetic" / "processed")
    monkeypatch.setattr("downstream.studies.next_year.YEARS", (YEAR, 1999))
    command = ["study", "next-year", "synthetic", "--epochs", "2", "--out", str(tmp_path / "out")]
    code, out, error = run_quietly(command, tmp_path, tmp_path / "runs")
    assert code == 0, error
    assert "1999 is left out" in error
    for row in (
        "mean of the labels",
        "boosting-neighbours, facts of other new nodes",
        "rgcn, LICAP in training",
        "graphsage, LICAP, warm start",
        "graphsage, LICAP, temporal positives of other nodes",
    ):
        assert f"| {row} " in out
    code, again, _ = run_quietly([*command, "--report-only"], tmp_path, tmp_path / "runs")
    assert code == 0
    assert again == out


def test_a_graph_without_dates_is_told_so(tmp_path: Path) -> None:
    save(synthetic(0), tmp_path / "synthetic" / "processed")
    code, _, error = run_quietly(["study", "next-year", "synthetic"], tmp_path, tmp_path / "runs")
    assert code == 2
    assert "has no dates; give node_dates" in error


def test_a_recipe_whose_networks_it_would_not_read_whole_is_refused(kg: KnowledgeGraph, tmp_path: Path) -> None:
    save(kg, tmp_path / "synthetic" / "processed")
    command = ["study", "next-year", "synthetic", "--profile", "best", "--out", str(tmp_path / "out")]
    code, _, error = run_quietly(command, tmp_path, tmp_path / "runs")
    assert code == 2
    assert "mlp has members 3 and select_value rmse; give a --profile whose recipe has neither" in error
    assert not (tmp_path / "runs").exists()
