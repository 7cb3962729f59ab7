"""What literals say of nodes, as input: numbers as a channel, strings as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nie.arrays import Floats
from nie.data.builders.literals import Literals
from nie.data.channel import Channel
from nie.data.extract.numeric import NumericFeatureExtractor
from nie.progress import log
from nie.rank_correlation import spearman

MOST_RELATIONS = 100
"""Relations that give features; two columns each are an array of N rows, and a graph may have thousands."""


FEWEST_SHARED = 10
"""Fewer numbers may be those of the scores by chance."""
MOST_ALIKE = 0.999
"""Rank correlation from which numbers are the scores, on whatever scale."""


def literal_channel(literals: Literals, num_nodes: int) -> Channel | None:
    """The channel ``literals``: two columns for each relation with numbers, the value and whether it is known.

    Values are on the scale of `nie.data.extract.NumericFeatureExtractor`, after outliers were moved to its end.
    """
    most = sorted(literals.numbers, key=lambda name: (-len(literals.numbers[name][0]), name))[:MOST_RELATIONS]
    if len(most) < len(literals.numbers):
        log.warning(
            "of %d relations with numbers, the %d that most nodes have are features",
            len(literals.numbers), len(most),
        )  # fmt: skip
    values = {
        name: dict(zip(nodes.tolist(), without_outliers(numbers).tolist(), strict=True))
        for name, (nodes, numbers) in literals.numbers.items()
        if name in most
    }
    return NumericFeatureExtractor(min_values=1, year_words=())(values, num_nodes)


def without_outliers(values: Floats) -> Floats:
    """Values that stop as far from the middle nine tenths as these are wide, on the scale ``sign(x) log(1 + |x|)``.

    One mistyped number would make all others alike, once a column has unit variance.

    >>> without_outliers(np.array([*range(1, 20), 1e200]))[[0, 18, 19]].round(0).tolist()
    [1.0, 19.0, 199.0]
    """
    scaled = np.sign(values) * np.log1p(np.abs(values))
    low, high = np.quantile(scaled, [0.05, 0.95], method="closest_observation")
    wide = high - low
    if wide == 0:  # nearly all are the same, and the few others are what the column says
        return values
    scaled = np.clip(scaled, low - wide, high + wide)
    return np.asarray(np.sign(scaled) * np.expm1(np.abs(scaled)))


def telling_scores(literals: Literals, scores: Mapping[int, float]) -> list[str]:
    """The relations whose numbers are the scores themselves: estimates that read them look better than they are.

    Those with `FEWEST_SHARED` nodes or more that have a score, too, of which nine tenths have the same number, or which
    all stand in the order of the scores or against it, as 10 times the score and its logarithm do.

    >>> nodes = np.arange(20)
    >>> literals = Literals({"log": (nodes, np.log1p(nodes)), "age": (nodes, (7.0 * nodes) % 20)}, {}, {})
    >>> telling_scores(literals, {node: 7.0 * node for node in range(15)})
    ['log']
    """
    telling = []
    for relation, (nodes, numbers) in literals.numbers.items():
        shared = np.isin(nodes, list(scores))
        known = np.array([scores[node] for node in nodes[shared].tolist()])
        if len(known) < FEWEST_SHARED:
            continue
        equal = np.isclose(numbers[shared], known, rtol=1e-3).mean() >= 0.9
        if equal or abs(spearman(numbers[shared], known)) >= MOST_ALIKE:
            telling.append(relation)
    return telling


def with_strings(text: Sequence[str | None], literals: Literals) -> list[str | None]:
    """The text of each node, followed by the strings that literals say of it."""
    made = list(text)
    for nodes, strings in literals.strings.values():
        for node, string in zip(nodes.tolist(), map(str.strip, strings), strict=True):
            if string:
                before = made[node]
                made[node] = string if before is None else f"{before}. {string}"
    return made
