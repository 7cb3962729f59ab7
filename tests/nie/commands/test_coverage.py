"""``--coverage`` of ``nie predict`` and ``nie run``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from stage_helpers import SMALL_FLAGS, run_quietly, small, store_synthetic

from downstream.answers.node_scores import score_nodes
from downstream.stages.estimation import estimate
from nie.runs.run import Run


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coverage")
    store_synthetic(folder / "data")
    return folder


@pytest.fixture(scope="module")
def run(root: Path) -> Run:
    return estimate(small("ridge"), data_root=root / "data", run_root=root / "runs")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_predict_writes_intervals_of_the_coverage_asked_for(run: Run, root: Path) -> None:
    for flags, coverage in ((["--coverage", "0.5"], 0.5), ([], 0.9)):
        command = ["predict", str(run.path), "--out", str(root / "scores.csv"), *flags]
        assert run_quietly(command, root / "data", root / "runs")[0] == 0
        expected = score_nodes(run, data_root=root / "data", coverage=coverage).columns()
        written = read(root / "scores.csv")
        for name in ("lower", "upper", "p_top100"):
            assert [float(row[name]) for row in written] == expected[name]


def test_a_job_writes_them_too_and_says_how_to_write_them_again(root: Path) -> None:
    pytest.importorskip("matplotlib")
    job = ["run", "synthetic", "--preset", "quick", "--methods", "ridge", *SMALL_FLAGS, "--coverage", "0.8"]
    files = ["--out", str(root / "job.json"), "--report", str(root / "job.html")]
    code, said, _ = run_quietly([*job, *files], root / "data", root / "runs")
    assert code == 0
    assert "--out scores.json --coverage 0.8" in said
    for row in json.loads((root / "job.json").read_text("utf-8")):
        assert 0 <= row["lower"] <= row["score"] <= row["upper"]
    assert "80 % interval" in (root / "job.html").read_text("utf-8")


def test_too_few_nodes_leave_cells_empty(run: Run, root: Path) -> None:
    command = ["predict", str(run.path), "--out", str(root / "few.csv"), "--coverage", "0.995"]
    assert run_quietly(command, root / "data", root / "runs")[0] == 0
    assert {(row["lower"], row["upper"]) for row in read(root / "few.csv")} == {("", "")}


@pytest.mark.parametrize("wrong", ["0", "1", "90", "-0.5", "nan", "much", ""])
def test_what_is_no_coverage_is_refused(wrong: str, run: Run, root: Path) -> None:
    command = ["predict", str(run.path), "--out", str(root / "none.csv"), f"--coverage={wrong}"]
    with pytest.raises(SystemExit) as ended:
        run_quietly(command, root / "data", root / "runs")
    assert ended.value.code == 2
    assert not (root / "none.csv").exists()
