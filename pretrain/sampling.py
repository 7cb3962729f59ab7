"""The random draws of contrastive pretraining; every draw comes from the generator that is passed in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nie.arrays import Ints
from nie.errors import NieError
from pretrain.binning import LabelBins, finer_bins, top_bins


def draw_non_top(pool: Ints, rng: np.random.Generator) -> Ints:
    """Draw half of the non-top pool without replacement (LICAP draws once per fold).

    Returns:
        ``max(1, round(len(pool) / 2))`` ids of the pool, sorted.

    Raises:
        NieError: the pool is empty.

    Example:
        >>> len(draw_non_top(np.arange(10), np.random.default_rng(0)))
        5
    """
    if len(pool) == 0:
        raise NieError("The non-top pool is empty, so there is nothing to contrast the top nodes with.")
    drawn = rng.choice(pool, size=max(1, round(len(pool) / 2)), replace=False)
    return np.sort(drawn).astype(np.int64)


def random_bins(
    targets: npt.ArrayLike,
    train_ids: Ints,
    rng: np.random.Generator,
    *,
    gamma: float = 0.1,
    width: float = 1.0,
) -> LabelBins:
    """Draw the "top" nodes at random instead of top-first: the "r.d." arm of LICAP's sampling study.

    As many "top" nodes and as many pool nodes as `top_bins` would give are drawn from all training nodes, without
    overlap, so the two arms differ only in which nodes they compare. The border is the smallest label drawn, and
    the finer bins count from it; there are more of them, because the drawn labels spread over the whole range.

    Raises:
        NieError: as `top_bins`.

    Example:
        >>> bins = random_bins(np.arange(20.0), np.arange(20), np.random.default_rng(0), gamma=0.2, width=2.0)
        >>> len(bins.top), len(bins.pool), len(np.intersect1d(bins.top, bins.pool))
        (5, 15, 0)
    """
    labels = np.asarray(targets, dtype=np.float64)
    train_ids = np.asarray(train_ids, dtype=np.int64)
    ordered = top_bins(labels, train_ids, gamma=gamma, width=width)
    order = rng.permutation(len(train_ids))
    top = np.sort(order[: len(ordered.top)])
    pool = np.sort(order[len(ordered.top) : len(ordered.top) + len(ordered.pool)])
    border = float(labels[top].min())
    bins, num_bins = finer_bins(labels[top], border, width)
    drawn = train_ids[top]
    return LabelBins(border, drawn, train_ids[pool], drawn, bins, num_bins)
