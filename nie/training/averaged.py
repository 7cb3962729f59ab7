"""Exponential moving average of a model's weights, which is judged and kept in their place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn


class AveragedWeights:
    """``a <- d a + (1 - d) w`` after every step, with ``d = min(decay, (1 + t) / (10 + t))`` in step t.

    The first steps forget faster, so that the draw of the weights leaves no trace (as in TensorFlow's
    ExponentialMovingAverage). Buffers are the model's own.

    Args:
        model: whose weights are averaged.
        decay: d, between 0 and 1; half of an average is younger than about ``0.7 / (1 - d)`` steps.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> nn.init.zeros_(model.weight) is model.weight
        True
        >>> averaged = AveragedWeights(model, 0.5)
        >>> nn.init.ones_(model.weight) is model.weight
        True
        >>> for _ in range(3):
        ...     averaged.update()
        >>> with averaged.in_place():
        ...     round(model.weight.item(), 3)
        0.986
        >>> model.weight.item()
        1.0
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay, self.steps = model, decay, 0
        self.weights = {name: weight.detach().clone() for name, weight in model.named_parameters()}

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights after a step into account."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, weight in self.model.named_parameters():
            self.weights[name].lerp_(weight, 1 - decay)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """In the block, the model has the averaged weights."""
        own = {name: weight.data for name, weight in self.model.named_parameters()}
        for name, weight in self.model.named_parameters():
            weight.data = self.weights[name]
        try:
            yield
        finally:
            for name, weight in self.model.named_parameters():
                weight.data = own[name]

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {"steps": self.steps, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict`."""
        self.steps = state["steps"]
        self.weights = {name: state["weights"][name].to(weight.device) for name, weight in self.weights.items()}
