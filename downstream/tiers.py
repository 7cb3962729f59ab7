"""Importance in tiers: the top 1 %, 10 %, 50 % and the rest, by quantiles of the training labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional as F

from nie.errors import NieError, nearest

Floats = npt.NDArray[np.float64]
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
    if not shares or sorted(set(shares)) != list(shares) or not 0 < shares[0] <= shares[-1] < 1:
        raise NieError(f"shares are {tuple(shares)}; they ascend between 0 and 1.")
    borders: Floats = np.quantile(train_labels, 1 - np.asarray(shares), method="higher")
    counts = np.bincount(tiers(train_labels, borders), minlength=len(shares) + 1)
    if (counts == 0).any():
        raise NieError(
            f"Of {len(train_labels)} training labels, tier {int(counts.argmin())} gets none; use fewer tiers (shares "
            f"{tuple(shares)}) or more labels."
        )
    return borders


def tiers(labels: Floats, borders: Floats) -> npt.NDArray[np.int64]:
    """(n,) tier of every label, 0 for the top.

    >>> tiers(np.array([95.0, 50.0, 3.0]), np.array([90.0, 50.0])).tolist()
    [0, 1, 2]
    """
    found: npt.NDArray[np.int64] = (np.asarray(labels)[:, None] < borders).sum(axis=1).astype(np.int64)
    return found


def focal_loss(
    logits: Tensor, target: Tensor, *, gamma: float = 2.0, alpha: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """Focal loss (Lin et al., ICCV 2017): cross-entropy that looks away from what is easy, mean over the nodes.

    With p the predicted probability of the true class, ``alpha[class] (1 - p)^gamma CE``; CE is torch's cross-entropy
    with label smoothing. For gamma 0 and no alpha it *is* the cross-entropy.

    Args:
        logits: (n, C).
        target: (n,) long.
        gamma: at least 0.
        alpha: (C,) weight of each class; by default 1.
        label_smoothing: in [0, 1).

    Raises:
        NieError: a negative gamma, an alpha of another length, a smoothing of 1 or more, one class only, or no node.

    Example:
        >>> round(focal_loss(torch.zeros(1, 2), torch.tensor([0]), gamma=1.0).item(), 4)  # log(2) / 2
        0.3466
    """
    num_classes = logits.shape[1]
    if gamma < 0:
        raise NieError(f"gamma is {gamma}; it is at least 0.")
    if num_classes < 2 or len(target) == 0:
        raise NieError(
            f"A classification of {len(target)} nodes into {num_classes} classes; it needs 1 and 2 at least."
        )
    if not 0 <= label_smoothing < 1:
        raise NieError(f"label_smoothing is {label_smoothing}; it is in [0, 1).")
    if alpha is not None and alpha.shape != (num_classes,):
        raise NieError(f"alpha has shape {tuple(alpha.shape)}; {num_classes} weights are due, one a class.")
    entropy = F.cross_entropy(logits, target, reduction="none", label_smoothing=label_smoothing)
    sure = logits.softmax(dim=1).gather(1, target[:, None])[:, 0]
    weight = (1 - sure) ** gamma
    if alpha is not None:
        weight = weight * alpha[target]
    return (weight * entropy).mean()


def ordinal_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of the questions "in tier k or above?", mean over nodes and questions.

    Args:
        logits: (n, C - 1), of the tiers 0 to C - 2.
        target: (n,) long, tiers 0 to C - 1.

    Raises:
        NieError: no node, or one tier only.

    Example:
        >>> round(ordinal_loss(torch.zeros(2, 3), torch.tensor([0, 3])).item(), 4)
        0.6931
    """
    if len(target) == 0 or logits.shape[1] == 0:
        raise NieError(f"An ordinal loss of {len(target)} nodes and {logits.shape[1] + 1} tiers; 1 and 2 are needed.")
    questions = torch.arange(logits.shape[1], device=logits.device)
    return F.binary_cross_entropy_with_logits(logits, (target[:, None] <= questions).to(logits))


def ordinal_probabilities(logits: Tensor) -> Tensor:
    """(n, C) probability of every tier from the C - 1 answers of `ordinal_loss`, which are made to ascend first.

    >>> ordinal_probabilities(torch.tensor([[0.0, 100.0]])).tolist()
    [[0.5, 0.5, 0.0]]
    """
    above = logits.sigmoid().cummax(dim=1).values
    ends = above.new_zeros(len(above), 1), above.new_ones(len(above), 1)
    return torch.cat([above, ends[1]], dim=1) - torch.cat([ends[0], above], dim=1)


TIER_LOSSES = ("cross_entropy", "focal", "balanced_focal", "smoothing", "focal_smoothing", "ordinal")


def tier_loss(kind: str, logits: Tensor, target: Tensor, alpha: Tensor | None = None) -> Tensor:
    """The loss of a head on tiers.

    Args:
        kind: ``cross_entropy``; ``focal``; ``balanced_focal``, with the weights ``alpha``; ``smoothing`` of labels by
            0.1; ``focal_smoothing``; ``ordinal``.
        logits: (n, C), for ``ordinal`` (n, C - 1).
        target: (n,) long.
        alpha: (C,) of `balanced_weights`, for ``balanced_focal``.

    Raises:
        NieError: an unknown kind, or one without the weights that it needs.

    >>> round(tier_loss("smoothing", torch.zeros(2, 2), torch.tensor([0, 1])).item(), 4)
    0.6931
    """
    if kind not in TIER_LOSSES:
        raise NieError(f"There is no loss {kind!r} of tiers{nearest(kind, TIER_LOSSES)}.")
    if kind == "ordinal":
        return ordinal_loss(logits, target)
    if (kind == "balanced_focal") != (alpha is not None):
        raise NieError("The loss balanced_focal, and no other, takes weights of the tiers.")
    gamma = 2.0 if "focal" in kind else 0.0
    return focal_loss(logits, target, gamma=gamma, alpha=alpha, label_smoothing=0.1 if "smoothing" in kind else 0.0)


def balanced_weights(target: Tensor, num_tiers: int) -> Tensor:
    """(C,) weights with which all tiers count alike, ``n / (C n_c)``; a tier without a node has that of one node.

    >>> balanced_weights(torch.tensor([0, 1, 1, 1]), 2).tolist()
    [2.0, 0.6666666865348816]
    """
    return len(target) / (num_tiers * torch.bincount(target, minlength=num_tiers).clamp(min=1))


def tier_means(labels: Tensor, target: Tensor, num_tiers: int) -> Tensor:
    """(C,) mean label of every tier.

    >>> tier_means(torch.tensor([9.0, 1.0, 3.0]), torch.tensor([0, 1, 1]), 2).tolist()
    [9.0, 2.0]
    """
    return torch.stack([labels[target == tier].mean() for tier in range(num_tiers)])


def tier_probabilities(kind: str, logits: Tensor) -> Tensor:
    """(n, C) probability of every tier from the logits of `tier_loss`."""
    return ordinal_probabilities(logits) if kind == "ordinal" else logits.softmax(dim=1)


def num_logits(kind: str) -> int:
    """Outputs of a head for `tier_loss`.

    >>> num_logits("focal"), num_logits("ordinal")
    (4, 3)
    """
    return len(SHARES) + (kind != "ordinal")


def cut(prediction: Floats, borders: Floats, error: float) -> tuple[npt.NDArray[np.int64], Floats]:
    """Tiers of predictions ("regress, then cut"), and probabilities (n, C) for errors that are normal.

    >>> found, probability = cut(np.array([90.0]), np.array([90.0, 50.0]), 1.0)
    >>> found.tolist(), probability.round(2).tolist()
    ([0], [[0.5, 0.5, 0.0]])
    """
    above = stats.norm.cdf((np.asarray(prediction)[:, None] - borders) / max(error, 1e-12))
    above = np.column_stack([np.zeros(len(above)), above, np.ones(len(above))])
    return tiers(prediction, borders), np.diff(above, axis=1)


TIER_METRICS = {
    "macro_f1": True,
    "balanced_accuracy": True,
    "top_precision": True,
    "top_recall": True,
    "calibration_error": False,
}
"""Whether higher is better."""


def tier_figures(
    target: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], probability: Floats
) -> dict[str, float]:
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


def calibration_error(confidence: Floats, right: npt.NDArray[np.bool_], num_bins: int = 10) -> float:
    """Expected calibration error (Guo et al., ICML 2017): mean gap between confidence and accuracy.

    Args:
        confidence: (n,) probability of the predicted class.
        right: (n,) whether it was right.
        num_bins: bins of equal width between 0 and 1.

    Example:
        >>> calibration_error(np.array([0.75, 0.75]), np.array([True, False]))
        0.25
    """
    bins = np.minimum((confidence * num_bins).astype(int), num_bins - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(right))
