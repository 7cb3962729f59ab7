"""The ranking that the page shows: downstream.explore.ranking."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from downstream.answers.node_scores import NodeScores
from downstream.explore.ranking import PAGE, Query, Ranking
from nie.data import synthetic

NODES = 400


@pytest.fixture(scope="module")
def ranking() -> Ranking:
    kg, rng = synthetic(1, NODES), np.random.default_rng(0)
    types = np.array(["Film", "Person", "Year"])[rng.integers(0, 3, NODES)].tolist()
    scores = NodeScores(
        kg.node_names, types, np.exp(rng.normal(size=NODES)), np.where(kg.label_mask, kg.labels, np.nan),
        rng.random(NODES) < 0.5, np.array([name == "Year" for name in types]), np.zeros(NODES, bool),
    )  # fmt: skip
    return Ranking(kg, scores, replace(scores, score=scores.score[::-1].copy()))


def everything(ranking: Ranking, query: Query) -> list[int]:
    found = [ranking.find(replace(query, page=page)) for page in range(1, ranking.find(query).pages + 1)]
    return [node for one in found for node in one.nodes]


@pytest.mark.parametrize(
    "sort", ["rank", "name", "degree", "truth", "error", "interval", "disagreement", "no such order"]
)
def test_every_order_has_every_node_once(ranking: Ranking, sort: str) -> None:
    assert sorted(everything(ranking, Query(sort=sort))) == list(range(NODES))


def test_the_usual_order_is_that_of_the_file_of_scores(ranking: Ranking) -> None:
    assert everything(ranking, Query()) == ranking.scores.order


def test_filters_leave_what_a_loop_leaves(ranking: Ranking) -> None:
    kg, scores = ranking.kg, ranking.scores
    degree = [int((kg.src == node).sum() + (kg.dst == node).sum()) for node in range(NODES)]
    query = Query(search="FAMOUS", type="Film", least_degree=3, most_degree=8, held_out=True)
    expected = [
        node
        for node in range(NODES)
        if "famous" in f"{kg.node_names[node]} {kg.text[node] or ''}".lower()
        and scores.type[node] == "Film"
        and 3 <= degree[node] <= 8
        and kg.label_mask[node]
        and scores.held_out[node]
    ]
    assert expected
    assert sorted(everything(ranking, query)) == expected


def test_pages_beyond_the_end_are_the_last(ranking: Ranking) -> None:
    found = ranking.find(Query(page=10**9))
    assert (found.page, found.pages, len(found.nodes)) == (NODES // PAGE, NODES // PAGE, PAGE)
    nothing = ranking.find(Query(search="no such node", page=-3))
    assert (nothing.nodes, nothing.total, nothing.page, nothing.pages) == ([], 0, 1, 1)


def test_a_search_knows_no_accents() -> None:
    kg = synthetic(0)
    kg = replace(kg, node_names=["Café de l'Étoile", *kg.node_names[1:]])
    none = np.zeros(300, bool)
    ranking = Ranking(kg, NodeScores(kg.node_names, ["A"] * 300, np.ones(300), kg.labels, ~none, none, none))
    assert ranking.find(Query(search=" cafe de l'etoile ")).nodes == [0]


def test_errors_are_of_nodes_that_no_model_has_seen(ranking: Ranking) -> None:
    known = ~np.isnan(ranking.error)
    np.testing.assert_array_equal(known, ranking.scores.held_out & ranking.kg.label_mask)
    order = everything(ranking, Query(sort="error"))
    assert known[order[: known.sum()]].all()
    assert np.all(np.diff(np.abs(ranking.error[order[: known.sum()]])) <= 0)
