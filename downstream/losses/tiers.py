"""Losses of a head for tiers of importance."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from nie.errors import NieError


def focal_loss(
    logits: Tensor, target: Tensor, *, gamma: float = 2.0, alpha: Tensor | Sequence[float] | None = None,
    label_smoothing: float = 0.0, smooth_others: bool = False,
) -> Tensor:  # fmt: skip
    """Focal loss (Lin et al., ICCV 2017): cross-entropy in which easy nodes count less, mean over the nodes.

    With p the predicted probability of the true class, ``alpha[class] (1 - p)^gamma CE``; CE is torch's cross-entropy
    with label smoothing. For gamma 0 and no alpha it *is* the cross-entropy.

    Args:
        logits: (n, C).
        target: (n,) long.
        gamma: at least 0.
        alpha: (C,) weight of each class; by default 1.
        label_smoothing: e in [0, 1): the share of the target that is spread evenly over all C classes, as torch does
            it, so that the true class keeps 1 - e + e / C.
        smooth_others: spread it over the C - 1 other classes, as the published program does it: the true class keeps
            1 - e. It is torch's form with e C / (C - 1).

    Raises:
        NieError: a negative gamma, an alpha of another length, a smoothing of 1 or more, one class only, or no node.

    Example:
        >>> round(focal_loss(torch.zeros(1, 2), torch.tensor([0]), gamma=1.0).item(), 4)  # log(2) / 2
        0.3466
    """
    num_classes = logits.shape[1]
    if gamma < 0:
        raise NieError(f"gamma must be at least 0; got {gamma}.")
    if num_classes < 2 or len(target) == 0:
        raise NieError(
            f"A classification must have at least 1 node and 2 classes; got {len(target)} and {num_classes}."
        )
    most = 1 - 1 / num_classes if smooth_others else 1.0
    if not 0 <= label_smoothing < most:
        raise NieError(f"label_smoothing must be in [0, {most:g}); got {label_smoothing}.")
    if smooth_others:
        label_smoothing = label_smoothing / most
    if alpha is not None:
        alpha = torch.as_tensor(alpha).to(logits)
        if alpha.shape != (num_classes,) or bool((alpha < 0).any()):
            raise NieError(
                f"alpha must be {num_classes} numbers of at least 0, one weight for each class; got {alpha.tolist()}."
            )
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
        raise NieError(
            f"An ordinal loss must have at least 1 node and 2 tiers; got {len(target)} and {logits.shape[1] + 1}."
        )
    questions = torch.arange(logits.shape[1], device=logits.device)
    return F.binary_cross_entropy_with_logits(logits, (target[:, None] <= questions).to(logits))


def balanced_weights(target: Tensor, num_tiers: int) -> Tensor:
    """(C,) weights with which all tiers count alike, ``n / (C n_c)``; a tier without a node counts as one of one node.

    >>> balanced_weights(torch.tensor([0, 1, 1, 1]), 2).tolist()
    [2.0, 0.6666666865348816]
    """
    return len(target) / (num_tiers * torch.bincount(target, minlength=num_tiers).clamp(min=1))
