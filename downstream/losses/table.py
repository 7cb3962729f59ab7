"""The losses that settings choose from by name; reading the names loads no torch.

A new loss is a function and an entry in `IMPORTANCE_LOSSES`, `LISTWISE_LOSSES`, `TIER_LOSSES` or `ALIGNMENTS`. See
docs/extending.md.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from nie.errors import NieError, nearest
from nie.later import later
from nie.settings.sections import one_of

if TYPE_CHECKING:
    from torch import Tensor


IMPORTANCE_LOSSES: dict[str, Callable[..., Any]] = {
    "mse": later("downstream.losses.importance:squared_error"),
    "mae": later("torch.nn.functional:l1_loss"),
    "huber": later("torch.nn.functional:huber_loss"),
}
"""``(prediction, target) -> () tensor`` by name: how far scores are from labels."""


@dataclass(frozen=True)
class ListwiseLoss:
    """A loss of the order of scores.

    Attributes:
        function: ``(score, target, lists) -> () tensor`` with lists (L, m) of positions.
        by_pairs: whether it makes all pairs of a list, so that a step takes only as many lists as name every node
            `LISTS_OF_A_NODE` times in the mean.
    """

    function: Callable[..., Any]
    by_pairs: bool = False


LISTS_OF_A_NODE = 4
ListSize: TypeAlias = int | Literal["all"]
GroupWeight = Literal["none", "inverse_size", "inverse_error"]
"""What a group of nodes counts for in the error, see `downstream.losses.by_group`."""
ListSampling = Literal["uniform", "near", "hard", "mixed", "curriculum"]
"""Which nodes stand in a list, see `downstream.losses.lists`."""

LISTWISE_LOSSES: dict[str, ListwiseLoss] = {
    "listnet": ListwiseLoss(later("downstream.losses.importance:listwise_loss")),
    "lambda": ListwiseLoss(later("downstream.losses.importance:lambda_loss"), by_pairs=True),
}


@dataclass(frozen=True)
class TierLoss:
    """A loss of the head for tiers of importance.

    Attributes:
        function: ``(logits, target) -> () tensor`` with logits (n, C) and target (n,), the tier of every node.
        balanced: whether it also takes the weights (C,) of `downstream.losses.tiers.balanced_weights`, as ``alpha``.
        ordinal: whether its logits are (n, C - 1), the answers to "in tier k or above?".
        settings: names of what else ``function`` takes, which ``loss.tier_settings`` gives.
    """

    function: Callable[..., Any]
    balanced: bool = False
    ordinal: bool = False
    settings: tuple[str, ...] = ()


_FOCAL = later("downstream.losses.tiers:focal_loss")
_SMOOTHING = ("label_smoothing", "smooth_others")

TIER_LOSSES: dict[str, TierLoss] = {
    "cross_entropy": TierLoss(functools.partial(_FOCAL, gamma=0.0), settings=("alpha",)),
    "focal": TierLoss(_FOCAL, settings=("gamma", "alpha")),
    "balanced_focal": TierLoss(_FOCAL, balanced=True, settings=("gamma",)),
    "smoothing": TierLoss(functools.partial(_FOCAL, gamma=0.0, label_smoothing=0.1), settings=("alpha", *_SMOOTHING)),
    "focal_smoothing": TierLoss(
        functools.partial(_FOCAL, label_smoothing=0.1), settings=("gamma", "alpha", *_SMOOTHING)
    ),
    "ordinal": TierLoss(later("downstream.losses.tiers:ordinal_loss"), ordinal=True),
}


def tier_loss(kind: str, logits: Tensor, target: Tensor, balance: Tensor | None = None, **settings: Any) -> Tensor:
    """The loss of a head on tiers.

    Args:
        kind: a key of `TIER_LOSSES`.
        logits: (n, C); (n, C - 1) for a loss that is ordinal.
        target: (n,) long.
        balance: (C,) of `downstream.losses.tiers.balanced_weights`, for a loss that is balanced and for no other.
        settings: of the loss.

    Raises:
        NieError: an unknown kind, or one without the weights that it needs.

    >>> import torch
    >>> round(tier_loss("smoothing", torch.zeros(2, 2), torch.tensor([0, 1])).item(), 4)
    0.6931
    """
    if kind not in TIER_LOSSES:
        raise NieError(f"There is no loss {kind!r} of tiers{nearest(kind, TIER_LOSSES)}.")
    loss = TIER_LOSSES[kind]
    if loss.balanced != (balance is not None):
        takes = "takes weights of the tiers, which must be given" if loss.balanced else "takes no weights of the tiers"
        raise NieError(f"The loss {kind} {takes}.")
    weights = {} if balance is None else {"alpha": balance}
    value: Tensor = loss.function(logits, target, **weights, **settings)
    return value


@dataclass(frozen=True)
class Alignment:
    """A loss that draws the channels of a node together.

    Attributes:
        function: ``(projected, mask) -> () tensor`` with projections (n, M, P) of n nodes and what is there (n, M).
        needs_links: it takes ``soft_targets`` (n, n) of `downstream.losses.alignment.neighbourhood_targets`, too, for
            which a stage has to know which nodes are linked.
        settings: names of what else ``function`` takes, which ``loss.alignment_settings`` (of link prediction:
            ``loss.auxiliary_settings``) gives.
    """

    function: Callable[..., Any]
    needs_links: bool = False
    settings: tuple[str, ...] = ()


_COMBINED = later("downstream.losses.alignment:alignment_loss")

ALIGNMENTS: dict[str, Alignment] = {
    "combined": Alignment(_COMBINED, settings=("ratios", "temperature", "literal")),
    "neighbourhood": Alignment(_COMBINED, needs_links=True, settings=("ratios", "temperature")),
    "contrastive": Alignment(later("downstream.losses.alignment:modality_contrastive_loss"), settings=("temperature",)),
    "cosine_mse": Alignment(later("downstream.losses.alignment:cosine_mse_loss")),
    "mixed": Alignment(
        later("downstream.losses.alignment:mixed_loss"), settings=("lambda_mse", "lambda_contrastive", "temperature")
    ),
}
"""By name, for importance estimation and link prediction. A new alignment is a function and an entry here."""

ImportanceLossName = Annotated[str, one_of("a loss of importance", IMPORTANCE_LOSSES)]
ListwiseLossName = Annotated[str, one_of("a listwise loss", LISTWISE_LOSSES)]
TierLossName = Annotated[str, one_of("a loss of tiers", TIER_LOSSES)]
AlignmentName = Annotated[str, one_of("an alignment", ALIGNMENTS)]
