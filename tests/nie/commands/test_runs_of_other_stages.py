"""Every command that reads a run, on runs of every stage: another stage's run is named, with what does read it."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from link_helpers import ring
from stage_helpers import SMALL_FLAGS, store_synthetic

from downstream.answers.completion import complete
from downstream.answers.node_scores import score_nodes
from downstream.stages.table import STAGES
from nie.__main__ import main
from nie.errors import NieError
from nie.runs.run import Run, read_run

OF_LINKS = ["--model.size", "4", "--negatives.count", "9", "--optim.max_epochs", "2", "--optim.eval_every", "1"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stages")
    store_synthetic(root / "data")
    ring(root / "data")
    return root


@pytest.fixture(scope="module")
def roots(root: Path) -> list[str]:
    return ["--data-root", str(root / "data"), "--run-root", str(root / "runs"), "--quiet"]


@pytest.fixture(scope="module")
def runs(root: Path, roots: list[str]) -> dict[str, str]:
    """Folder of a finished run by the name of its stage."""
    synthetic = ["--recipe", "fast", "--dataset", "synthetic", *SMALL_FLAGS[:-2], "--folds.run", "0"]
    commands = {
        "pretrain": ["pretrain", *synthetic, "--loss.gamma", "0.2", "--optim.max_epochs", "2"],
        "downstream": ["downstream", *synthetic, "--method", "ridge"],
        "links": ["link", "--recipe", "rotate", "--dataset", "links", *OF_LINKS],
    }
    made = {}
    for stage, command in commands.items():
        with contextlib.redirect_stdout(io.StringIO()) as out:
            assert main([*command, *roots]) == 0
        made[stage] = out.getvalue().splitlines()[-1]
    return made


def command_of(reader: str, run: str, out: Path) -> list[str]:
    own = ["--recipe", "fast", "--dataset", "synthetic", *SMALL_FLAGS[:-2], "--folds.run", "0"]
    return {
        "predict": ["predict", run, "--out", str(out / "scores.csv")],
        "complete": ["complete", run, "--relation", "one", "--head", "e1"],
        "--pretrained": ["downstream", *own, "--method", "ridge", "--pretrained", run],
        "--parts": ["downstream", *own, "--method", "blend", "--parts", f"{run},{run}"],
        "pretrain --recipe": ["pretrain", "--recipe", f"{run}/config.yaml"],
        "downstream --recipe": ["downstream", "--recipe", f"{run}/config.yaml"],
        "link --recipe": ["link", "--recipe", f"{run}/config.yaml"],
    }[reader]


READS = {
    "predict": "downstream",
    "complete": "links",
    "--pretrained": "pretrain",
    "--parts": "downstream",
    "pretrain --recipe": "pretrain",
    "downstream --recipe": "downstream",
    "link --recipe": "links",
}
"""The stage whose runs each command reads."""


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("reader", READS)
def test_a_run_of_another_stage_is_named_with_what_reads_it(
    reader: str, stage: str, runs: dict[str, str], roots: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(Path(runs[stage]).rglob("*"))
    code = main([*command_of(reader, runs[stage], tmp_path), *roots])
    message = capsys.readouterr().err
    if stage == READS[reader]:
        assert code == 0 or "must be different runs" in message  # a blend wants two runs
        return
    assert code == 2
    assert message.count("\n") == 1
    assert f"a run of 'nie {STAGES[stage].command}'" in message
    assert STAGES[stage].read_by in message
    assert not any(word in message for word in ("remove", "damaged", "missing", "move it away"))
    assert sorted(Path(runs[stage]).rglob("*")) == before


@pytest.mark.parametrize("stage", ["pretrain", "links"])
def test_scores_of_nodes_are_of_runs_of_importance(stage: str, runs: dict[str, str], root: Path) -> None:
    with pytest.raises(NieError, match=f"a run of the stage {stage}"):
        score_nodes(read_run(runs[stage]), data_root=root / "data")


@pytest.mark.parametrize("stage", ["pretrain", "downstream"])
def test_completions_are_of_runs_of_link_prediction(stage: str, runs: dict[str, str], root: Path) -> None:
    with pytest.raises(NieError, match=f"a run of the stage {stage}"):
        complete(read_run(runs[stage]), relation="one", head="e1", data_root=root / "data")


def test_a_table_of_a_graph_with_other_runs_says_what_reads_these(
    runs: dict[str, str], roots: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["table", "links", *roots]) == 2
    message = capsys.readouterr().err
    assert "no finished run in" in message
    assert f"There are runs of 'nie link': {STAGES['links'].read_by}." in message


def test_a_run_that_may_not_be_read_is_not_called_damaged(
    runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    run: Run = read_run(runs["downstream"])
    monkeypatch.setattr("pathlib.Path.open", refused)
    for read in (lambda: run.split(0), lambda: run.predictions(0, 300)):
        with pytest.raises(PermissionError):
            read()


def test_a_recipe_by_name_is_found_in_the_folder_of_any_run(
    runs: dict[str, str], roots: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs["pretrain"])
    own = ["--dataset", "synthetic", *SMALL_FLAGS[:-2], "--folds.run", "0"]
    assert main(["downstream", "--recipe", "fast", *own, "--method", "ridge", *roots]) == 0


def test_what_a_stage_prints_ends_in_the_folder(
    runs: dict[str, str], roots: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = {}
    for stage, run in runs.items():
        assert main([STAGES[stage].command, "--recipe", f"{run}/config.yaml", *roots]) == 0
        shown[stage] = capsys.readouterr().out
        assert shown[stage].splitlines()[-1] == run
    assert shown["pretrain"].count("\n") == 1
    assert "| ridge" in shown["downstream"]
    assert "Test nodes of the folds named" in shown["downstream"]
    assert "Hits@10" in shown["links"]
    assert "repetitions" in shown["links"].splitlines()[0]
