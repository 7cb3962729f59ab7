"""Groups of the test triples, which show what a figure over all of them hides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nie.arrays import Bools, Ints

TYPE = "rdf-syntax-ns#type"
DEGREES = ((1, 6), (6, 21), (21, None))
FREQUENCIES = ((0, 100), (100, 1000), (1000, None))


def groups_of(test: Ints, train: Ints, relation_names: Sequence[str], num_entities: int) -> dict[str, Bools]:
    """(n,) bool by name of group; groups overlap, and some may be empty.

    - ``without rdf:type``: such triples are many and easy.
    - ``pair not in training``: without triples whose two entities are joined in training, in either direction, by any
      relation, which a model can answer by knowing which relations go together.
    - ``unseen entity``: an end of the triple is in no training triple.
    - by the smaller degree of the two ends in training, and by the frequency of the relation.

    Args:
        test, train: (n, 3) head, relation and tail.
        relation_names: R names.
        num_entities: N.

    >>> groups = groups_of(np.array([[0, 0, 1], [2, 0, 0]]), np.array([[1, 0, 0]]), ["r"], 3)
    >>> groups["pair not in training"].tolist(), groups["unseen entity"].tolist()
    ([False, True], [False, True])
    """
    joined = {frozenset(pair) for pair in train[:, [0, 2]].tolist()}
    degree = np.bincount(train[:, [0, 2]].ravel(), minlength=num_entities)
    least = degree[test[:, [0, 2]]].min(axis=1)
    frequency = np.bincount(train[:, 1], minlength=len(relation_names))[test[:, 1]]
    is_type = np.array([TYPE in name for name in relation_names])
    return {
        "without rdf:type": ~is_type[test[:, 1]],
        "pair not in training": np.array([frozenset(pair) not in joined for pair in test[:, [0, 2]].tolist()], bool),
        "unseen entity": least == 0,
        **{f"least degree {_span(low, high)}": _within(least, low, high) for low, high in DEGREES},
        **{f"relation of {_span(low, high)} triples": _within(frequency, low, high) for low, high in FREQUENCIES},
    }


def _within(values: Ints, low: int, high: int | None) -> Bools:
    inside: Bools = (values >= low) & (values < (np.inf if high is None else high))
    return inside


def _span(low: int, high: int | None) -> str:
    """
    >>> _span(1, 6), _span(21, None)
    ('1 to 5', '21 or more')
    """
    return f"{low} or more" if high is None else f"{low} to {high - 1}"
