"""Entity alignment: which entity of one graph is which of another, told by their vectors and some pairs that are known.

The vectors of two graphs, or of two channels of one, lie in spaces of their own. A map from one to the other is fitted
on seed pairs, and the other pairs are found again by cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from downstream.metrics.channels import retrieval_metrics
from nie.arguments import inner_share
from nie.arrays import Floats, Floats32, Ints
from nie.errors import NieError, shown

CUTOFFS = (1, 10)
LEAST = 2
MOST_TESTED = 5000
"""Pairs that are tested at most: every one is compared with every other."""


@dataclass(frozen=True)
class NamedVectors:
    """Vectors of entities.

    Attributes:
        source: what they are, for messages.
        names: of the N entities.
        rows: (N, d), nan in the row of an entity without a vector.
        seed: of the draw that the vectors began with before they were learned; None where there was none.
    """

    source: str
    names: Sequence[str]
    rows: Floats32
    seed: int | None = None

    def began_as(self, other: NamedVectors) -> bool:
        """Whether both are of runs that began with the same random vectors, row by row.

        What is left of these finds an entity again that nothing was learned of.
        """
        return self.seed is not None and self.seed == other.seed and self.source != other.source


@dataclass(frozen=True)
class Aligned:
    """How well held-out pairs are found.

    Attributes:
        seeds: pairs that the map was fitted on.
        tested: pairs that were looked for, each among so many candidates.
        figures: by way, ``hits@1``, ``hits@10`` and ``mrr``, the mean of both directions.
    """

    seeds: int
    tested: int
    figures: dict[str, dict[str, float]]


def align(
    one: NamedVectors, other: NamedVectors, pairs: Sequence[tuple[str, str]] | None = None, *, seed_share: float = 0.3,
    seed: int = 0,
) -> Aligned:  # fmt: skip
    """Find the pairs that are no seeds, with a map that is fitted on the seeds.

    The map is the orthogonal one that brings the seeds' unit vectors, less their mean, nearest to each other
    (Procrustes). Beside it stand vectors as they are, where they have one size; the control, a map fitted on the same
    seeds with their partners shuffled; and chance.

    Args:
        one, other: the vectors of two graphs, or of two channels of one.
        pairs: names of the same entity in both; by default entities of the same name.
        seed_share: share of the pairs that are seeds.
        seed: of the draws of seeds, of the shuffled control and of the tested pairs, of which there are `MOST_TESTED`
            at most.

    Raises:
        NieError: no entity is in both, one is in two pairs, or there are too few pairs.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
        >>> turned = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0].astype(np.float32)
        >>> names = [str(number) for number in range(50)]
        >>> found = align(NamedVectors("a", names, rows), NamedVectors("b", names, rows @ turned))
        >>> found.figures["mapped by the seeds"]["hits@1"]
        1.0
    """
    inner_share("seed_share", seed_share)
    at = _places(one, other, pairs)
    generator = np.random.default_rng(seed)
    at = at[generator.permutation(len(at))]
    count = round(seed_share * len(at))
    if min(count, len(at) - count) < LEAST:
        raise NieError(f"{len(at)} pairs have a vector on both sides, too few for seeds and tests; give more pairs.")
    seeds, tested = at[:count], at[count : count + MOST_TESTED]
    a, b = (_unit(side.rows.astype(np.float64)) for side in (one, other))
    centre_a, centre_b = a[seeds[:, 0]].mean(axis=0), b[seeds[:, 1]].mean(axis=0)
    figures = {}
    if a.shape[1] == b.shape[1]:
        figures["as they are"] = _both_ways(a[tested[:, 0]], b[tested[:, 1]])
    partners = {
        "mapped by the seeds": seeds[:, 1],
        "mapped by shuffled seeds (control)": generator.permutation(seeds[:, 1]),
    }
    for way, partner in partners.items():
        turn = _turn(a[seeds[:, 0]] - centre_a, b[partner] - centre_b)
        figures[way] = _both_ways((a[tested[:, 0]] - centre_a) @ turn, b[tested[:, 1]] - centre_b)
    expected = retrieval_metrics(np.ones((len(tested), 1)), np.ones((len(tested), 1)), CUTOFFS)
    figures["chance"] = _shown(expected)
    return Aligned(len(seeds), len(tested), figures)


def _places(one: NamedVectors, other: NamedVectors, pairs: Sequence[tuple[str, str]] | None) -> Ints:
    """(n, 2) rows of the pairs that have a vector on both sides."""
    of_one, of_other = ({name: row for row, name in enumerate(side.names)} for side in (one, other))
    named = [(name, name) for name in one.names if name in of_other] if pairs is None else pairs
    for side in zip(*named, strict=True):
        if len(set(side)) < len(side):
            twice = next(name for name in side if side.count(name) > 1)
            raise NieError(f"An entity can be in one pair only; {shown(twice)} is in several.")
    at = np.array([(of_one[a], of_other[b]) for a, b in named if a in of_one and b in of_other], dtype=np.int64)
    if len(at) == 0:
        how = "have no entity of the same name" if pairs is None else f"have none of the {len(pairs)} pairs"
        raise NieError(f"{one.source} and {other.source} {how} in common; give pairs of names that both have.")
    there = [~np.isnan(side.rows[at[:, place]]).any(axis=1) for place, side in enumerate((one, other))]
    kept: Ints = at[there[0] & there[1]]
    return kept


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = rows / np.where(lengths > 0, lengths, 1)
    return unit


def _turn(a: Floats, b: Floats) -> Floats:
    """(d, e) the map with orthonormal rows or columns that brings ``a`` nearest to ``b``."""
    left, _, right = np.linalg.svd(a.T @ b, full_matrices=False)
    turn: Floats = left @ right
    return turn


def _both_ways(a: Floats, b: Floats) -> dict[str, float]:
    forth, back = (_shown(retrieval_metrics(*sides, CUTOFFS)) for sides in ((a, b), (b, a)))
    return {name: (forth[name] + back[name]) / 2 for name in forth}


def _shown(figures: dict[str, float]) -> dict[str, float]:
    return {**{f"hits@{k}": figures[f"recall@{k}"] for k in CUTOFFS}, "mrr": figures["mrr"]}
