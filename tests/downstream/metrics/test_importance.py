from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import metrics as reference

from downstream.metrics.importance import median_ae, ndcg_at_k, over_at_k, rmse
from downstream.metrics.registry import METRICS, evaluate, node_metrics
from nie.errors import NieError
from nie.rank_correlation import spearman

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


few = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), min_size=2, max_size=5).map(
    lambda rows: tuple(np.array(column, dtype=float) for column in zip(*rows, strict=True))
)


@fast
@given(few, st.integers(1, 4))
def test_top_k_are_means_over_all_orders_of_ties(pair: Pair, k: int) -> None:
    target, prediction = pair
    k = min(k, len(target) - 1)
    expected = reference.ndcg_at_k(target.tolist(), prediction.tolist(), k)
    assert ndcg_at_k(target, prediction, k) == pytest.approx(expected, abs=1e-10)
    expected = reference.over_at_k(target.tolist(), prediction.tolist(), k)
    assert over_at_k(target, prediction, k) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("k", [1, 5, 50, 200])
@pytest.mark.parametrize("tied", [False, True])
def test_ndcg_against_sklearn(k: int, tied: bool) -> None:
    rng = np.random.default_rng(k)
    target, prediction = rng.integers(0, 9, 200).astype(float), rng.permutation(200).astype(float)
    if tied:
        prediction //= 30
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
    assert math.isnan(over_at_k(target, prediction, k))  # any order would give 1
    distinct = target + np.arange(len(target)) / 1000
    for k in range(1, len(target)):
        assert ndcg_at_k(target, target, k) == pytest.approx(1.0)
        assert ndcg_at_k(distinct, distinct, k) == over_at_k(distinct, distinct, k) == 1.0
    assert rmse(target, target) == median_ae(target, target) == 0.0
    if len(set(target.tolist())) > 1:
        assert spearman(target, target) == pytest.approx(1.0)
        assert spearman(target, -target) == pytest.approx(-1.0)


def before_ties_counted(target: np.ndarray, prediction: np.ndarray, k: int) -> tuple[float, float]:
    """NDCG and OVER as they were when ties kept the order of the input: published figures must stay to the bit."""
    true, predicted = (np.argsort(-values, kind="stable")[:k] for values in (target, prediction))
    discount = np.log2(np.arange(2, k + 2))
    ndcg = float(np.sum(target[predicted] / discount)) / float(np.sum(target[true] / discount))
    return ndcg, len(np.intersect1d(true, predicted)) / k


@pytest.mark.parametrize("seed", range(20))
def test_without_ties_not_a_bit_of_a_figure_moves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target, prediction = rng.random(500) * 15, rng.normal(size=500)
    for k in (1, 20, 100):
        now = ndcg_at_k(target, prediction, k), over_at_k(target, prediction, k)
        assert now == before_ties_counted(target, prediction, k)
    assert rmse(target, prediction) == float(np.sqrt(np.mean((target - prediction) ** 2)))


@pytest.mark.parametrize("levels", [1, 7, 100_000])
def test_the_order_of_the_nodes_does_not_matter(levels: int) -> None:
    rng = np.random.default_rng(0)
    target, prediction = rng.integers(1, levels + 1, 300).astype(float), rng.integers(0, levels, 300).astype(float)
    before = evaluate(target, prediction)
    for _ in range(5):
        order = rng.permutation(300)
        after = evaluate(target[order], prediction[order])
        assert after.pop("rmse") == pytest.approx(before["rmse"], rel=1e-14)  # a sum in another order
        assert after == pytest.approx({name: before[name] for name in after}, rel=0, abs=0, nan_ok=True)


def test_what_is_alike_is_at_chance() -> None:
    """A file that is sorted by importance must not help a method that tells nothing apart."""
    target, flat = np.arange(300.0, 0, -1), np.full(300, 5.0)
    assert over_at_k(target, flat, 20) == over_at_k(target[::-1], flat, 20) == pytest.approx(20 / 300)
    assert over_at_k(flat, target, 20) == over_at_k(flat, flat, 20) == pytest.approx(20 / 300)
    expected = target.mean() / (target[:20] @ (1 / np.log2(np.arange(2, 22)))) * (1 / np.log2(np.arange(2, 22))).sum()
    assert ndcg_at_k(target, flat, 20) == ndcg_at_k(target[::-1], flat, 20) == pytest.approx(expected)
    assert ndcg_at_k([1.0, 2.0, 3.0], [5.0, 5.0, 5.0], 1) == pytest.approx(2 / 3)
    assert over_at_k([2.0, 2.0, 2.0], [1.0, 2.0, 3.0], 1) == pytest.approx(1 / 3)


def test_large_labels_have_a_finite_error() -> None:
    assert rmse([1e300, 1e300], [-1e300, 1e300]) == pytest.approx(math.sqrt(2) * 1e300)
    assert rmse([1e-200], [0.0]) == 1e-200


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


@pytest.mark.parametrize(("nodes", "fitting"), [(19, []), (21, ["20"]), (101, ["20", "50", "100"])])
def test_evaluate_leaves_out_what_does_not_fit(nodes: int, fitting: list[str]) -> None:
    values = evaluate(np.arange(nodes), np.arange(nodes))
    expected = ["rmse", "medianae", "spearman", *(f"{kind}@{k}" for kind in ("ndcg", "over") for k in fitting)]
    assert list(values) == expected
    # The top k of k nodes are all of them, whatever is predicted; their order still counts.
    fewer = evaluate(np.arange(nodes - 1), np.arange(nodes - 1))
    assert list(fewer) == [name for name in expected if name != f"over@{nodes - 1}"]
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
