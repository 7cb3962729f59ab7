"""downstream.studies.records: figures that outlive their runs."""

from __future__ import annotations

import csv
import functools
import math
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from stage_helpers import store_synthetic

from downstream.stages.runner import Runner
from downstream.studies.methods import raw_arms
from downstream.studies.pretrainings import with_pretrainings
from downstream.studies.records import Record, Records, left_to_run, with_records
from downstream.studies.run import run_study
from downstream.studies.seeds import on_seeds
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Study
from nie.errors import NieError

FLAGS = ["--features.structural", "structural", "--features.semantic", "semantic", "--folds.run"]
SIMPLE = Study(
    "simple", "Which is better?", lambda settings: raw_arms(settings, ("pagerank", "linear")),
    lambda arms: [("linear", "pagerank")], seeds=(0, 1),
)  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a graph, and the records and the table of a finished study."""
    root = tmp_path_factory.mktemp("measured")
    store_synthetic(root / "data")
    (root / "table.md").write_text(study(root, "0,1"))
    return root


@pytest.fixture
def elsewhere(measured: Path, tmp_path: Path) -> Path:
    """Another machine: the graph and the records without the runs."""
    for name in ("data", "data.csv"):
        source = measured / ("records.csv" if name == "data.csv" else name)
        target = tmp_path / source.name
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    return tmp_path


def study(root: Path, folds: str, *, report_only: bool = False, only: Sequence[str] = ()) -> str:
    return run_study(
        SIMPLE, Settings("synthetic", flags=[*FLAGS, folds]), folder=root / "out", command="nie study",
        runner=Runner(data_root=root / "data", run_root=root / "runs"),
        report_only=report_only, only=only, records=root / "records.csv",
    )  # fmt: skip


def record(**changes: object) -> Record:
    fields = {"row": "mlp", "run": "mlp-0123abcd", "fold": 0, "dataset_sha256": "d", "fold_sha256": "f"}
    return Record(**{**fields, "seconds": 9.5, "test_share": 0.33, "figures": {"rmse": 0.5}, **changes})  # type: ignore[arg-type]


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("report_only", [True, False])
def test_a_table_is_made_of_records_alone(measured: Path, elsewhere: Path, report_only: bool) -> None:
    before = (measured / "table.md").read_text()
    after = study(elsewhere, "0,1", report_only=report_only)
    assert not (elsewhere / "runs").exists()
    assert after.split("## Cost")[0] == before.split("## Cost")[0]
    assert "linear" in after.split("## Cost")[1]
    assert (elsewhere / "records.csv").read_bytes() == (measured / "records.csv").read_bytes()


@pytest.mark.usefixtures("unpainted")
def test_only_folds_without_a_record_are_run_and_are_added(elsewhere: Path) -> None:
    text = study(elsewhere, "0,1,2")
    folds = {path.name for path in elsewhere.glob("runs/*/*/linear-*/fold*")}
    assert folds == {"fold2"}
    assert "4 runs, 12 folds in all; nothing is left out" in text
    with (elsewhere / "records.csv").open() as file:
        made = list(csv.DictReader(file))
    assert len(made) == 12
    assert {one["row"] for one in made} == {"linear", "linear, seed 1", "pagerank", "pagerank, seed 1"}


@pytest.mark.usefixtures("unpainted")
def test_a_row_is_asked_for_with_one_of_its_seeds(elsewhere: Path) -> None:
    study(elsewhere, "0,1,2", only=["linear, seed 0"])
    with (elsewhere / "records.csv").open() as file:
        assert [one["row"] for one in csv.DictReader(file) if one["fold"] == "2"] == ["linear"]


@pytest.mark.usefixtures("unpainted")
def test_figures_show_the_records_that_there_are_now(elsewhere: Path) -> None:
    def drawn() -> str:
        study(elsewhere, "0,1", report_only=True)
        return (elsewhere / "out" / "figures.json").read_text()

    before = drawn()
    assert drawn() == before
    file = elsewhere / "records.csv"
    Records(replace(one, figures=dict.fromkeys(one.figures, 0.5)) for one in Records.read(file)).write(file)
    assert drawn() != before


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("report_only", [True, False])
def test_pairs_are_tested_on_the_metrics_of_the_table(
    measured: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, report_only: bool
) -> None:  # fmt: skip
    monkeypatch.setitem(globals(), "SIMPLE", replace(SIMPLE, tested=("spearman", "ndcg@100")))
    table = study(elsewhere if report_only else measured, "0,1", report_only=report_only)
    assert table.count("NDCG@20") == 2
    assert "undefined" not in table


def test_records_of_another_graph_are_refused(elsewhere: Path) -> None:
    records = Records.read(elsewhere / "records.csv")
    Records(Record(**{**vars(one), "dataset_sha256": "0" * 64}) for one in records).write(elsewhere / "records.csv")
    with pytest.raises(NieError, match="records of pagerank are of another version of synthetic"):
        study(elsewhere, "0,1")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("a,b\n1,2\n", "its columns are a, b"),
        ("row,run,fold,dataset_sha256,fold_sha256,seconds,test_share,rmse\na,b,0\n", "3 fields"),
        ("row,run,fold,dataset_sha256,fold_sha256,seconds,test_share,rmse\na,b,zero,d,f,1,1,1\n", "'zero'"),
        ("row,run,fold,dataset_sha256,fold_sha256,seconds,test_share,rmse\na,b,0,d,f,1,1,1,2\n", "9 fields"),
        ("row,run,fold,dataset_sha256,fold_sha256,seconds,test_share,rmse\na,b,0,d,f,1,1,high\n", "'high'"),
        ("\udcff", "decode"),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_sentence(tmp_path: Path, content: str, what: str) -> None:
    path = tmp_path / "records.csv"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(NieError, match=what) as caught:
        Records.read(path)
    assert "nie study --records" in str(caught.value)


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_has_no_records(tmp_path: Path, content: str) -> None:
    path = tmp_path / "records.csv"
    path.write_text(content)
    assert list(Records.read(path)) == []


def test_a_blank_line_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "records.csv"
    Records([record(), record(fold=1)]).write(path)
    path.write_text(path.read_text().replace("\n", "\n\n"))
    assert [one.fold for one in Records.read(path)] == [0, 1]


@pytest.mark.usefixtures("unpainted")
def test_seconds_that_are_not_known_are_left_out(elsewhere: Path) -> None:
    file = elsewhere / "records.csv"
    Records(
        replace(one, seconds=math.nan if one.row == "pagerank" or one.fold else 7.0) for one in Records.read(file)
    ).write(file)
    assert "nan" not in file.read_text()
    cost = study(elsewhere, "0,1", report_only=True).split("## Cost")[1]
    assert re.search(r"\| linear +\| 7\.0 ", cost)
    assert re.search(r"\| pagerank +\| — ", cost)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    made = [record(), record(fold=1, figures={"rmse": None, "spearman": 0.25}), record(row="=1", run="x-0123abcd")]
    Records(made).write(tmp_path / "records.csv")
    read = {(one.row, one.fold): one.figures for one in Records.read(tmp_path / "records.csv")}
    assert read["mlp", 0] == {"rmse": 0.5, "spearman": None}
    assert read["mlp", 1] == {"rmse": None, "spearman": 0.25}
    assert ("=1", 0) in read


def test_pretraining_that_two_arms_read_has_the_folds_of_both() -> None:
    settings = Settings("synthetic", flags=[*FLAGS, "0,1,2"])
    arms = with_pretrainings(settings, raw_arms(settings, ("mlp", "gcn")), ("untrained",))
    recorded = {
        "mlp": {0: record(), 1: record(), 2: record()},
        "mlp+untrained": {0: record()},
        "gcn+untrained": {2: record()},
    }
    left = {arm.name: arm for arm in left_to_run(arms, recorded)}
    assert list(left) == ["mlp+untrained", "gcn", "gcn+untrained"]
    assert [left[name].config.fold_numbers for name in left] == [(1, 2), (0, 1, 2), (0, 1)]
    for name in ("mlp+untrained", "gcn+untrained"):
        licap = left[name].licap
        assert licap is not None
        assert licap.fold_numbers == (0, 1, 2)


def test_what_a_blend_and_a_student_read_is_run_though_it_is_recorded() -> None:
    settings = Settings("synthetic", flags=[*FLAGS, "0,1,2"])
    arms = on_seeds(_blend_and_student(settings), (0, 1))
    every = {fold: record(fold=fold) for fold in range(3)}
    recorded = {arm.name: every for arm in arms} | {"blend": {0: record()}, "mlp, seed 1": {0: record(), 1: record()}}
    left = {arm.name: arm.config.fold_numbers for arm in left_to_run(arms, recorded)}
    read = ("linear", "ridge", "pagerank", "blend")
    of_second_seed = (*(f"{name}, seed 1" for name in read), "mlp, seed 1")
    assert left == {**dict.fromkeys(read, (1, 2)), **dict.fromkeys(of_second_seed, (2,))}


@pytest.mark.usefixtures("unpainted")
def test_a_blend_without_a_part_is_not_recorded(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    blends = Study("blends", "Which is better?", lambda settings: _blend_and_student(settings)[:-1])

    def rows(folds: str, *only: str) -> str:
        return run_study(
            blends, Settings("synthetic", flags=[*FLAGS, folds]), folder=tmp_path / "out", command="nie study",
            runner=Runner(data_root=tmp_path / "data", run_root=tmp_path / "runs"),
            only=only, records=tmp_path / "records.csv",
        )  # fmt: skip

    rows("1", "pagerank")
    rows("0", "linear", "ridge")
    assert "The row blend is made without pagerank-" in rows("0", "blend")
    assert {one.row for one in Records.read(tmp_path / "records.csv")} == {"pagerank", "linear", "ridge"}


def _blend_and_student(settings: Settings) -> list[Arm]:
    """Three methods, the blend of them, and a student of the blend."""
    parts = tuple(raw_arms(settings, ("linear", "ridge", "pagerank")))
    names = tuple(arm.name for arm in parts)
    blend = Arm("blend", settings.method("blend", parts=names, skip_unfinished=True), parts=parts)
    return [*parts, blend, Arm("mlp", settings.method("mlp", teachers=("blend",)), parts=(blend,))]


def test_records_on_other_nodes_are_refused() -> None:
    arms = raw_arms(Settings("synthetic", flags=[*FLAGS, "0"]), ("mlp", "gcn"))
    with_records_of = functools.partial(with_records, None, arms=arms)
    assert with_records_of({"gcn": {0: record()}}).rows == {"gcn": {0: {"rmse": 0.5}}}
    with pytest.raises(NieError, match="Fold 0 of the records of gcn has other nodes"):
        with_records_of({"mlp": {0: record()}, "gcn": {0: record(fold_sha256="other")}})
