"""Losses of a head for tiers of importance."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from downstream.losses.names import TIER_LOSSES
from nie.errors import NieError, nearest


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
