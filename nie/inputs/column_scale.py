"""Zero mean and unit variance of the columns of features, found without a second copy of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from nie.arrays import Array, Bools
from nie.data import Channel
from nie.disk.mapped import pieces

ROUNDING = 1e-6
"""What is smaller than this share of a column's values is rounding: they have the precision of float32."""


@dataclass(frozen=True, eq=False)
class ColumnScale:
    """What standardises features.

    Attributes:
        mean: (d,) what is taken from every column.
        deviation: (d,) what it is then divided by: 1 for a constant column, whose own may be rounding alone.
    """

    mean: Array
    deviation: Array

    @classmethod
    def of(cls, channel: Channel) -> ColumnScale:
        """Mean and deviation over the nodes that have a channel; of sequences, over their steps.

        They are numpy's, to the last bit, and the features are gone through in pieces.

        >>> scale = ColumnScale.of(Channel(np.array([[1.0], [3.0], [9.0]], np.float32), np.array([True, True, False])))
        >>> scale.mean.tolist(), scale.deviation.tolist()
        ([2.0], [1.0])
        """
        channel = channel if channel.steps is None else channel.by_step()
        count = int(channel.mask.sum())
        if not count:
            return cls(*np.array([[0.0], [1.0]], np.float32).repeat(channel.features.shape[1], axis=1))

        def present() -> Iterator[Array]:
            return _present(channel.features, channel.mask)

        mean = _mean(present(), count)
        spread = np.sqrt(_mean((np.square(rows - mean) for rows in present()), count))
        largest = np.max([np.abs(rows).max(axis=0, initial=0) for rows in present()], axis=0)
        return cls(mean, _divisors(spread, largest))

    def __call__(self, channel: Channel) -> Array:
        """(N, d) the features of a channel, standardised; those of nodes without it are zero."""
        if channel.steps is not None:
            return channel.with_steps(self(channel.by_step())).features
        rows = channel.features[channel.mask]
        rows -= self.mean
        rows /= self.deviation
        if len(rows) == len(channel.mask):
            return rows
        result = np.zeros_like(channel.features)
        result[channel.mask] = rows
        return result


def deviations(rows: Array) -> Array:
    """(d,) deviation of every column to divide by: 1 for a constant one, whose own may be rounding alone.

    >>> deviations(np.array([[0.1, 1.0], [0.1, 3.0], [0.1, 2.0]], np.float32)).round(3).tolist()
    [1.0, 0.8159999847412109]
    """
    return _divisors(rows.std(axis=0), np.abs(rows).max(axis=0, initial=0))


def _divisors(spread: Array, largest: Array) -> Array:
    return np.where(spread > ROUNDING * largest, spread, 1)


def _present(features: Array, mask: Bools) -> Iterator[Array]:
    """The rows of the nodes that have them, in pieces where numpy would add them up one after the other."""
    if features.shape[1] < 2 or not features.flags.c_contiguous:
        yield features[mask]
        return
    first = 0
    for piece in pieces(features):
        rows = piece[mask[first : first + len(piece)]]
        first += len(piece)
        if len(rows):
            yield rows


def _mean(parts: Iterable[Array], count: int) -> Array:
    """(d,) the mean of all rows, which are added up as one array of them would be."""
    total: Array | None = None
    for rows in parts:
        total = np.add.reduce(rows if total is None else np.concatenate([total[None], rows]), axis=0)
    assert total is not None
    mean: Array = np.true_divide(total, np.intp(count), out=total, casting="unsafe")
    return mean
