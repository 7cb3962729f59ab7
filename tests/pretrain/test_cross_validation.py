from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nie.errors import NieError
from nie.settings.sections import FoldsConfig
from pretrain.cross_validation import Fold, make_folds

PARTS = ("train", "val", "test")
# Twenty labelled nodes, seed 0: changes when numpy's legacy generator or the digest's layout does.
FOLD_0_TEST = [1, 9, 16, 17]
FOLD_0_DIGEST = "7f79a4efd1aae914fcb13b4bc60bfa1b8f4bf48eb75911047343971ec3aa7af6"


def mask_with(labelled: int, unlabelled: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(labelled + unlabelled) < labelled


@settings(deadline=None, max_examples=60)
@given(
    labelled=st.integers(20, 400),
    unlabelled=st.integers(0, 50),
    num_folds=st.integers(2, 10),
    seed=st.integers(0, 2**32 - 1),
)
def test_folds_partition(labelled: int, unlabelled: int, num_folds: int, seed: int) -> None:
    mask = mask_with(labelled, unlabelled, seed)
    folds = make_folds(mask, num_folds=num_folds, seed=seed)
    nodes = np.flatnonzero(mask)
    assert [fold.index for fold in folds] == list(range(num_folds))
    np.testing.assert_array_equal(np.sort(np.concatenate([fold.test for fold in folds])), nodes)
    for fold in folds:
        np.testing.assert_array_equal(np.sort(np.concatenate([fold.train, fold.val, fold.test])), nodes)
        for part in PARTS:
            ids = getattr(fold, part)
            assert ids.dtype == np.int64
            assert (np.diff(ids) > 0).all()
        assert abs(len(fold.test) - labelled / num_folds) <= 2
        assert 1 <= len(fold.val) <= labelled / (2 * num_folds) + 2


def published_windows(mask: np.ndarray, fold: int) -> dict[str, np.ndarray]:
    """The rule of the published programs: float windows, closed where they are."""
    u = np.full(len(mask), -1.0)
    u[mask] = np.random.RandomState(0).permutation(np.linspace(0, 1, mask.sum()))
    low, high = [0.0, 0.2, 0.4, 0.6, 0.8][fold], [0.2, 0.4, 0.6, 0.8, 1.0][fold]
    test = (low <= u) & (u <= high)
    val = (u >= 0) & (u <= 0.1) if fold == 4 else (high < u) & (u <= [0.3, 0.5, 0.7, 0.9][fold])
    return {"train": np.flatnonzero(mask & ~test & ~val), "val": np.flatnonzero(val), "test": np.flatnonzero(test)}


@pytest.mark.parametrize("labelled", [14_111, 4_803, 500])
def test_published_folds_but_for_the_borders(labelled: int) -> None:
    mask = mask_with(labelled, 840, 1)
    for fold in make_folds(mask):
        published = published_windows(mask, fold.index)
        for part in PARTS:
            assert len(np.setxor1d(getattr(fold, part), published[part])) <= 2  # at most a node at either border


def test_border_nodes_are_in_one_test_set() -> None:
    mask = np.ones(11, dtype=bool)  # u is a multiple of 0.1, so every border holds a node
    published = np.concatenate([published_windows(mask, fold)["test"] for fold in range(5)])
    assert len(published) > len(set(published.tolist()))
    folds = make_folds(mask)
    tests = np.concatenate([fold.test for fold in folds])
    assert sorted(tests.tolist()) == list(range(11))
    assert [len(fold.test) for fold in folds] == [2, 2, 2, 2, 3]
    rank = np.random.RandomState(0).permutation(11)
    assert set(rank[folds[4].val].tolist()) == {0}
    assert set(rank[folds[0].val].tolist()) == {2}


def test_ids_are_node_ids() -> None:
    mask = np.zeros(60, dtype=bool)
    mask[30:50] = True
    shifted = make_folds(mask)
    for fold, plain in zip(shifted, make_folds(np.ones(20, dtype=bool)), strict=True):
        np.testing.assert_array_equal(fold.test, plain.test + 30)
        assert fold.digest != plain.digest


def test_digest_pins_the_published_draw() -> None:
    folds = make_folds(np.ones(20, dtype=bool))
    assert folds[0].test.tolist() == FOLD_0_TEST
    assert folds[0].digest == FOLD_0_DIGEST
    assert len({fold.digest for fold in folds}) == 5


def test_digest_tells_the_parts_apart() -> None:
    one, two, three = (np.array(ids, dtype=np.int64) for ids in ([0, 1], [2], [3]))
    digests = {Fold(0, one, two, three).digest, Fold(0, one, three, two).digest, Fold(0, two, one, three).digest}
    assert len(digests) == 3
    assert Fold(0, one, two, three).digest == Fold(3, one.copy(), two, three).digest


def test_seed_changes_the_folds() -> None:
    mask = np.ones(100, dtype=bool)
    assert make_folds(mask, seed=1)[0].digest == make_folds(mask, seed=1)[0].digest
    assert make_folds(mask, seed=1)[0].digest != make_folds(mask, seed=0)[0].digest


def test_smallest_set() -> None:
    folds = make_folds(np.ones(10, dtype=bool))
    assert [(len(f.train), len(f.val), len(f.test)) for f in folds] == [(7, 1, 2)] * 5


@pytest.mark.parametrize("labelled", [0, 1, 9])
def test_too_few_labelled(labelled: int) -> None:
    with pytest.raises(NieError, match=rf"must have at least 10 labelled nodes; got {labelled}"):
        make_folds(mask_with(labelled, 5, 0))


def test_one_fold() -> None:
    with pytest.raises(NieError, match="num_folds must be at least 2; got 1"):
        make_folds(np.ones(10, dtype=bool), num_folds=1)


def test_smaller_shares_of_labels_are_parts_of_larger_ones_and_are_tested_alike() -> None:
    mask = np.ones(400, dtype=bool)
    shares = [make_folds(mask, train_share=share) for share in (0.05, 0.3, 1.0)]
    assert [len(folds[0].train) for folds in shares] == [14, 84, 280]
    for few, more, all_of_them in zip(*shares, strict=True):
        assert set(few.train) < set(more.train) < set(all_of_them.train)
        assert few.test.tolist() == all_of_them.test.tolist()
        assert few.val.tolist() == all_of_them.val.tolist()
        assert len({few.digest, more.digest, all_of_them.digest}) == 3
    for fold, plain in zip(shares[2], make_folds(mask), strict=True):
        assert fold.digest == plain.digest
    with pytest.raises(NieError, match=r"folds.train_share 0.001 leaves 0 of 280 training nodes of fold 0"):
        make_folds(mask, train_share=0.001)


def test_labels_are_removed_from_one_end_of_the_training_nodes_alone() -> None:
    labels = np.random.default_rng(1).lognormal(size=200)
    whole = make_folds(np.ones(200, dtype=bool))
    for removed in ("head", "tail", "random"):
        thinned = make_folds(np.ones(200, dtype=bool), labels=labels, removed=removed, removed_share=0.2)
        for before, after in zip(whole, thinned, strict=True):
            np.testing.assert_array_equal(before.test, after.test)
            np.testing.assert_array_equal(before.val, after.val)
            gone = np.setdiff1d(before.train, after.train)
            assert len(gone) == 28
            assert len(before.train) - len(gone) == len(after.train)
            place = labels[before.train].argsort().argsort()[np.isin(before.train, gone)]
            assert removed != "head" or place.min() >= 140 - 56
            assert removed != "tail" or place.max() < 56
            assert removed != "random" or (place.min() < 56 and place.max() >= 140 - 56)


def test_half_of_an_odd_number_of_labels_is_removed() -> None:
    labels = np.random.default_rng(1).lognormal(size=267)
    whole = make_folds(np.ones(267, dtype=bool))
    assert {len(fold.train) % 2 for fold in whole} == {0, 1}
    for removed in ("head", "tail", "random"):
        thinned = make_folds(np.ones(267, dtype=bool), labels=labels, removed=removed, removed_share=0.5)
        for before, after in zip(whole, thinned, strict=True):
            assert abs(len(before.train) - 2 * len(after.train)) <= 1


def test_removing_too_many_labels_or_of_unknown_ones_is_refused() -> None:
    with pytest.raises(NieError, match=r"removed_share 0.5 leaves 1 of 2 training nodes"):
        make_folds(np.ones(20, dtype=bool), train_share=0.15, removed="random", removed_share=0.5)
    with pytest.raises(NieError, match="their labels must be given"):
        make_folds(np.ones(20, dtype=bool), removed="head")
    with pytest.raises(ValueError, match="give removed, too"):
        FoldsConfig(removed_share=0.2)
