"""downstream.methods.fitted: predictions stay near the labels that they were learned from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stage_helpers import small, store_synthetic

from downstream.answers.node_scores import score_nodes
from downstream.methods.baselines import FoldData, ridge_baseline
from downstream.methods.fitted import REACH, Fitted, within_reach
from downstream.methods.fold_work import FoldWork
from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from nie.data.graph import LARGEST_LABEL
from nie.data.synthetic_graph import synthetic
from pretrain.cross_validation import make_folds
from pretrain.inputs import prepare


def test_what_is_finite_only_as_a_logarithm_is_clipped() -> None:
    wild = np.array([0.5, 2000.0, np.inf, -np.inf])
    bounded = within_reach(Fitted(wild, wild), np.array([0.1, 12.0]))
    assert bounded.prediction.tolist() == [0.5, 96.0, 96.0, -96.0]
    assert np.isfinite(np.expm1(bounded.prediction)).all()
    assert bounded.score is wild  # the order of the nodes is kept


def test_the_largest_label_that_a_graph_may_have_leaves_room() -> None:
    largest = np.log1p(np.array([LARGEST_LABEL["log1p"]]))
    assert np.isfinite(np.expm1(within_reach(Fitted(largest * 99, largest * 99), largest).prediction)).all()


@pytest.mark.parametrize("method", ["pagerank", "ppr", "linear", "ridge", "forest", "boosting", "gcn"])
def test_a_sound_fit_is_left_as_it_is(method: str, tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    config = small(method)
    inputs = prepare(config, data_root=tmp_path)
    work = FoldWork.of(METHODS[method], config, inputs, inputs.folds[0])
    fitted = work.method.fit(work, work.method.check(work), tmp_path)
    assert within_reach(fitted, work.inputs.kg.targets[work.fold.train]) is fitted
    assert np.abs(fitted.prediction).max() < REACH * work.inputs.kg.targets[work.fold.train].max() / 2


def test_a_wild_method_reaches_neither_the_figures_nor_the_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kg = store_synthetic(tmp_path)
    wild = np.where(np.arange(kg.num_nodes) % 3 == 0, 1e6, 1.0)
    monkeypatch.setitem(METHODS, "ridge", replace(METHODS["ridge"], fit=lambda *_: Fitted(wild, wild)))
    run = estimate(small("ridge"), data_root=tmp_path, run_root=tmp_path / "runs")
    assert run.metrics(0)["test"]["rmse"] <= 2 * REACH * np.nanmax(kg.targets)
    assert np.isfinite(score_nodes(run, data_root=tmp_path).score).all()
    assert "clipped" in caplog.text


def test_ridge_on_a_feature_that_is_constant_but_for_rounding() -> None:
    """A column that is the same for all training nodes tells nothing, however far other nodes are from it."""
    kg, rng = synthetic(0), np.random.default_rng(0)
    fold = make_folds(kg.label_mask)[0]
    features = rng.normal(size=(kg.num_nodes, 2)).astype(np.float32)
    plain = ridge_baseline(FoldData(kg, features, kg.targets, fold)).prediction
    column = np.full((kg.num_nodes, 1), 0.1, np.float32)
    column[fold.train] += 1e-9 * rng.normal(size=(len(fold.train), 1)).astype(np.float32)
    column[fold.test] = 7
    spoilt = ridge_baseline(FoldData(kg, np.hstack([features, column]), kg.targets, fold)).prediction
    assert np.allclose(spoilt, plain, atol=1e-3)
