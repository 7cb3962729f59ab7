"""nie.data.node_groups."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from nie.data.centrality import core_number, undirected
from nie.data.graph import KnowledgeGraph
from nie.data.node_groups import GROUPINGS, node_groups
from nie.data.synthetic_graph import synthetic
from nie.errors import NieError


def graph(src: list[int], dst: list[int], etype: list[int]) -> KnowledgeGraph:
    count, relations = max([*src, *dst]) + 1, max(etype) + 1
    return KnowledgeGraph(
        name="own",
        src=np.array(src),
        dst=np.array(dst),
        etype=np.array(etype),
        labels=np.ones(count),
        label_mask=np.ones(count, dtype=bool),
        node_names=[f"n{number}" for number in range(count)],
        relation_names=[f"r{number}" for number in range(relations)],
        text=[None] * count,
    )


TWO_RINGS = graph([0, 1, 2, 3, 4, 5, 6], [1, 2, 0, 4, 5, 6, 3], [0, 0, 0, 1, 1, 1, 1])


@pytest.mark.parametrize("by", sorted(set(GROUPINGS) - {"components"}))
def test_every_grouping_is_made_of_the_seed_and_its_control_has_the_same_sizes(by: Any) -> None:
    kg = synthetic(0)
    groups = node_groups(kg, by, 2)
    assert groups.shape == (kg.num_nodes,)
    assert set(groups.tolist()) == {0, 1}
    assert np.array_equal(groups, node_groups(kg, by, 2))
    control = node_groups(kg, by, 2, shuffled=True)
    assert np.array_equal(np.bincount(control), np.bincount(groups))
    assert not np.array_equal(control, groups)


@pytest.mark.parametrize("by", ["components", "louvain", "predicates"])
def test_two_rings_are_two_groups(by: Any) -> None:
    groups = node_groups(TWO_RINGS, by, 2)
    assert len(set(groups[:3])) == len(set(groups[3:])) == 1
    assert groups[0] != groups[3]


def test_small_components_are_one_group() -> None:
    kg = graph([0, 1, 2, 3, 5, 7], [1, 2, 0, 4, 6, 8], [0] * 6)
    assert np.bincount(node_groups(kg, "components", 2)).tolist() == [3, 6]
    assert np.bincount(node_groups(kg, "components", 9)).tolist() == [3, 2, 2, 2]


def test_equal_shares_keep_equal_values_together() -> None:
    groups = node_groups(synthetic(0), "k-core", 6)
    cores: dict[int, set[int]] = {number: set() for number in range(6)}
    for node, core in enumerate(core_number(undirected(synthetic(0))).tolist()):
        cores[groups[node]].add(core)
    filled = [cores[number] for number in sorted(cores) if cores[number]]
    assert all(max(low) < min(high) for low, high in itertools.pairwise(filled))


@pytest.mark.parametrize(
    ("by", "count", "message"),
    [
        ("louvian", 2, "did you mean 'louvain'"),
        ("louvain", 1, "2 groups or more"),
        ("predicates", 3, "3 clusters of predicates cannot be made of 2 predicates"),
    ],
)
def test_what_cannot_be_grouped_is_refused(by: Any, count: int, message: str) -> None:
    with pytest.raises(NieError, match=message):
        node_groups(TWO_RINGS, by, count)


def test_one_component_is_no_grouping() -> None:
    with pytest.raises(NieError, match="in one group"):
        node_groups(graph([0, 1], [1, 2], [0, 0]), "components", 3)
