"""Label bins of LICAP: the top bin, finer bins, and how strongly the finer bins repel each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nie.arrays import Floats, Ints
from nie.errors import NieError
from pretrain.licap_settings import RepelName

POOL_RATIO = 5  # the non-top pool goes down to the label at rank POOL_RATIO * gamma * n (LICAP)
MAX_BINS = 1000  # the closeness matrix is num_bins x num_bins; more bins than this mean that the width is a mistake


@dataclass(frozen=True, eq=False)
class LabelBins:
    """The nodes that the contrastive losses compare.

    Attributes:
        border: the smallest label in the top bin.
        top: (n_top,) ids of the top nodes.
        pool: ids of the non-top nodes to draw from.
        ordered: (n,) ids of the nodes in finer bins: the top nodes, or all training nodes.
        bin: (n,) finer bin of each of them, 0 for the lowest labels to ``num_bins - 1``; bins may be empty.
        num_bins: number of finer bins, the empty ones included.
    """

    border: float
    top: Ints
    pool: Ints
    ordered: Ints
    bin: Ints
    num_bins: int


def top_bins(targets: npt.ArrayLike, train_ids: Ints, *, gamma: float = 0.1, width: float = 1.0) -> LabelBins:
    """Find the top bin, its finer bins and the non-top pool among the training nodes (LICAP, section IV-A).

    With the n labels sorted descending and ranks counted from 0, as the published program does: the border b is
    the label at rank ``round(gamma * n)``, the top bin is every label >= b, and the pool is every other label >= the
    label at rank ``round(5 * gamma * n)`` (all others when that rank is past the end). Finer bin m holds the top
    labels with ``label - b`` in (m * width, (m + 1) * width], bin 0 also those equal to b.

    Args:
        targets: (n,) labels of the training nodes, in the order of ``train_ids``, on the scale of the loss.
        train_ids: (n,) their node ids.
        gamma: share of the training nodes in the top bin, 0 < gamma < 1.
        width: width of a finer bin in the units of ``targets``.

    Raises:
        NieError: gamma or width out of range, labels not finite, too few nodes for a top bin, all labels equal,
            an empty pool, or more than 1000 finer bins.

    Example:
        >>> bins = top_bins(np.arange(20.0), np.arange(100, 120), gamma=0.2, width=2.0)
        >>> bins.border, bins.top.tolist(), bins.bin.tolist()
        (15.0, [115, 116, 117, 118, 119], [0, 0, 0, 1, 1])
        >>> bins.num_bins, len(bins.pool)
        (2, 15)
    """
    labels = np.asarray(targets, dtype=np.float64)
    train_ids = np.asarray(train_ids, dtype=np.int64)
    if labels.ndim != 1 or labels.shape != train_ids.shape:
        raise NieError(
            f"targets and train_ids must be two lists of one length; got {labels.shape} and {train_ids.shape}."
        )
    if not np.isfinite(labels).all():
        raise NieError("The labels of the training nodes contain nan or infinity; every training node needs a label.")
    if not 0 < gamma < 1:
        raise NieError(f"gamma, the share of training nodes in the top bin, must lie between 0 and 1; got {gamma}.")
    count = len(labels)
    border_rank = round(gamma * count)
    if not 0 < border_rank < count:
        raise NieError(
            f"gamma must leave at least 1 top node and 1 other; {gamma} of {count} training nodes rounds to "
            f"{border_rank} top nodes, so change gamma or give more labels."
        )
    descending = np.sort(labels)[::-1]
    if descending[0] == descending[-1]:
        raise NieError(f"All {count} training labels are equal; contrastive pretraining needs labels that differ.")
    border = float(descending[border_rank])
    floor = float(descending[min(round(POOL_RATIO * gamma * count), count - 1)])
    is_top = labels >= border
    pool = train_ids[~is_top & (labels >= floor)]
    if len(pool) == 0:
        raise NieError(
            f"No training label lies below the top bin's border {border:g} and at or above {floor:g}: "
            f"too many labels are tied, so the non-top pool is empty; use a smaller gamma than {gamma}."
        )
    bins, num_bins = finer_bins(labels[is_top], border, width)
    top = train_ids[is_top]
    return LabelBins(border, top, pool, top, bins, num_bins)


def finer_bins(labels: Floats, border: float, width: float) -> tuple[Ints, int]:
    """Return the finer bin of each label (all >= ``border``) and the number of bins, the empty ones included.

    Raises:
        NieError: width not positive, or so small that there are more than 1000 bins.

    Example:
        >>> finer_bins(np.array([2.0, 3.0, 3.1, 5.5]), border=2.0, width=1.0)
        (array([0, 0, 1, 3]), 4)
    """
    if not width > 0:
        raise NieError(f"width, that of a finer bin, must be positive; got {width}.")
    steps = np.maximum(np.ceil((labels - border) / width) - 1, 0)
    if steps.max() >= MAX_BINS:
        raise NieError(
            f"width = {width:g} cuts the top labels ({border:g} to {labels.max():g}) into more than {MAX_BINS} bins; "
            "choose a larger width, or logged labels."
        )
    bins = steps.astype(np.int64)
    return bins, int(bins.max()) + 1


def equal_count_bins(labels: npt.ArrayLike, num_bins: int) -> Ints:
    """Cut labels at their quantiles into bins of about equal counts; equal labels share a bin.

    Where many labels are equal, some of the ``num_bins`` bins stay empty; they keep their place.

    Raises:
        NieError: fewer than two nodes for each bin, or all labels in one bin.

    Example:
        >>> equal_count_bins(np.array([0.1, 0.9, 0.5, 0.3, 7.0, 8.0]), 3)
        array([0, 1, 1, 0, 2, 2])
    """
    values = np.asarray(labels, dtype=np.float64)
    if len(values) < 2 * num_bins:
        raise NieError(
            f"num_bins = {num_bins} bins of equal counts must have two nodes each; there are {len(values)} nodes "
            f"with labels to cut, so use {max(len(values) // 2, 1)} or fewer, or give more labels."
        )
    borders = np.quantile(values, np.arange(1, num_bins) / num_bins)
    bins = np.searchsorted(borders, values, side="right").astype(np.int64)
    if bins.min() == bins.max():
        raise NieError(f"All {len(values)} labels fall into one bin of equal counts; LICAP needs labels that differ.")
    return bins


def closeness(num_bins: int) -> Floats:
    """Closeness coefficients between the finer bins: 1 on the diagonal, falling with the distance (LICAP).

    With M the last bin and ``n_m = 2 max(m, M - m)``::

        beta[m, n] = Binom(n_m, 1/2).pmf(n_m / 2 + |n - m|) / Binom(n_m, 1/2).pmf(n_m / 2)

    Returns:
        (num_bins, num_bins) float64; not symmetric, since n_m depends on the row.

    Example:
        >>> closeness(3).round(4)
        array([[1.    , 0.6667, 0.1667],
               [0.5   , 1.    , 0.5   ],
               [0.1667, 0.6667, 1.    ]])
    """
    if num_bins < 1:
        raise NieError(f"num_bins must be at least 1; got {num_bins}.")
    from scipy.stats import binom  # a second to load, which stage 2 alone need not pay

    bins = np.arange(num_bins)
    half = np.maximum(bins, num_bins - 1 - bins)[:, None]  # n_m / 2
    distance = np.abs(bins[None, :] - bins[:, None])
    weight: Floats = np.asarray(binom.pmf(half + distance, 2 * half, 0.5))
    return weight / np.diagonal(weight)[:, None]  # the mode, so the row's maximum


def repulsion(num_bins: int, repel: RepelName) -> Floats:
    """Weights of the finer bins in the denominator of LICAP's L2: which of them push a node away most.

    ``near`` are the published coefficients, `closeness`: as a larger weight repels more, the nearest bins repel most,
    and the nodes of a bin end up beside those of a far one. ``far`` is ``1 - closeness`` between two bins, and 1 for a
    bin and itself, so that far bins repel most and the bins come to lie in the order of their labels.

    Returns:
        (num_bins, num_bins) float64.

    Example:
        >>> repulsion(3, "far").round(4)
        array([[1.    , 0.3333, 0.8333],
               [0.5   , 1.    , 0.5   ],
               [0.8333, 0.3333, 1.    ]])
    """
    beta = closeness(num_bins)
    return beta if repel == "near" else np.where(np.eye(num_bins, dtype=bool), 1.0, 1.0 - beta)
