"""Measures of how two channels agree: similarity of their encodings, and retrieval of one by the other."""

from __future__ import annotations

import numpy as np

from downstream.metrics.registry import RETRIEVAL_KS
from nie.arrays import Array, Floats
from nie.errors import NieError

ROUNDING = 1e-9


def linear_cka(one: Floats, other: Floats) -> float:
    """Linear centred kernel alignment (Kornblith et al., ICML 2019): 1 for encodings that are rotations of each other.

    ``|Y' X|^2 / (|X' X| |Y' Y|)``, Frobenius norms of centred (n, d) encodings; 0 where one of them is constant.

    >>> turned = np.array([[0.0, 2.0], [-1.0, 0.0], [3.0, 1.0]])
    >>> round(linear_cka(np.array([[2.0, 0.0], [0.0, 1.0], [1.0, -3.0]]), turned), 4)
    1.0
    """
    x, y = (part - part.mean(axis=0) for part in (one, other))
    scale = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    return float(np.linalg.norm(y.T @ x) ** 2 / scale) if scale > 0 else 0.0


def match_ranks(query: Array, keys: Array) -> Floats:
    """(n,) rank, from 1, of every query's own key among all keys by cosine; ties count half.

    Args:
        query, keys: (n, d), row i of both is of the same entity. Take them *before* the fusion: a refined embedding
            already contains the other channel.

    Raises:
        NieError: shapes that differ, values that are not finite, or fewer than two entities.

    Example:
        >>> match_ranks(np.eye(3), np.eye(3)[[0, 2, 1]]).tolist()
        [1.0, 2.5, 2.5]
    """
    if query.shape != keys.shape or len(query) < 2:
        raise NieError(f"query and keys must both be (n, d) with n at least 2; got {query.shape} and {keys.shape}.")
    if not (np.isfinite(query).all() and np.isfinite(keys).all()):
        raise NieError("The embeddings hold values that are not finite.")
    likeness = _normalised(query.astype(np.float64)) @ _normalised(keys.astype(np.float64)).T
    own = likeness.diagonal()[:, None]
    # Products of equal rows differ in their last bits, as the order of a sum does.
    better, equal = (likeness > own + ROUNDING).sum(axis=1), (np.abs(likeness - own) <= ROUNDING).sum(axis=1)
    ranks: Floats = 1 + better + (equal - 1) / 2
    return ranks


def retrieval_metrics(query: Array, keys: Array, cutoffs: tuple[int, ...] = RETRIEVAL_KS) -> dict[str, float]:
    """Recall@k, mean reciprocal rank and median rank of `match_ranks`, each with what chance gives.

    >>> figures = retrieval_metrics(np.eye(4), np.eye(4), cutoffs=(1,))
    >>> figures["recall@1"], figures["chance recall@1"], figures["mrr"], figures["median rank"]
    (1.0, 0.25, 1.0, 1.0)
    """
    ranks, n = match_ranks(query, keys), len(query)
    figures = {}
    for k in cutoffs:
        figures[f"recall@{k}"] = float((ranks <= k).mean())
        figures[f"chance recall@{k}"] = min(k / n, 1.0)
    figures["mrr"] = float((1 / ranks).mean())
    figures["chance mrr"] = float((1 / np.arange(1, n + 1)).mean())
    figures["mrr over chance"] = figures["mrr"] / figures["chance mrr"]
    figures["median rank"] = float(np.median(ranks))
    figures["chance median rank"] = (n + 1) / 2
    return figures


def _normalised(rows: Array) -> Array:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    normalised: Array = rows / np.where(lengths > 0, lengths, 1)
    return normalised
