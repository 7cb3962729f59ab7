from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.preprocessing import StandardScaler
from stage_helpers import with_labels

from downstream.methods import baselines
from downstream.methods.baselines import FoldData, MonotoneScale
from downstream.methods.fitted import Fitted
from downstream.methods.tabular_settings import BoostingModel, ForestModel
from downstream.metrics.importance import rmse
from nie.data.node_features.degrees import degree_features
from nie.data.pagerank import pagerank
from nie.data.synthetic_graph import synthetic
from nie.errors import NieError
from nie.rank_correlation import spearman
from pretrain.cross_validation import Fold, make_folds
from pretrain.probe import PENALTIES

MODELS = {"forest": ForestModel(), "boosting": BoostingModel()}
"""Settings of those that have some."""
BASELINES: dict[str, Callable[[FoldData], Fitted]] = {
    (short := name.removesuffix("_baseline").replace("_", "-")): (
        functools.partial(function, settings=MODELS[short]) if short in MODELS else function
    )
    for name, function in vars(baselines).items()
    if name.endswith("_baseline")
}


@pytest.fixture(scope="module")
def given_() -> FoldData:
    kg = synthetic(seed=0)
    parts = [*kg.channels.values(), degree_features(kg)]
    features = np.concatenate([channel.features for channel in parts], axis=1)
    return FoldData(kg, features, kg.targets, make_folds(kg.label_mask)[0])


def test_monotone_scale_against_sklearn() -> None:
    rng = np.random.default_rng(0)
    score = rng.integers(0, 40, 200) / 1e6
    target = 1e6 * score + rng.normal(0, 5, 200)
    scale = MonotoneScale.fit(score, target)
    grid = np.linspace(-1e-5, 5e-5, 500)
    fitted = IsotonicRegression(out_of_bounds="clip").fit(score, target)
    np.testing.assert_allclose(scale(grid), fitted.predict(grid), atol=1e-10)
    assert (np.diff(scale(grid)) >= 0).all()


def test_pagerank_ranks_by_the_raw_score(given_: FoldData) -> None:
    made = BASELINES["pagerank"](given_)
    np.testing.assert_array_equal(made.score, pagerank(given_.kg))
    order = np.argsort(made.score)
    assert (np.diff(made.prediction[order]) >= 0).all()
    train = given_.fold.train
    assert made.prediction[train].mean() == pytest.approx(given_.targets[train].mean())


def test_degrees_rank_by_the_number_of_edges(given_: FoldData) -> None:
    kg = given_.kg
    entering = np.array([(kg.dst == node).sum() for node in range(kg.num_nodes)])
    leaving = np.array([(kg.src == node).sum() for node in range(kg.num_nodes)])
    for name, expected in (("in-degree", entering), ("degree", entering + leaving)):
        made, train = BASELINES[name](given_), given_.fold.train
        np.testing.assert_array_equal(made.score, expected)
        assert (np.diff(made.prediction[np.argsort(expected, kind="stable")]) >= 0).all()
        assert made.prediction[train].mean() == pytest.approx(given_.targets[train].mean())


def with_noise(given: FoldData, columns: int) -> FoldData:
    noise = np.random.default_rng(0).standard_normal((len(given.targets), columns)).astype(np.float32)
    return replace(given, features=np.concatenate([given.features, noise], axis=1))


@pytest.mark.parametrize("noise", [0, 400])  # 400 noise columns are more features than training nodes
def test_ridge_against_sklearn(given_: FoldData, noise: int) -> None:
    wide = with_noise(given_, noise)
    fold, targets = wide.fold, wide.targets
    scaler = StandardScaler().fit(wide.features[fold.train].astype(np.float64))
    x = scaler.transform(wide.features.astype(np.float64))
    candidates = [
        Ridge(alpha=alpha, solver="svd").fit(x[fold.train], targets[fold.train]).predict(x) for alpha in PENALTIES
    ]
    best = min(candidates, key=lambda predicted: rmse(targets[fold.val], predicted[fold.val]))
    made = BASELINES["ridge"](wide)
    np.testing.assert_allclose(made.prediction, best, rtol=0, atol=1e-8)
    np.testing.assert_array_equal(made.score, made.prediction)


def test_ridge_ignores_constant_features(given_: FoldData) -> None:
    constant = np.full((len(given_.targets), 3), 7.0, dtype=np.float32)
    padded = replace(given_, features=np.concatenate([given_.features, constant], axis=1))
    plain = BASELINES["ridge"](given_).prediction
    np.testing.assert_allclose(BASELINES["ridge"](padded).prediction, plain, atol=1e-8)


def test_boosting_stops_at_the_best_validation_round(given_: FoldData) -> None:
    fold, targets = given_.fold, given_.targets
    table = given_.features
    model = HistGradientBoostingRegressor(max_iter=300, early_stopping=False, random_state=0)
    model.fit(table[fold.train], targets[fold.train])
    rounds = list(model.staged_predict(table))
    best = min(rounds, key=lambda predicted: rmse(targets[fold.val], predicted[fold.val]))
    np.testing.assert_array_equal(BASELINES["boosting"](given_).prediction, best)


@pytest.mark.parametrize("name", BASELINES)
def test_learns_something(given_: FoldData, name: str) -> None:
    made, truth, test = BASELINES[name](given_), given_.targets, given_.fold.test
    assert made.score.shape == made.prediction.shape == (300,)
    assert made.score.dtype == made.prediction.dtype == np.float64
    if name.startswith("ppr") or name == "har":  # what it scores best are the nodes that it restarts at
        return
    if name in ("pagerank", "degree", "in-degree"):  # the labels do not depend on the degree: at best the mean
        assert rmse(truth[test], made.prediction[test]) < 1.1 * truth[test].std()
    else:
        assert spearman(truth[test], made.score[test]) > 0.8
        assert rmse(truth[test], made.prediction[test]) < 0.5 * truth[test].std()


HONEST = {name: method for name, method in BASELINES.items() if name != "ppr-published"}


@pytest.mark.parametrize("method", HONEST.values(), ids=HONEST)
def test_reruns_are_identical_and_blind_to_test_labels(given_: FoldData, method: Callable[[FoldData], Fitted]) -> None:
    changed = given_.targets.copy()
    changed[given_.fold.test] += np.random.default_rng(0).normal(0, 9, len(given_.fold.test))
    changed[np.isnan(changed)] = 1e9
    labels = given_.kg.labels.copy()
    labels[given_.fold.test] *= 7
    first, second = method(given_), method(replace(given_, targets=changed, kg=with_labels(given_.kg, labels)))
    np.testing.assert_array_equal(first.score, second.score)
    np.testing.assert_array_equal(first.prediction, second.prediction)


def test_bad_input(given_: FoldData) -> None:
    with pytest.raises(NieError, match="must have a row for each of the graph's 300 nodes"):
        replace(given_, features=given_.features[:-1])
    spoilt = given_.features.copy()
    spoilt[3, 1] = np.nan
    with pytest.raises(NieError, match="must be finite in every row; they contain nan"):
        replace(given_, features=spoilt)
    unlabelled = np.flatnonzero(~given_.kg.label_mask)
    fold = Fold(2, given_.fold.train, unlabelled, given_.fold.test)
    with pytest.raises(NieError, match="Fold 2 must have at least one val node, and each a finite label"):
        replace(given_, fold=fold)
    with pytest.raises(NieError, match="Fold 2 must have at least one train node"):
        replace(given_, fold=Fold(2, unlabelled[:0], given_.fold.val, given_.fold.test))


def test_personalised_pagerank_restarts_where_labels_are_known(given_: FoldData) -> None:
    labels = np.nan_to_num(given_.kg.labels)
    train = np.zeros(300)
    train[given_.fold.train] = labels[given_.fold.train]
    np.testing.assert_array_equal(BASELINES["ppr"](given_).score, pagerank(given_.kg, personalization=train))
    published = BASELINES["ppr-published"](given_).score
    np.testing.assert_array_equal(published, pagerank(given_.kg, personalization=labels))
    assert not np.allclose(published, BASELINES["ppr"](given_).score)


def test_the_published_personalisation_does_look_at_test_labels(given_: FoldData) -> None:
    labels = given_.kg.labels.copy()
    labels[given_.fold.test] *= 7
    changed = replace(given_, kg=with_labels(given_.kg, labels))
    assert not np.allclose(BASELINES["ppr-published"](given_).score, BASELINES["ppr-published"](changed).score)


def test_linear_against_sklearn(given_: FoldData) -> None:
    train, x = given_.fold.train, given_.features.astype(np.float64)
    expected = LinearRegression().fit(x[train], given_.targets[train]).predict(x)
    np.testing.assert_allclose(BASELINES["linear"](given_).prediction, expected, atol=1e-10)


def test_trees_at_their_defaults_are_as_they_were_before_they_had_settings(given_: FoldData) -> None:
    train, val = given_.fold.train, given_.fold.val
    forest = RandomForestRegressor(max_features="sqrt", random_state=given_.seed)
    forest.fit(given_.features[train], given_.targets[train])
    np.testing.assert_array_equal(BASELINES["forest"](given_).score, forest.predict(given_.features))
    trees = HistGradientBoostingRegressor(max_iter=300, early_stopping=False, random_state=given_.seed)
    trees.fit(given_.features[train], given_.targets[train])
    errors = [np.mean((found - given_.targets[val]) ** 2) for found in trees.staged_predict(given_.features[val])]
    every = list(trees.staged_predict(given_.features))
    np.testing.assert_array_equal(BASELINES["boosting"](given_).score, every[int(np.argmin(errors))])


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *(("boosting", {key: value}) for key, value in {
            "learning_rate": 0.3, "rounds": 2, "leaves": 3, "min_samples": 60, "l2": 50.0,
        }.items()),
        *(("forest", {key: value}) for key, value in {"trees": 7, "min_samples": 20, "split_share": 1.0}.items()),
    ],
)  # fmt: skip
def test_every_setting_of_trees_changes_what_they_predict(
    name: str, changes: dict[str, float], given_: FoldData
) -> None:
    changed = MODELS[name].model_copy(update=changes)
    function = getattr(baselines, f"{name}_baseline")
    assert not np.array_equal(function(given_, changed).score, BASELINES[name](given_).score)
