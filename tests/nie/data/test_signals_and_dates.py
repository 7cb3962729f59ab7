"""Signals and days of a graph: kept, checked, stored, and asked for what was known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nie.data import KnowledgeGraph, read, save, synthetic
from nie.data.dates import dates_of_edges
from nie.data.graph_change import GraphChange, NewNode
from nie.errors import NieError


@pytest.fixture(scope="module")
def kg() -> KnowledgeGraph:
    plain = synthetic(0)
    votes = np.where(np.arange(plain.num_nodes) % 2 == 0, 7.0, np.nan)
    dates = [None if node >= 200 else f"{1900 + node % 100}-07-01" for node in range(plain.num_nodes)]
    return replace(plain, signals={"votes": votes, "stars": -votes}, node_dates=dates)


def test_a_store_keeps_signals_and_days(kg: KnowledgeGraph, tmp_path: Path) -> None:
    dated = replace(kg, edge_dates=["1950-01-01"] + [None] * (kg.num_edges - 1))
    save(dated, tmp_path / "processed")
    again = read(tmp_path / "processed")
    assert list(again.signals) == ["votes", "stars"]
    np.testing.assert_array_equal(again.signals["votes"], kg.signals["votes"])
    np.testing.assert_array_equal(again.node_dates, dated.node_dates)
    np.testing.assert_array_equal(again.edge_dates, dated.edge_dates)
    assert again.data_digest == dated.data_digest


def test_a_store_without_them_has_the_digests_and_keys_that_it_had(tmp_path: Path) -> None:
    plain = synthetic(0)
    save(plain, tmp_path / "processed")
    document = json.loads((tmp_path / "processed" / "meta.json").read_text())
    assert "signals" not in document
    assert "dates" not in document
    assert read(tmp_path / "processed").node_dates is None


def test_signals_and_days_are_data_but_not_what_runs_without_them_are_bound_to(kg: KnowledgeGraph) -> None:
    plain = synthetic(0)
    assert kg.digest == plain.digest
    assert len({plain.data_digest, kg.data_digest, replace(kg, node_dates=None).data_digest}) == 3


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"signals": {"votes": [1.0]}}, "signal votes must be"),
        ({"signals": {"a/b": np.ones(300)}}, "signal name"),
        ({"signals": {"votes": np.full(300, np.inf)}}, "must be finite"),
        ({"node_dates": ["soon"] * 300}, "must be days such as"),
        ({"node_dates": [3] * 300}, "must be days such as"),
        ({"node_dates": ["2001-01-01"]}, "node_dates must be"),
        ({"edge_dates": ["2001-01-01"]}, "one for each edge"),
    ],
)
def test_what_does_not_fit_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(NieError, match=said):
        replace(synthetic(0), **fields)


def test_an_edge_comes_with_its_day_or_the_later_of_its_ends() -> None:
    kg = KnowledgeGraph(
        "tiny", [0, 0, 1, 1], [1, 2, 2, 2], [0, 0, 0, 0], [1.0, 2.0, 3.0], [True] * 3, ["a", "b", "c"], ["r"],
        [None] * 3, node_dates=["2001-01-01", "2002-01-01", None], edge_dates=[None, None, None, "1999-01-01"],
    )  # fmt: skip
    assert dates_of_edges(kg).astype(str).tolist() == ["2002-01-01", "2001-01-01", "2002-01-01", "1999-01-01"]


def test_what_was_known_on_a_day_knows_nothing_of_later_nodes(kg: KnowledgeGraph) -> None:
    then = kg.until("1950-06-30")
    later = np.flatnonzero(kg.node_dates > np.datetime64("1950-06-30"))
    assert len(later) == 100
    assert not np.isin(then.src, later).any()
    assert not np.isin(then.dst, later).any()
    assert not then.label_mask[later].any()
    assert np.isnan(then.signals["votes"][later]).all()
    assert all(then.text[node] is None for node in later)
    assert not then.channels["semantic"].features[later].any()
    others = np.setdiff1d(np.arange(kg.num_nodes), later)
    np.testing.assert_array_equal(then.labels[others], kg.labels[others])
    assert kg.until("2100-01-01").data_digest == kg.data_digest


def test_a_day_is_asked_of_a_graph_that_has_days(kg: KnowledgeGraph) -> None:
    with pytest.raises(NieError, match="has no dates"):
        synthetic(0).until("2001-01-01")
    for no_day in ("soon", "NaT", None):
        with pytest.raises(NieError, match="until a day such as"):
            kg.until(no_day)


def test_a_changed_graph_has_signals_and_days_of_the_nodes_that_stay(kg: KnowledgeGraph) -> None:
    change = GraphChange(kg, added=np.array([[300, 0, 5]]), nodes=[NewNode("x", None)])
    assert np.isnan(change.after.signals["votes"][300])
    assert np.isnat(change.after.node_dates[300])
    assert change.around(change.new).signals == {}
