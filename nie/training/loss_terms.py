"""The terms of a loss by name, for the curves: whoever computes one notes it, and the training loop collects them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar

import torch
from torch import Tensor


class LossTerms:
    """What was noted while it listened: by name, the values of a term, one for each time that it was noted."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = {}

    def note(self, name: str, value: Tensor) -> None:
        """Note one value of a term."""
        self._values.setdefault(name, []).append(value.detach())

    def means(self) -> dict[str, float]:
        """By name, the mean of the values; read at the end of an epoch, because a GPU waits for it."""
        return {name: float(torch.stack(values).double().mean()) for name, values in self._values.items()}


_listening: ContextVar[LossTerms | None] = ContextVar("loss_terms", default=None)
_channels: ContextVar[Sequence[str] | None] = ContextVar("channels_of_loss_terms", default=None)


def term(name: str, value: Tensor) -> Tensor:
    """Note ``value``, () tensor, as the term ``name`` of the loss, before its weight, and return it as it is.

    Where nobody listens, which is everywhere but in the training loop, nothing happens.

    >>> with listening() as terms:
    ...     loss = term("regression", torch.tensor(1.0)) + 0.5 * term("listwise", torch.tensor(4.0))
    >>> loss.item(), terms.means()
    (3.0, {'regression': 1.0, 'listwise': 4.0})
    """
    terms = _listening.get()
    if terms is not None:
        terms.note(name, value)
    return value


def pair_term(name: str, value: Tensor, first: int, second: int) -> Tensor:
    """Note the term of a pair of channels, whose numbers stand for the names given to `channels_named`.

    >>> with listening() as terms, channels_named(["structural", "text"]):
    ...     _ = pair_term("cosine", torch.tensor(1.0), 0, 1)
    >>> terms.means()
    {'cosine structural-text': 1.0}
    """
    names = _channels.get()
    one, other = (str(number) if names is None else names[number] for number in (first, second))
    return term(f"{name} {one}-{other}", value)


@contextlib.contextmanager
def listening() -> Iterator[LossTerms]:
    """Collect the terms that are noted within."""
    terms = LossTerms()
    before = _listening.set(terms)
    try:
        yield terms
    finally:
        _listening.reset(before)


@contextlib.contextmanager
def channels_named(names: Sequence[str] | Mapping[str, object]) -> Iterator[None]:
    """Channels that are numbered in the terms within have these names, in this order."""
    before = _channels.set(list(names))
    try:
        yield
    finally:
        _channels.reset(before)
