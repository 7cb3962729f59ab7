"""Measures of how two channels agree: similarity of their encodings, and retrieval of one by the other."""

from __future__ import annotations

import numpy as np

from downstream.metrics.registry import RETRIEVAL_KS
from nie.arrays import Array, Floats, Ints
from nie.errors import NieError

ROUNDING = 1e-9
CONSTANT = 1e-6
AT_A_TIME = 1024


def linear_cka(one: Floats, other: Floats) -> float:
    """Linear centred kernel alignment (Kornblith et al., ICML 2019): 1 for encodings that are rotations of each other.

    ``|Y' X|^2 / (|X' X| |Y' Y|)``, Frobenius norms of centred (n, d) encodings; 0 where one of them is constant,
    but for the rounding of float32.

    >>> turned = np.array([[0.0, 2.0], [-1.0, 0.0], [3.0, 1.0]])
    >>> round(linear_cka(np.array([[2.0, 0.0], [0.0, 1.0], [1.0, -3.0]]), turned), 4)
    1.0
    """
    x, y = (part - part.mean(axis=0) for part in (one, other))
    if any(np.abs(centred).max() <= CONSTANT * np.abs(part).max() for centred, part in ((x, one), (y, other))):
        return 0.0
    scale = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    return float(np.linalg.norm(y.T @ x) ** 2 / scale) if scale > 0 else 0.0


def match_ranks(query: Array, keys: Array) -> tuple[Ints, Ints]:
    """By cosine, how many keys are better than a query's own key, and how many are equal to it, its own included.

    The rank of the own key, from 1, is one of those from ``better + 1`` to ``better + equal``: `retrieval_metrics`
    gives the mean over them, so that embeddings that are all alike are at chance.

    Args:
        query, keys: (n, d), row i of both is of the same entity. Take them *before* the fusion: a refined embedding
            already contains the other channel.

    Returns:
        (n,) better, (n,) equal.

    Raises:
        NieError: shapes that differ, values that are not finite, or fewer than two entities.

    Example:
        >>> better, equal = match_ranks(np.eye(3), np.eye(3)[[0, 2, 1]])
        >>> better.tolist(), equal.tolist()
        ([0, 1, 1], [1, 2, 2])
    """
    if query.shape != keys.shape or len(query) < 2:
        raise NieError(f"query and keys must both be (n, d) with n at least 2; got {query.shape} and {keys.shape}.")
    if not (np.isfinite(query).all() and np.isfinite(keys).all()):
        raise NieError("The embeddings hold values that are not finite.")
    rows, targets = _normalised(query.astype(np.float64)), _normalised(keys.astype(np.float64))
    better, equal = np.empty((2, len(rows)), dtype=np.int64)
    for begin in range(0, len(rows), AT_A_TIME):
        part = slice(begin, begin + AT_A_TIME)
        likeness = rows[part] @ targets.T
        own = likeness.diagonal(begin)[:, None]
        # Products of equal rows differ in their last bits, as the order of a sum does.
        better[part], equal[part] = (likeness > own + ROUNDING).sum(1), (np.abs(likeness - own) <= ROUNDING).sum(1)
    return better, equal


def retrieval_metrics(query: Array, keys: Array, cutoffs: tuple[int, ...] = RETRIEVAL_KS) -> dict[str, float]:
    """Recall@k, mean reciprocal rank and median rank, each with what chance gives.

    All are the mean over the orders of ties; the median is of the mean ranks.

    >>> figures = retrieval_metrics(np.eye(4), np.eye(4), cutoffs=(1,))
    >>> figures["recall@1"], figures["chance recall@1"], figures["mrr"], figures["median rank"]
    (1.0, 0.25, 1.0, 1.0)
    """
    (better, equal), n = match_ranks(query, keys), len(query)
    figures = {}
    for k in cutoffs:
        figures[f"recall@{k}"] = float(((k - better).clip(0, equal) / equal).mean())
        figures[f"chance recall@{k}"] = min(k / n, 1.0)
    reciprocal = 1 / np.arange(1, n + 1)
    sums = np.append(0.0, np.cumsum(reciprocal))
    figures["mrr"] = float(
        np.where(equal == 1, reciprocal[better], (sums[better + equal] - sums[better]) / equal).mean()
    )
    figures["chance mrr"] = float(reciprocal.mean())
    figures["mrr over chance"] = figures["mrr"] / figures["chance mrr"]
    figures["median rank"] = float(np.median(1 + better + (equal - 1) / 2))
    figures["chance median rank"] = (n + 1) / 2
    return figures


def _normalised(rows: Array) -> Array:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    normalised: Array = rows / np.where(lengths > 0, lengths, 1)
    return normalised
