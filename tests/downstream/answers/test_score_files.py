"""downstream.answers.score_files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from downstream.answers.node_scores import NodeScores
from downstream.answers.score_files import write_scores
from nie.errors import NieError

COLUMNS = [
    "node", "type", "score", "lower", "upper", "rank", "rank_in_type", "p_top100", "known", "held_out", "extrapolated"
]  # fmt: skip


def hostile() -> NodeScores:
    """Names that a spreadsheet computes, or that are no text; the last node is extrapolated, and nobody is known."""
    names = ["=1+1", "+2", "-3", "@sum", "\tx", 'plain, "quoted"\n', "Łódź \u202e", "2020"]
    count = len(names)
    extrapolated = np.arange(count) == count - 1
    return NodeScores(
        names, ["=Type"] * (count - 1) + ["Year"], np.arange(count, 0.0, -1), np.full(count, np.nan),
        np.ones(count, bool), extrapolated, np.zeros(count, bool),
    )  # fmt: skip


def test_csv_is_safe_in_a_spreadsheet(tmp_path: Path) -> None:
    write_scores(hostile(), tmp_path / "new" / "scores.csv")
    with (tmp_path / "new" / "scores.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    assert not any(cell.startswith(tuple("=+-@\t\r")) for row in rows for cell in row.values())
    assert [row["node"][0] for row in rows[:5]] == ["'"] * 5
    assert rows[0]["type"] == "'=Type"
    assert (rows[-1]["rank"], rows[-1]["rank_in_type"], rows[-1]["known"], rows[-1]["extrapolated"]) == (
        "",
        "1",
        "",
        "True",
    )


def test_json_is_a_list_of_records_without_nan(tmp_path: Path) -> None:
    write_scores(hostile(), tmp_path / "scores.json")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    records = json.loads((tmp_path / "scores.json").read_text("utf-8"), parse_constant=refuse)
    assert list(records[0]) == COLUMNS
    assert [record["node"] for record in records] == list(hostile().name)
    assert (records[-1]["rank"], records[0]["known"], records[0]["held_out"]) == (None, None, True)


def test_parquet_has_names_as_they_are_and_types_where_nothing_is_known(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_scores(hostile(), tmp_path / "scores.parquet")
    table = parquet.read_table(tmp_path / "scores.parquet")
    assert table.to_pydict() == hostile().columns()
    assert [str(field.type) for field in table.schema] == [
        "string", "string", "double", "double", "double", "int64", "int64", "double", "double", "bool", "bool"
    ]  # fmt: skip


def test_another_ending_is_one_sentence_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"must end in \.csv, \.parquet or \.json"):
        write_scores(hostile(), tmp_path / "new" / "scores.txt")
    assert not list(tmp_path.iterdir())
