from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import metrics as reference

from downstream.metrics.importance import median_ae, ndcg_at_k, over_at_k, rmse, spearman
from downstream.metrics.registry import METRICS, evaluate, node_metrics
from nie.errors import NieError

# Few distinct values, so ties are common; quarters, so sums of ranks and errors are exact.
quarters = st.integers(0, 20).map(lambda n: n / 4)
pairs = st.lists(st.tuples(quarters, quarters), min_size=3, max_size=30).map(
    lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True))
)
Pair = tuple[np.ndarray, np.ndarray]
fast = settings(deadline=None, max_examples=100)


@fast
@given(pairs)
def test_errors_against_loops_and_sklearn(pair: Pair) -> None:
    target, prediction = pair
    assert rmse(*pair) == pytest.approx(reference.rmse(target.tolist(), prediction.tolist()), abs=1e-10)
    assert rmse(*pair) == pytest.approx(math.sqrt(sklearn.metrics.mean_squared_error(*pair)), abs=1e-10)
    assert median_ae(*pair) == pytest.approx(reference.median_ae(target.tolist(), prediction.tolist()), abs=1e-10)
    assert median_ae(*pair) == pytest.approx(sklearn.metrics.median_absolute_error(*pair), abs=1e-10)


@fast
@given(pairs)
def test_spearman_against_loop_and_scipy(pair: Pair) -> None:
    ours = spearman(*pair)
    assert ours == pytest.approx(reference.spearman(pair[0].tolist(), pair[1].tolist()), abs=1e-10, nan_ok=True)
    if not math.isnan(ours):
        assert ours == pytest.approx(scipy.stats.spearmanr(*pair).statistic, abs=1e-10)


@fast
@given(pairs, st.integers(1, 30))
def test_top_k_against_loops(pair: Pair, k: int) -> None:
    target, prediction = pair[0] + 0.25, pair[1]  # positive gains
    k = min(k, len(target))
    expected = reference.ndcg_at_k(target.tolist(), prediction.tolist(), k)
    assert ndcg_at_k(target, prediction, k) == pytest.approx(expected, abs=1e-10)
    expected = reference.over_at_k(target.tolist(), prediction.tolist(), k)
    assert over_at_k(target, prediction, k) == expected


@pytest.mark.parametrize("k", [1, 5, 50, 200])
def test_ndcg_against_sklearn(k: int) -> None:
    rng = np.random.default_rng(k)
    target, prediction = rng.integers(0, 9, 200).astype(float), rng.permutation(200).astype(float)
    expected = sklearn.metrics.ndcg_score(target[None], prediction[None], k=k)
    assert ndcg_at_k(target, prediction, k) == pytest.approx(expected, abs=1e-10)


@fast
@given(pairs)
def test_rankings_see_the_order_only(pair: Pair) -> None:
    target, prediction = pair[0] + 0.25, pair[1]
    stretched = np.exp(prediction) * 3 - 7
    k = len(target) // 2 + 1
    assert spearman(target, stretched) == pytest.approx(spearman(target, prediction), nan_ok=True)
    assert ndcg_at_k(target, stretched, k) == ndcg_at_k(target, prediction, k)
    assert over_at_k(target, stretched, k) == over_at_k(target, prediction, k)
    assert ndcg_at_k(3 * target, prediction, k) == pytest.approx(ndcg_at_k(target, prediction, k))


@fast
@given(pairs)
def test_ranges_and_perfection(pair: Pair) -> None:
    target, prediction = pair[0] + 0.25, pair[1]
    k = len(target)
    assert 0 <= ndcg_at_k(target, prediction, k) <= 1 + 1e-12
    assert over_at_k(target, prediction, k) == 1.0
    for k in range(1, len(target) + 1):
        assert ndcg_at_k(target, target, k) == over_at_k(target, target, k) == 1.0
    assert rmse(target, target) == median_ae(target, target) == 0.0
    if len(set(target.tolist())) > 1:
        assert spearman(target, target) == pytest.approx(1.0)
        assert spearman(target, -target) == pytest.approx(-1.0)


def test_order_of_the_nodes_does_not_matter_without_ties() -> None:
    rng = np.random.default_rng(0)
    target, prediction, order = rng.random(300), rng.random(300), rng.permutation(300)
    before, after = evaluate(target, prediction), evaluate(target[order], prediction[order])
    assert before == pytest.approx(after)


def test_ties_keep_the_order_of_the_input() -> None:
    assert ndcg_at_k([1.0, 2.0, 3.0], [5.0, 5.0, 5.0], 1) == pytest.approx(1 / 3)
    assert ndcg_at_k([3.0, 2.0, 1.0], [5.0, 5.0, 5.0], 1) == 1.0
    assert over_at_k([2.0, 2.0, 2.0], [1.0, 2.0, 3.0], 1) == 0.0


def test_undefined_values_are_nan_and_silent() -> None:
    assert math.isnan(spearman([1.0, 2.0, 3.0], [4.0, 4.0, 4.0]))
    assert math.isnan(spearman([4.0, 4.0], [1.0, 2.0]))
    assert math.isnan(spearman([4.0], [1.0]))
    assert math.isnan(ndcg_at_k([0.0, 0.0], [1.0, 2.0], 1))


@pytest.mark.parametrize("fn", [ndcg_at_k, over_at_k])
@pytest.mark.parametrize("k", [0, 4, -1])
def test_k_must_fit(fn: object, k: int) -> None:
    assert callable(fn)
    with pytest.raises(NieError, match=f"k must be between 1 and 3, the number of nodes; got {k}"):
        fn([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], k)


def test_ndcg_refuses_negative_gains() -> None:
    with pytest.raises(NieError, match="must not be negative"):
        ndcg_at_k([1.0, -2.0], [1.0, 2.0], 1)


@pytest.mark.parametrize("name", node_metrics())
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(name: str, bad: float) -> None:
    good = np.arange(250.0)
    spoilt = np.where(good == 7, bad, good)
    with pytest.raises(NieError, match="The prediction has 1 values that are nan or infinite"):
        METRICS[name].function(good, spoilt)
    with pytest.raises(NieError, match="The target has 1"):
        METRICS[name].function(spoilt, good)


@pytest.mark.parametrize(("target", "prediction"), [([], []), ([1.0], [1.0, 2.0]), ([[1.0]], [[1.0]])])
def test_shapes(target: list[float], prediction: list[float]) -> None:
    with pytest.raises(NieError, match="two lists of one length"):
        rmse(target, prediction)


@pytest.mark.parametrize("name", node_metrics())
def test_the_truth_is_better_than_its_reverse(name: str) -> None:
    metric, target = METRICS[name], np.arange(400.0)
    assert metric.function is not None
    truth, reverse = metric.function(target, target), metric.function(target, target[::-1])
    assert (truth > reverse) == metric.higher_is_better
    # Only the order counts exactly for those that are said to rank.
    assert (metric.function(target, 2 * target) == truth) == metric.ranks


@pytest.mark.parametrize(("nodes", "fitting"), [(19, []), (20, ["20"]), (100, ["20", "50", "100"])])
def test_evaluate_leaves_out_what_does_not_fit(nodes: int, fitting: list[str]) -> None:
    values = evaluate(np.arange(nodes), np.arange(nodes))
    expected = ["rmse", "medianae", "spearman", *(f"{kind}@{k}" for kind in ("ndcg", "over") for k in fitting)]
    assert list(values) == expected
    assert all(isinstance(value, float) for value in values.values())


def test_evaluate_ranks_by_the_raw_score() -> None:
    target, score = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.1, 0.2, 0.3, 0.4])
    flat = np.full(4, 2.5)
    values = evaluate(target, flat, ["rmse", "spearman"], ranking=score)
    assert values == {"rmse": rmse(target, flat), "spearman": pytest.approx(1.0)}
    assert math.isnan(evaluate(target, flat, ["spearman"])["spearman"])
    with pytest.raises(NieError, match="two lists of one length"):
        evaluate(target, flat, ranking=score[:3])


def test_evaluate_names_the_nearest_metric() -> None:
    with pytest.raises(NieError, match="no metric 'spaerman' of nodes \\(did you mean 'spearman'\\?\\)"):
        evaluate([1.0, 2.0], [1.0, 2.0], ["spaerman"])
