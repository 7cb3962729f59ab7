"""Timing on a machine that others use too: all contestants take turns, and ratios are taken within a turn."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

Key = TypeVar("Key", bound=Hashable)


class Step(NamedTuple):
    """A forward pass that can be repeated, and the tensors whose gradients the backward pass computes."""

    forward: Callable[[], Sequence[Tensor]]
    inputs: Sequence[Tensor]


@dataclass
class Times:
    """Seconds of one contestant, in the order of the turns."""

    forward: list[float] = field(default_factory=list)
    backward: list[float] = field(default_factory=list)

    def of_heads(self, count: int) -> Times:
        """What ``count`` such steps would take."""
        return Times([count * value for value in self.forward], [count * value for value in self.backward])

    @property
    def total(self) -> list[float]:
        """Forward and backward together."""
        return [sum(pair) for pair in zip(self.forward, self.backward, strict=True)]


def seconds(function: Callable[[], object]) -> float:
    """The wall-clock time of a call, the device's work included."""
    _wait()
    started = time.perf_counter()
    function()
    _wait()
    return time.perf_counter() - started


def run(step: Step) -> tuple[float, float]:
    """Seconds of one forward and of one backward pass; making the gradient that starts the latter does not count."""
    outputs: list[Tensor] = []
    forward = seconds(lambda: outputs.extend(step.forward()))
    gradients = [torch.ones_like(output) for output in outputs]
    # Not through .grad: adding to an old gradient is the optimiser's business and would cost every contestant alike.
    backward = seconds(lambda: torch.autograd.grad(outputs, step.inputs, gradients, allow_unused=True))
    return forward, backward


def interleave(steps: Mapping[Key, Step], repeat: int, once: Iterable[Key] = ()) -> dict[Key, Times]:
    """Let every contestant run in each of ``repeat`` turns, in an order that changes from turn to turn.

    A first step of each, in which graphs are prepared and kernels compiled, is not counted. Those in ``once`` are so
    slow that they run in the first turn only, without a first step.
    """
    once = set(once)
    times = {key: Times() for key in steps}
    for key, step in steps.items():
        if key not in once:
            run(step)
    order = np.random.default_rng(0)
    keys = list(steps)
    for turn in range(repeat):
        gc.collect()
        gc.disable()
        for place in order.permutation(len(keys)):
            key = keys[place]
            if turn == 0 or key not in once:
                forward, backward = run(steps[key])
                times[key].forward.append(forward)
                times[key].backward.append(backward)
        gc.enable()
    return times


def ratio(these: Sequence[float], reference: Sequence[float]) -> float:
    """The median over the turns of how many times longer this one took than the reference."""
    return statistics.median(a / b for a, b in zip(these, reference, strict=False))


def summary(times: Times) -> dict[str, float | int]:
    """Median and least milliseconds."""
    numbers: dict[str, float | int] = {"repeats": len(times.forward)}
    for part in ("forward", "backward", "total"):
        values = getattr(times, part)
        numbers[f"{part}_ms"] = 1e3 * statistics.median(values)
        numbers[f"{part}_min_ms"] = 1e3 * min(values)
    return numbers


def _wait() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()
