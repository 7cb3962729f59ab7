"""Features of nodes that are ready: plain read-only arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nie.arrays import Array, Bools, Floats, Floats32, Ints
from nie.data.graph_fields import real_numbers, truths
from nie.disk.mapped import pieces
from nie.errors import NieError


@dataclass(frozen=True, eq=False)
class Channel:
    """One input channel: a row of features for each node, and which nodes really have one.

    Args:
        features: (N, d) float32; the rows of nodes without the feature are zero by convention. Of sequences
            (N, T (1 + d)): each step has a 1 before its d values, and is zero beyond the end of its sequence.
        mask: (N,) bool; False where a node has no feature.
        steps: T, the steps of the longest sequence; None for features that are no sequences.

    >>> Channel(np.ones((3, 2)), np.array([True, True, False])).features.shape
    (3, 2)
    """

    features: Floats32
    mask: Bools
    steps: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", real_numbers("A channel", "features", self.features, np.float32))
        object.__setattr__(self, "mask", truths("A channel", "mask", self.mask))
        if self.features.ndim != 2 or self.mask.shape != self.features.shape[:1]:
            raise NieError(
                f"A channel must have features (N, d) and a mask (N,); got {self.features.shape} and {self.mask.shape}."
            )
        if not all(np.isfinite(rows).all() for rows in pieces(self.features)):
            row = int(np.argmin(np.isfinite(self.features).all(axis=1)))
            raise NieError(f"A channel's features must be finite; row {row} is not.")
        width = self.features.shape[1]
        if self.steps is not None and (self.steps < 1 or width % self.steps or width // self.steps < 2):
            raise NieError(f"A channel of {self.steps} steps must have a flag and values in each; got {width} columns.")

    @classmethod
    def of_sequences(cls, values: Array, lengths: Ints) -> Channel:
        """A channel of sequences of different lengths; a node whose sequence is empty lacks it.

        Args:
            values: (sum of lengths, d) the steps of all sequences, one sequence after the other.
            lengths: (N,) steps of the sequence of each node.

        >>> channel = Channel.of_sequences(np.array([[5.0], [6.0], [7.0]]), np.array([2, 0, 1]))
        >>> channel.features.tolist(), channel.mask.tolist()
        ([[1.0, 5.0, 1.0, 6.0], [0.0, 0.0, 0.0, 0.0], [1.0, 7.0, 0.0, 0.0]], [True, False, True])
        """
        steps = int(lengths.max())
        rows = np.zeros((len(lengths), steps, 1 + values.shape[1]), dtype=np.float32)
        there = np.arange(steps) < lengths[:, None]
        rows[there, 0], rows[there, 1:] = 1, values
        return cls(rows.reshape(len(rows), -1), lengths > 0, steps)

    def at(self, rows: Ints | slice) -> Channel:
        """The channel of some nodes.

        >>> Channel(np.array([[1.0], [2.0]]), np.array([True, False])).at(np.array([1, 0, 1])).mask.tolist()
        [False, True, False]
        """
        some = self.features[rows], self.mask[rows]
        for one in some:
            one.flags.writeable = False  # so that it is kept without a copy
        return replace(self, features=some[0], mask=some[1])

    def by_step(self) -> Channel:
        """(N T, d): each step of each sequence as a row, which is there up to the end of its sequence.

        >>> Channel.of_sequences(np.array([[5.0], [6.0], [7.0]]), np.array([2, 1])).by_step().mask.tolist()
        [True, True, True, False]
        """
        rows = self.features.reshape(len(self.features) * (self.steps or 1), -1)
        return Channel(rows[:, 1:], rows[:, 0] > 0)

    def with_steps(self, values: Floats | Floats32) -> Channel:
        """The same sequences with other values (N T, d), in the rows of `by_step`."""
        flags = self.features.reshape(len(values), -1)[:, :1]
        return replace(self, features=np.concatenate([flags, values], axis=1).reshape(self.features.shape))
