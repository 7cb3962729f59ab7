"""nie.commands.clean, downstream.reports.kept and cleaning, nie.disk.removal."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock
from stage_helpers import SMALL, run_quietly, store_synthetic

from downstream.reports.results import found_runs
from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner
from nie.data import features
from nie.data.store import save
from nie.disk.removal import measure, remove_whole
from nie.errors import NieError
from nie.runs.run import Run

LINEAR = {**{name: SMALL[name] for name in ("dataset", "features")}, "folds": {"run": [0]}, "method": "linear"}


def data(root: Path) -> Path:
    return root / "data"


def linear(root: Path, runs: str = "runs") -> Run:
    runner = Runner(data_root=data(root), run_root=root / runs)
    (run,) = runner.run([IMPORTANCE.recipes.resolve(overrides=LINEAR)])
    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features; a run of an older graph and one of the present; a half-done fold; a search's run, trials, a study."""
    root = tmp_path_factory.mktemp("kept")
    kg = store_synthetic(data(root))
    old = linear(root)
    save(replace(kg, text=["another text", *kg.text[1:]]), data(root) / "synthetic" / "processed")
    new = linear(root)
    assert old.path != new.path
    (old.path / "OLD").touch()
    features(kg, "degrees", root=data(root))
    (new.path / "fold3.partial").mkdir()
    (new.path / "fold3.partial" / "checkpoint.pt").write_bytes(b"half")
    linear(root, "runs/search")
    (root / "runs" / "search" / "trials.db").write_bytes(b"trials")
    study = root / "runs" / "studies" / "synthetic" / "main"
    study.mkdir(parents=True)
    (study / "table.md").write_text("# table")
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "root"))


def clean(root: Path, *words: object) -> tuple[int, str, str]:
    return run_quietly(["clean", *map(str, words)], data(root), root / "runs")


def runs_in(root: Path) -> Path:
    return root / "runs" / "downstream" / "synthetic"


def old_run(root: Path) -> Path:
    return next(runs_in(root).glob("*/OLD")).parent


def new_run(root: Path) -> Path:
    return next(runs_in(root).glob("*/fold3.partial")).parent


def everything(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if not path.name.endswith(".lock"))


def test_what_takes_the_disk_is_shown_and_nothing_is_touched(root: Path) -> None:
    before = everything(root)
    code, shown, _ = clean(root)
    assert code == 0
    lines = {line.split("|")[2].strip(): line for line in shown.splitlines() if line.startswith("| synthetic")}
    assert "| 2, " in lines["downstream"]
    assert lines["downstream"].count("| 1, ") == 2  # of older graphs, and half-done
    assert "search downstream" in lines
    for kept in ("trials.db", str(Path("studies") / "synthetic" / "main")):
        assert kept in shown
    assert "--older" in shown
    assert everything(root) == before


def test_runs_of_older_graphs_go_and_the_others_stay(root: Path) -> None:
    old, new = old_run(root), new_run(root)
    taken = measure(old).size
    code, said, _ = clean(root, "synthetic", "--older", "--dry-run")
    assert (code, old.is_dir()) == (0, True)
    assert "1 would be removed" in said
    code, said, _ = clean(root, "synthetic", "--older")
    assert code == 0
    assert (old.exists(), new.is_dir()) == (False, True)
    assert said.splitlines()[-1].startswith("1 removed; ")
    assert taken > 0
    assert clean(root, "synthetic", "--older")[1].startswith("0 removed; 0 B freed")


def test_each_thing_goes_by_its_path_and_takes_nothing_else_along(root: Path) -> None:
    new = new_run(root)
    paths = [
        new / "fold3.partial", old_run(root), root / "runs" / "search" / "trials.db",
        root / "runs" / "studies" / "synthetic" / "main", data(root) / "synthetic" / "features",
    ]  # fmt: skip
    for path in paths:
        before = set(everything(root))
        code, _, error = clean(root, path)
        assert code == 0, error
        gone = before - set(everything(root))
        assert path in gone
        emptied = {parent for parent in path.parents if not parent.exists()}
        assert all(path in each.parents or each in emptied for each in gone - {path})
    assert (new / "fold0" / "DONE").exists()
    assert (data(root) / "synthetic" / "processed" / "meta.json").exists()


def test_features_of_a_dataset_go_and_are_computed_again(root: Path) -> None:
    assert clean(root, "synthetic", "--features")[0] == 0
    assert not (data(root) / "synthetic" / "features").exists()


def test_a_folder_of_many_runs_goes_whole(root: Path) -> None:
    assert clean(root, runs_in(root))[0] == 0
    assert not runs_in(root).exists()
    assert (root / "runs" / "search" / "downstream" / "synthetic").is_dir()


@pytest.mark.parametrize(
    "what", ["", "data", "runs", "outside", "data/synthetic/processed/meta.json", "runs/downstream/other", "../x"]
)
def test_what_is_not_nie_s_is_refused(what: str, root: Path) -> None:
    (root / "outside").mkdir()
    (root / "runs" / "downstream" / "other").mkdir()
    (root / "runs" / "downstream" / "other" / "mine.txt").touch()
    before = everything(root)
    code, _, error = clean(root, root / what)
    assert (code, error.count("\n")) == (2, 1)
    assert everything(root) == before


def test_no_link_is_followed(root: Path, tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", old_run(root)
    shutil.copytree(inside, outside / "linked-00000000")
    (runs_in(root) / "linked-00000000").symlink_to(outside / "linked-00000000")
    (root / "runs" / "links").symlink_to(outside)
    (inside / "elsewhere").symlink_to(outside)
    assert clean(root, runs_in(root) / "linked-00000000")[0] == 2
    assert clean(root, root / "runs" / "links" / "linked-00000000")[0] == 2
    assert clean(root, inside)[0] == 0
    assert len(os.listdir(outside / "linked-00000000")) > 1
    assert not inside.exists()


def test_what_a_process_works_on_is_refused_and_nothing_goes(root: Path) -> None:
    old, new = old_run(root), new_run(root)
    with FileLock(new / ".fold0.lock"):
        for what in ([old, new], [data(root) / "synthetic" / "features"], [new / "fold3.partial"]):
            code, _, error = clean(root, *what)
            assert code == 2
            assert "in use by another process" in error
    assert old.is_dir()
    assert clean(root, old, new)[0] == 0


def test_a_name_without_more_says_what_can_be_named(root: Path) -> None:
    for words, said in {
        ("synthetic",): "Give --older",
        ("--older",): "name it, such as",
        ("synthetik", "--older"): "did you mean 'synthetic'",
    }.items():
        code, _, error = clean(root, *words)
        assert code == 2
        assert said in error


def test_a_run_of_which_nobody_can_say_is_not_called_older(root: Path) -> None:
    shutil.rmtree(data(root) / "synthetic" / "processed")
    assert "graph not on disk" in clean(root)[1]
    code, _, error = clean(root, "synthetic", "--older")
    assert code == 2
    assert "not on the disk" in error


def test_an_interrupted_removal_leaves_nothing_that_looks_like_a_run(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = old_run(root), new_run(root)

    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("nie.disk.removal.shutil.rmtree", interrupted)
        remove_whole(old)
    assert not old.exists()
    found = found_runs("synthetic", root / "runs", data(root))
    assert [run.path for run in found.present] == [new]
    assert found.older == []
    (left,) = runs_in(root).glob(".*")
    assert str(left) in clean(root)[1]
    assert clean(root, left)[0] == 0
    assert sorted(path.name for path in runs_in(root).iterdir()) == [new.name]


def test_nothing_kept_is_said(tmp_path: Path) -> None:
    assert clean(tmp_path)[1] == "nie keeps nothing here.\n"


def test_what_the_system_refuses_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"gone cannot be removed \(No such file or directory\)"):
        remove_whole(tmp_path / "gone")
