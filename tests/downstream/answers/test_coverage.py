"""downstream.answers.coverage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from downstream.answers.calibration import Calibration
from downstream.answers.coverage import NOMINAL, TIERS, coverage_by_group, coverage_table, reliability
from downstream.answers.interval import Intervals


def known(nodes: int = 2000) -> Calibration:
    draw = np.random.default_rng(0)
    prediction = draw.gamma(4, 1, nodes) + 10
    part = np.where(np.arange(nodes) % 4 == 0, -1, np.arange(nodes) % 5)
    return Calibration(prediction, prediction + draw.normal(0, 1, nodes), part, draw.permutation(nodes), np.ones(nodes))


def test_groups_are_of_held_out_nodes_alone_and_hold_each_once() -> None:
    calibration = known()
    found = coverage_by_group(calibration, calibration.prediction - 1, calibration.prediction + 1)
    assert found["all"].nodes == 1500
    kinds = {"truly": TIERS, "predicted": TIERS, "with": range(5)}
    for word, groups in kinds.items():
        ours = [one for name, one in found.items() if name.startswith(word)]
        assert len(ours) == len(groups)
        assert sum(one.nodes for one in ours) == 1500
        assert sum(one.nodes * one.share for one in ours) == pytest.approx(1500 * found["all"].share)
    assert [found[f"truly in the {name}"].nodes for name in TIERS] == [15, 135, 600, 750]
    assert [one.width for one in found.values()] == pytest.approx([2.0] * len(found))


def test_shares_are_those_of_a_count_by_hand() -> None:
    calibration = known()
    lower, upper = calibration.interval(0.8)
    held_out = [node for node in range(2000) if calibration.part[node] >= 0]
    top = sorted(held_out, key=lambda node: -calibration.truth[node])[:15]
    inside = [node for node in top if lower[node] <= calibration.truth[node] <= upper[node]]
    assert coverage_by_group(calibration, lower, upper)["truly in the top 1 %"].share == len(inside) / 15


def test_exchangeable_nodes_lie_on_the_line_of_the_reliability_picture() -> None:
    shares = reliability(known(20_000))
    assert tuple(shares) == NOMINAL
    assert all(abs(share - nominal) < 0.015 for nominal, share in shares.items())


def test_the_picture_ends_where_nodes_become_too_few() -> None:
    few = replace(known(30), part=np.arange(30) % 5)  # 24 beside any part
    assert max(reliability(few)) == 0.9


def test_the_table_says_what_is_meant_to_be_and_how_wide_intervals_are() -> None:
    calibration = known()
    everyone = np.ones(2000, bool)
    table = coverage_table(Intervals(calibration, everyone, "none"), 0.75)
    logarithmic = coverage_table(Intervals(calibration, everyone, "log1p"), 0.75)
    assert table is not None
    assert logarithmic is not None
    assert "75 % of each group are meant to be inside" in table.note
    assert table.headers[-1] == "width"
    assert logarithmic.headers[-1] == "upper end by lower end"
    width = float(table.rows[0][-1])
    assert float(logarithmic.rows[0][-1]) == pytest.approx(np.exp(width), rel=0.02)
    assert [row[0] for row in table.rows[:2]] == ["all", "truly in the top 1 %"]
    assert table.rows[0][2].endswith("%")


def test_there_is_no_table_where_there_are_no_intervals() -> None:
    assert coverage_table(Intervals(known(20), np.ones(20, bool), "none"), 0.99) is None


def test_ties_leave_groups_out_and_one_edge_is_one() -> None:
    calibration = replace(known(), prediction=np.full(2000, 11.0), degree=np.ones(2000, int))
    found = coverage_by_group(calibration, np.zeros(2000), np.full(2000, 99.0))
    assert "with 1 edge" in found
    assert [name for name in found if name.startswith("predicted")] == ["predicted in the top 1 %"]
    assert all(one.share == 1 for one in found.values())
