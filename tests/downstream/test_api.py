"""downstream.api, downstream.answers.estimate and downstream.answers.frame: what ``import nie`` offers."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nie
from downstream.api import Result
from nie.errors import NieError

SMALL: dict[str, Any] = {"optim": {"max_epochs": 4}, "features": {"structural": "structural", "semantic": "semantic"}}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("api")
    return {"data_root": root / "data", "run_root": root / "runs"}


@pytest.fixture(scope="module")
def result(places: dict[str, Any]) -> Result:
    rows = ["ridge", "gcn", "rgtn", "blend"]
    return nie.run(nie.synthetic(0), preset="quick", methods=rows, minutes=60, **places, **SMALL)


def records(table: Any) -> list[dict[str, Any]]:
    """The rows of a table of either kind; None where there is no value, which pandas may write as nan."""
    rows = table if isinstance(table, list) else table.to_dict("records")
    return [{key: None if value != value else value for key, value in row.items()} for row in rows]


def test_the_table_has_a_row_for_each_method_and_is_that_of_the_runs(result: Result) -> None:
    table = records(result.table())
    assert [row["method"] for row in table] == ["ridge", "rgtn", "gcn", "blend"]
    assert {row["folds"] for row in table} == {2}
    for row in table:
        figures = result[row["method"]].metrics()["spearman"]
        assert (row["spearman"], row["spearman_sd"]) == (figures["mean"], figures["sd"])


def test_scores_are_those_of_the_best_method(result: Result) -> None:
    scores = records(result.scores())
    assert len(scores) == nie.synthetic(0).num_nodes
    assert list(scores[0]) == [
        "node", "type", "score", "lower", "upper", "rank", "rank_in_type", "p_top100", "known", "held_out",
        "extrapolated",
    ]  # fmt: skip
    assert scores == records(result.best.predict())
    name = scores[3]["node"]
    assert records(result.best.predict([name])) == [scores[3]]
    with pytest.raises(NieError, match=r"There is no node 'nod' in the graph"):
        result.best.predict(["nod"])
    for wrong in (name, 7):
        with pytest.raises(NieError, match="nodes must be a list of names; got"):
            result.best.predict(wrong)  # type: ignore[arg-type]
    with pytest.raises(NieError, match=r"Each of nodes must be a name, a string or a whole number; got None"):
        result.best.predict([None])  # type: ignore[list-item]
    with pytest.raises(NieError, match="There is no node '7' in the graph"):
        result.best.predict([7])


def test_intervals_are_as_sure_as_asked(result: Result, caplog: pytest.LogCaptureFixture) -> None:
    usual, narrow = records(result.best.predict()), records(result.best.predict(interval=0.5))
    for one, other in zip(usual, narrow, strict=True):
        assert one["lower"] <= other["lower"] <= one["score"] <= other["upper"] <= one["upper"]
        assert {**one, "lower": 0, "upper": 0} == {**other, "lower": 0, "upper": 0}
    assert usual == records(result.best.predict(interval=0.9))
    assert {row["upper"] for row in records(result.best.predict(interval=0.999))} == {None}
    assert "There are no intervals, because a coverage of 0.999 takes 1,999 held-out nodes" in caplog.text
    for wrong in (0, 1, 90, True, "0.9", float("nan"), None):
        with pytest.raises(NieError, match="interval must be a number above 0 and below 1; got"):
            result.best.predict(interval=wrong)  # type: ignore[arg-type]


def test_the_same_call_is_answered_from_disk_and_a_changed_graph_is_not(result: Result, places: dict[str, Any]) -> None:
    before = {row: run.path for row, run in result.answer.runs.items()}
    stamps = {path: (path / "fold0" / "DONE").stat().st_mtime_ns for path in before.values()}
    again = nie.run(nie.synthetic(0), preset="quick", methods=list(before), minutes=60, **places, **SMALL)
    assert {row: run.path for row, run in again.answer.runs.items()} == before
    assert {path: (path / "fold0" / "DONE").stat().st_mtime_ns for path in before.values()} == stamps
    model = nie.load_run(before["gcn"], data_root=places["data_root"])
    assert records(model.predict()) == records(result["gcn"].predict())


def test_fit_trains_one_method_with_the_settings_given(places: dict[str, Any]) -> None:
    settings = {**SMALL, "model": {"hidden_size": 8}}
    model = nie.fit(nie.synthetic(0), "gcn", folds=1, **places, **settings)
    assert model.settings["model"]["hidden_size"] == 8
    assert model.run.finished_folds() == [0]
    assert np.isfinite([row["score"] for row in records(model.predict())]).all()
    assert repr(model).startswith("<Estimate gcn: ")


def test_without_pandas_a_table_is_a_list_of_dicts(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert isinstance(result.table(), list)
    assert isinstance(result.scores()[0], dict)


def test_objects_show_themselves_in_a_notebook(result: Result) -> None:
    for shown in (result, result.best, nie.synthetic(0)):
        assert len(repr(shown)) < 500
        html = shown._repr_html_()
        assert "<table>" in html
        assert html.count("<tr>") > 3


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"preset": "quik"}, r"There is no preset 'quik' \(did you mean 'quick'"),
        ({"methods": "rgtn"}, r"methods must be a list of names, such as \['rgtn'\]"),
        ({"folds": 0}, "folds must be"),
        ({"minutes": -1}, "minutes must be a finite number > 0; got -1"),
        ({"method": "rgtn"}, "The setting method is set for each row; leave it out, and name the rows as methods"),
        ({"optm": {}}, r"Unknown key 'optm' in .* \(did you mean 'optim'"),
        ({"methods": ["rgtm"]}, r"There is no method 'rgtm' \(did you mean 'rgtn'"),
    ],
)
def test_mistakes_are_one_sentence(asked: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(NieError, match=said):
        nie.run(nie.synthetic(0), **{"preset": "quick", **asked}, data_root=tmp_path, run_root=tmp_path / "runs")
    with pytest.raises(NieError, match="graph must be a KnowledgeGraph"):
        nie.run(3, data_root=tmp_path)  # type: ignore[arg-type]


def test_a_name_of_nie_is_not_given_to_another_graph(tmp_path: Path) -> None:
    from dataclasses import replace

    with pytest.raises(NieError, match="belongs to a dataset of nie"):
        nie.run(replace(nie.synthetic(0), name="geo"), data_root=tmp_path)


def test_a_row_that_is_not_there_is_named_with_the_reason(result: Result) -> None:
    with pytest.raises(NieError, match=r"There is no row 'gnc' \(did you mean 'gcn'"):
        result["gnc"]


def test_two_rows_are_compared_by_the_test_of_studies(result: Result) -> None:
    said = str(nie.compare(result, "ridge", "gcn"))
    assert "ridge" in said
    assert said == str(nie.compare(result["ridge"], result["gcn"].run.path))
    with pytest.raises(NieError, match="compare takes a result and the names of two of its rows, or two runs"):
        nie.compare(result, "ridge")


def test_settings_are_searched(places: dict[str, Any]) -> None:
    pytest.importorskip("optuna")
    space = {"optim.lr": (1e-3, 1e-1, "log")}
    found = nie.search("gcn", nie.synthetic(0), trials=2, epochs=2, folds=1, space=space, **places)
    assert found.trials == 2
    with pytest.raises(NieError, match="trials must be a whole number of at least 1; got 0"):
        nie.search("gcn", nie.synthetic(0), trials=0, **places)
    assert 1e-3 <= found.values["optim.lr"] <= 1e-1
