from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch

from nie.data import KnowledgeGraph, synthetic
from nie.data.node_features.node2vec import node2vec, random_walks
from nie.errors import NieError

gensim_needed = pytest.mark.skipif(__import__("importlib").util.find_spec("gensim") is None, reason="needs gensim")


def graph(src: list[int], dst: list[int], num_nodes: int) -> KnowledgeGraph:
    return KnowledgeGraph(
        "g", src, dst, [0] * len(src), [1.0] * num_nodes, [True] * num_nodes,  # type: ignore[arg-type]
        [f"n{i}" for i in range(num_nodes)], ["r"], [None] * num_nodes,
    )  # fmt: skip


@pytest.fixture
def threads() -> Iterator[int]:
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


def test_walks_go_along_edges_in_either_direction() -> None:
    kg = synthetic(0)
    pairs = {*zip(kg.src.tolist(), kg.dst.tolist(), strict=True)}
    pairs |= {(v, u) for u, v in pairs}
    walks = random_walks(kg, walk_length=8, num_walks=3)
    assert walks.shape == (900, 9)
    assert all((u, v) in pairs and u != v for walk in walks for u, v in pairwise(walk))
    assert (np.bincount(walks[:, 0]) == 3).all()


def test_walks_ignore_direction_repeats_and_loops() -> None:
    once = random_walks(graph([0, 1], [1, 2], 4), walk_length=5, num_walks=4)
    again = random_walks(graph([1, 2, 1, 0, 3], [0, 1, 2, 1, 3], 4), walk_length=5, num_walks=4)
    np.testing.assert_array_equal(once, again)
    assert 3 not in once


@pytest.mark.parametrize("count", [1, 2])
def test_walks_do_not_depend_on_threads(threads: int, count: int) -> None:
    torch.set_num_threads(count)
    kg = synthetic(1)
    first = random_walks(kg, walk_length=20, num_walks=2, p=0.5, q=2.0, seed=7)
    np.testing.assert_array_equal(first, random_walks(kg, walk_length=20, num_walks=2, p=0.5, q=2.0, seed=7))
    assert not np.array_equal(first, random_walks(kg, walk_length=20, num_walks=2, p=0.5, q=2.0, seed=8))
    assert torch.get_num_threads() == count


def test_return_parameter_is_used() -> None:
    kg = graph(list(range(9)), list(range(1, 10)), 10)

    def turns(p: float) -> int:
        walks = random_walks(kg, walk_length=20, num_walks=20, p=p)
        return int((walks[:, 2:] == walks[:, :-2]).sum())

    assert turns(0.05) > 2 * turns(20.0)


@gensim_needed
def test_same_seed_same_bits() -> None:
    kg = synthetic(0)
    first, again = (node2vec(kg, dim=16, num_walks=2, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.features, again.features)
    assert not np.array_equal(first.features, node2vec(kg, dim=16, num_walks=2, seed=4).features)


@gensim_needed
def test_tells_two_cliques_apart() -> None:
    pairs = [(u, v) for base in (0, 10) for u in range(base, base + 10) for v in range(u + 1, base + 10)]
    kg = graph([u for u, _ in pairs] + [0], [v for _, v in pairs] + [10], 21)
    channel = node2vec(kg, dim=16, epochs=5)
    unit = channel.features[:20] / np.linalg.norm(channel.features[:20], axis=1, keepdims=True)
    similar = unit @ unit.T
    assert similar[1:10, 1:10].mean() > similar[1:10, 11:20].mean() + 0.1
    assert channel.mask.tolist() == [True] * 20 + [False]
    assert (channel.features[20] == 0).all()


@gensim_needed
def test_graph_without_edges() -> None:
    with pytest.raises(NieError, match="the graph g has none"):
        node2vec(graph([0], [0], 2))


def test_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(NieError, match=r"\[structure\]"):
        node2vec(synthetic(0))
