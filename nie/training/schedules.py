"""The learning rate over the epochs."""

from __future__ import annotations

import math
from functools import partial

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, LambdaLR, LRScheduler, OneCycleLR

from nie.settings.sections import OptimConfig


def scheduler_of(optimizer: Optimizer, optim: OptimConfig) -> LRScheduler:
    """What changes the rates of the optimizer's groups, each its peak, after every epoch."""
    if optim.schedule == "one_cycle":
        peaks = [group["lr"] for group in optimizer.param_groups]
        return OneCycleLR(optimizer, peaks, total_steps=max(optim.max_epochs, 2))
    if optim.schedule == "cosine":
        return LambdaLR(optimizer, partial(warmup_cosine, epochs=optim.max_epochs, warmup=optim.warmup))
    return ConstantLR(optimizer, factor=1.0, total_iters=0)


def warmup_cosine(epoch: int, *, epochs: int, warmup: float) -> float:
    """The share of the peak rate in an epoch, counted from 0.

    It rises evenly over the first ``warmup`` of the epochs, to 1 in the last of them, and falls along half a cosine,
    which would reach 0 in the epoch after the last.

    >>> [round(warmup_cosine(epoch, epochs=6, warmup=0.3), 2) for epoch in range(6)]
    [0.5, 1.0, 1.0, 0.85, 0.5, 0.15]
    """
    rising = round(warmup * epochs)
    if epoch < rising:
        return (epoch + 1) / rising
    return (1 + math.cos(math.pi * (epoch - rising) / max(epochs - rising, 1))) / 2
