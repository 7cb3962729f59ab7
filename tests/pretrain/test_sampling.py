from __future__ import annotations

import numpy as np
import pytest

from nie.errors import NieError
from pretrain.binning import top_bins
from pretrain.sampling import draw_non_top, random_bins

TARGETS = np.random.default_rng(3).normal(5, 2, 400)
IDS = np.arange(400) * 2 + 1


@pytest.mark.parametrize(("size", "drawn"), [(1, 1), (2, 1), (10, 5), (11, 6), (13, 6)])
def test_half_of_the_pool(size: int, drawn: int) -> None:
    pool = np.arange(size) * 3
    chosen = draw_non_top(pool, np.random.default_rng(0))
    assert len(chosen) == len(set(chosen.tolist())) == drawn
    assert np.isin(chosen, pool).all()
    assert chosen.dtype == np.int64
    assert (np.diff(chosen) > 0).all()


def test_draws_depend_on_their_generator_only() -> None:
    pool = np.arange(100)
    first = draw_non_top(pool, np.random.default_rng(5))
    np.random.default_rng(6).random(10)
    np.testing.assert_array_equal(first, draw_non_top(pool, np.random.default_rng(5)))
    assert (first != draw_non_top(pool, np.random.default_rng(6))).any()


def test_every_pool_node_is_drawn_half_the_time() -> None:
    rng = np.random.default_rng(0)
    counts = np.bincount(np.concatenate([draw_non_top(np.arange(20), rng) for _ in range(2000)]), minlength=20)
    assert (np.abs(counts / 2000 - 0.5) < 0.06).all()  # more than five standard deviations


def test_empty_pool() -> None:
    with pytest.raises(NieError, match="pool is empty"):
        draw_non_top(np.array([], dtype=np.int64), np.random.default_rng(0))


def test_random_bins_have_the_sizes_of_the_ordered_ones() -> None:
    ordered = top_bins(TARGETS, IDS)
    drawn = random_bins(TARGETS, IDS, np.random.default_rng(1))
    assert len(drawn.top) == len(ordered.top)
    assert len(drawn.pool) == len(ordered.pool)
    assert len(np.intersect1d(drawn.top, drawn.pool)) == 0
    assert np.isin(np.r_[drawn.top, drawn.pool], IDS).all()
    label = dict(zip(IDS.tolist(), TARGETS.tolist(), strict=True))
    top_labels = np.array([label[node] for node in drawn.top.tolist()])
    assert drawn.border == top_labels.min() < ordered.border
    above = top_labels - drawn.border
    assert ((above <= drawn.bin + 1) & ((above > drawn.bin) | (drawn.bin == 0))).all()
    assert drawn.num_bins == drawn.bin.max() + 1


def test_random_bins_are_reproducible() -> None:
    first, again, other = (random_bins(TARGETS, IDS, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.top, again.top)
    np.testing.assert_array_equal(first.pool, again.pool)
    assert not np.array_equal(first.top, other.top)


def test_random_bins_refuse_what_top_bins_refuses() -> None:
    with pytest.raises(NieError, match="labels are equal"):
        random_bins(np.ones(50), np.arange(50), np.random.default_rng(0))
