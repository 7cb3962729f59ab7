"""Numbers that are known of some entities, as columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from nie.data.channel import Channel
from nie.errors import NieError

YEAR_WORDS = ("date", "founded", "established", "active_start", "active_end", "discontinued", "ceased_operations")


class NumericFeatureExtractor:
    """Attributes of entities, two columns each: the value on a scale that tames it, and whether it is known.

    A year y becomes ``-log(1 + present_year - y)``, so that recent years are told apart and antiquity is no outlier;
    any other value x becomes ``sign(x) log(1 + |x|)``. An unknown value is replaced by the mean of the known ones.
    Attributes are in alphabetical order.

    Args:
        min_values: attributes that are known of fewer entities are left out.
        present_year: where years are counted back from; later ones count as it.
        year_words: an attribute whose last part (after a dot) has one of them, between underscores, is a year.

    Example:
        >>> extract = NumericFeatureExtractor(min_values=1)
        >>> extract({"age": {0: np.e - 1}, "height": {0: 0.0, 1: 0.0}}, num_nodes=3).features.tolist()
        [[1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
    """

    def __init__(
        self, *, min_values: int = 50, present_year: int = 2016, year_words: Sequence[str] = YEAR_WORDS
    ) -> None:  # fmt: skip
        self.min_values, self.present_year, self.year_words = min_values, present_year, tuple(year_words)

    def __call__(self, values: Mapping[str, Mapping[int, float]], num_nodes: int) -> Channel | None:
        """The channel of attribute -> node -> value; None where no attribute is known of enough entities.

        Nodes of which nothing is known have a zero row and mask False.

        Raises:
            NieError: a node out of range, or a value that is not finite.
        """
        kept = [name for name in sorted(values) if len(values[name]) >= self.min_values]
        if not kept:
            return None
        features = np.zeros((num_nodes, 2 * len(kept)), dtype=np.float32)
        mask = np.zeros(num_nodes, dtype=bool)
        for column, name in enumerate(kept):
            nodes = np.fromiter(values[name], np.int64)
            known = np.array([self._scaled(name, value) for value in values[name].values()])
            _check(name, nodes, known, num_nodes)
            features[:, 2 * column] = known.mean()
            features[nodes, 2 * column] = known
            features[nodes, 2 * column + 1] = 1
            mask[nodes] = True
        features[~mask] = 0
        return Channel(features, mask)

    def _scaled(self, name: str, value: float) -> float:
        if any(f"_{word}_" in f"_{name.rsplit('.', 1)[-1]}_" for word in self.year_words):
            return -math.log1p(max(self.present_year - value, 0.0))
        return math.copysign(math.log1p(abs(value)), value)


def _check(name: str, nodes: np.ndarray, known: np.ndarray, num_nodes: int) -> None:
    outside = (nodes < 0) | (nodes >= num_nodes)
    if outside.any():
        raise NieError(f"The attribute {name} names node {nodes[outside][0]}, but there are {num_nodes} nodes.")
    if not np.isfinite(known).all():
        raise NieError(f"The attribute {name} of node {nodes[np.argmin(np.isfinite(known))]} is not a finite number.")
