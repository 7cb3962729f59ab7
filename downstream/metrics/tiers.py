"""Importance in tiers: the top 1 %, 10 %, 50 % and the rest, by quantiles of the training labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nie.arrays import Bools, Floats, Ints
from nie.errors import NieError

SHARES = (0.01, 0.1, 0.5)


def tier_borders(train_labels: Floats, shares: Sequence[float] = SHARES) -> Floats:
    """The label at which each tier but the last begins, highest first: the quantiles of the training labels.

    Args:
        train_labels: (n,).
        shares: of the nodes that are in a tier or above it, ascending between 0 and 1.

    Raises:
        NieError: shares that do not ascend, or labels that leave a tier empty, such as equal ones.

    Example:
        >>> tier_borders(np.arange(100.0), (0.1, 0.5)).tolist()
        [90.0, 50.0]
    """
    try:
        check_shares(shares)
    except ValueError as error:
        raise NieError(f"{error}.") from error
    borders: Floats = np.quantile(train_labels, 1 - np.asarray(shares), method="higher")
    counts = np.bincount(tier_of(train_labels, borders), minlength=len(shares) + 1)
    if (counts == 0).any():
        raise NieError(
            f"None of {len(train_labels)} training labels is in tier {int(counts.argmin())}; use fewer tiers than "
            f"shares {tuple(shares)}, or more labels."
        )
    return borders


def check_shares(shares: Sequence[float]) -> None:
    """Raise ValueError unless shares ascend between 0 and 1.

    >>> check_shares((0.01, 0.1))
    """
    if not shares or sorted(set(shares)) != list(shares) or not 0 < shares[0] <= shares[-1] < 1:
        raise ValueError(f"shares must ascend between 0 and 1; got {tuple(shares)}")


def tier_of(labels: Floats, borders: Floats) -> Ints:
    """(n,) tier of every label, 0 for the top.

    >>> tier_of(np.array([95.0, 50.0, 3.0]), np.array([90.0, 50.0])).tolist()
    [0, 1, 2]
    """
    found: Ints = (np.asarray(labels)[:, None] < borders).sum(axis=1).astype(np.int64)
    return found


def cut(prediction: Floats, borders: Floats, error: float) -> tuple[Ints, Floats]:
    """Tiers of predictions ("regress, then cut"), and their probabilities (n, C) if errors are normal.

    >>> found, probability = cut(np.array([90.0]), np.array([90.0, 50.0]), 1.0)
    >>> found.tolist(), probability.round(2).tolist()
    ([0], [[0.5, 0.5, 0.0]])
    """
    from scipy.special import ndtr  # slow to load, and tables load this module

    above = ndtr((np.asarray(prediction)[:, None] - borders) / max(error, 1e-12))
    above = np.column_stack([np.zeros(len(above)), above, np.ones(len(above))])
    return tier_of(prediction, borders), np.diff(above, axis=1)


def tier_figures(target: Ints, predicted: Ints, probability: Floats) -> dict[str, float]:
    """Macro-F1, balanced accuracy, precision and recall of the top tier, and calibration error.

    A tier that no node has plays no part in balanced accuracy, nor in macro-F1 where no node is predicted to have it
    either; precision and recall that would divide by 0 are 0.

    Args:
        target, predicted: (n,) tiers.
        probability: (n, C).

    Example:
        >>> sure = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> tier_figures(np.array([0, 1]), np.array([0, 1]), sure)["macro_f1"]
        1.0
    """
    classes = range(probability.shape[1])
    hits = np.array([((target == tier) & (predicted == tier)).sum() for tier in classes])
    given = np.array([(target == tier).sum() for tier in classes])
    found = np.array([(predicted == tier).sum() for tier in classes])
    recall, precision = hits / np.maximum(given, 1), hits / np.maximum(found, 1)
    confidence = probability[np.arange(len(predicted)), predicted]
    return {
        "macro_f1": float((2 * hits / np.maximum(given + found, 1))[given + found > 0].mean()),
        "balanced_accuracy": float(recall[given > 0].mean()),
        "top_precision": float(precision[0]),
        "top_recall": float(recall[0]),
        "calibration_error": calibration_error(confidence, predicted == target),
    }


def calibration_error(confidence: Floats, right: Bools) -> float:
    """Expected calibration error (Guo et al., ICML 2017): mean gap between confidence and accuracy, in 10 equal bins.

    Args:
        confidence: (n,) probability of the predicted class.
        right: (n,) whether it was right.

    Example:
        >>> calibration_error(np.array([0.75, 0.75]), np.array([True, False]))
        0.25
    """
    bins = np.minimum((confidence * 10).astype(int), 9)
    gaps = np.bincount(bins, weights=right - confidence, minlength=10)
    return float(np.abs(gaps).sum() / len(right))
