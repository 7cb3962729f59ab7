"""downstream.methods.lightgbm."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stage_helpers import small, store_synthetic

from downstream.methods.baselines import FoldData
from downstream.methods.lightgbm import lightgbm_baseline
from downstream.methods.tabular_settings import LightGBMModel
from downstream.metrics.importance import rmse
from downstream.stages.estimation import estimate
from nie.data import synthetic
from nie.errors import NieError
from nie.rank_correlation import spearman
from pretrain.cross_validation import make_folds

SETTINGS = LightGBMModel(learning_rate=0.1, patience=20)


@pytest.fixture(scope="module")
def given_() -> FoldData:
    pytest.importorskip("lightgbm")
    kg = synthetic(seed=0)
    features = np.concatenate([channel.features for channel in kg.channels.values()], axis=1)
    return FoldData(kg, features, kg.targets, make_folds(kg.label_mask)[0])


def test_it_learns_and_gives_the_same_bits_each_time(given_: FoldData) -> None:
    first, second = (lightgbm_baseline(given_, SETTINGS) for _ in range(2))
    test, truth = given_.fold.test, given_.targets
    assert spearman(truth[test], first.score[test]) > 0.8
    assert rmse(truth[test], first.prediction[test]) < 0.6 * truth[test].std()
    np.testing.assert_array_equal(first.score, second.score)
    assert not np.array_equal(first.score, lightgbm_baseline(replace(given_, seed=1), SETTINGS).score)


def test_validation_nodes_choose_the_rounds_and_test_labels_nothing(given_: FoldData) -> None:
    fold, truth = given_.fold, given_.targets
    best = lightgbm_baseline(given_, SETTINGS)
    rounds = best.facts["rounds"]
    assert 1 < rounds < 3000
    for others in (rounds - 1, rounds + 5):  # as many rounds and no more, chosen by nothing
        fixed = lightgbm_baseline(given_, SETTINGS.model_copy(update={"rounds": others, "patience": others}))
        assert fixed.facts["rounds"] <= others
        assert rmse(truth[fold.val], fixed.score[fold.val]) >= rmse(truth[fold.val], best.score[fold.val])
    changed = truth.copy()
    changed[fold.test] += 9
    np.testing.assert_array_equal(lightgbm_baseline(replace(given_, targets=changed), SETTINGS).score, best.score)


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rate": 0.3}, {"rounds": 2}, {"leaves": 3}, {"min_samples": 60}, {"l2": 50.0}, {"split_share": 1.0},
        {"node_share": 0.5},
    ],
    ids=str,
)  # fmt: skip
def test_every_setting_changes_what_it_predicts(given_: FoldData, changes: dict[str, float]) -> None:
    changed = lightgbm_baseline(given_, SETTINGS.model_copy(update=changes))
    assert not np.array_equal(changed.score, lightgbm_baseline(given_, SETTINGS).score)


@pytest.mark.parametrize("count", [2, 30])
def test_few_nodes_and_features_that_say_nothing(given_: FoldData, count: int) -> None:
    fold = replace(given_.fold, train=given_.fold.train[:count])
    for features in (given_.features, np.zeros_like(given_.features)):
        made = lightgbm_baseline(replace(given_, fold=fold, features=features), SETTINGS)
        assert np.isfinite(made.score).all()


def test_without_the_extra_it_says_what_to_install_before_a_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_synthetic(tmp_path)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "lightgbm" else find(name))
    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    with pytest.raises(NieError, match=r"needs the package lightgbm: pip install 'nie\[boosting\]'"):
        estimate(small("lightgbm"), data_root=tmp_path, run_root=tmp_path / "runs")
    assert not list(tmp_path.glob("runs/**/fold*"))
