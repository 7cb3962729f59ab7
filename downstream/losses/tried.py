"""Losses that settings choose and adjust, tried once on made-up nodes: what cannot work is told before training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from downstream.losses.table import TIER_LOSSES, tier_loss
from nie.errors import NieError, shown


def try_tier_loss(kind: str, num_logits: int, settings: Mapping[str, Any]) -> None:
    """Raise NieError where the loss of tiers cannot be computed with these settings.

    >>> try_tier_loss("focal", 4, {"gamma": 1.5, "alpha": (1.0, 1.0, 2.0, 0.5)})
    """
    balanced = torch.ones(num_logits) if TIER_LOSSES[kind].balanced else None
    logits, target = torch.zeros(2, num_logits), torch.tensor([0, 1])
    _try("tier_settings", settings, lambda: tier_loss(kind, logits, target, balanced, **settings))


def try_alignment(name: str, alignment: Callable[..., Tensor], settings: Mapping[str, Any]) -> None:
    """Raise NieError where the alignment cannot be computed with these settings, which ``name`` gives.

    >>> from downstream.losses.table import ALIGNMENTS
    >>> try_alignment("alignment_settings", ALIGNMENTS["contrastive"].function, {"temperature": 0})
    Traceback (most recent call last):
        ...
    nie.errors.NieError: Of loss.alignment_settings, temperature must be positive (LICAP uses 0.05); got 0.
    """
    projected, mask = torch.eye(2)[:, None].expand(2, 2, 2), torch.ones(2, 2, dtype=torch.bool)
    _try(name, settings, lambda: alignment(projected, mask, **settings))


def _try(name: str, settings: Mapping[str, Any], loss: Callable[[], Tensor]) -> None:
    try:
        loss()
    except NieError as error:  # which names a setting, and other parts of a run have settings of the same name
        raise NieError(f"Of loss.{name}, {error}") from error
    except (TypeError, ValueError) as error:  # such as a list in the place of a number
        raise NieError(f"loss.{name} cannot be used: {shown(settings)}.") from error
