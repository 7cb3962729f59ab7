"""`nie check`: damaged files are found, each with what to do, and nothing else is complained of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from stage_helpers import SMALL_FLAGS, run_quietly, store_synthetic

from nie.data import features, read, save
from nie.data.store import SEAL
from nie.disk.seal import behind_digest

COMMAND = ["downstream", "--recipe", "fast", "--dataset", "synthetic", *SMALL_FLAGS[:6], "--method", "linear"]
IN_A_FOLD = ("predictions.npy", "metrics.json", "timing.json", "split.npz")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder with ``data`` and ``runs``, and the run of two folds relative to it."""
    root = tmp_path_factory.mktemp("checked")
    features(store_synthetic(root / "data"), "degrees", root=root / "data")
    code, out, error = run_quietly(COMMAND, root / "data", root / "runs")
    assert code == 0, error
    return root, Path(out.splitlines()[-1]).relative_to(root)


@pytest.fixture
def copy(made: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    root, run = made
    shutil.copytree(root, tmp_path / "all")
    return tmp_path / "all", tmp_path / "all" / run


def check(root: Path, *what: str | Path) -> tuple[int, list[str]]:
    code, out, error = run_quietly(["check", *map(str, what)], root / "data", root / "runs")
    assert not error
    return code, out.splitlines()


def test_what_is_whole_is_counted(made: tuple[Path, Path]) -> None:
    root, run = made
    of_run = 4 + 2 * (1 + len(IN_A_FOLD))  # those it begins with and their seal, the summary, DONE of each fold
    for what in (root / run, root / "runs"):
        assert check(root, what) == (
            0, [f"Runs: 1, datasets: 0; files that are whole: {of_run}, damaged or missing: 0."]
        )  # fmt: skip
    of_data = len(json.loads((root / "data/synthetic/processed" / SEAL).read_text())) + 3
    for name in ("synthetic", root / "data", root / "data/synthetic/processed"):
        assert check(root, name) == (
            0, [f"Runs: 0, datasets: 1; files that are whole: {of_data}, damaged or missing: 0."]
        )  # fmt: skip
    code, lines = check(root, root / run, "synthetic", root / "runs", root)
    assert code == 0
    assert lines == [f"Runs: 1, datasets: 1; files that are whole: {of_run + of_data}, damaged or missing: 0."]


@pytest.mark.parametrize("name", [*(f"fold1/{name}" for name in (*IN_A_FOLD, "DONE")), "config.yaml",
                                  "provenance.json", "seal.json", "summary.json"])  # fmt: skip
@pytest.mark.parametrize("gone", [True, False])
def test_a_damaged_file_of_a_run_is_one_line_with_advice(name: str, gone: bool, copy: tuple[Path, Path]) -> None:
    root, run = copy
    whole = (run / name).read_bytes()
    (run / name).write_bytes(whole[:-2] + b"?" + whole[-1:])
    if gone:
        (run / name).unlink()
    code, lines = check(root, run)
    if (name, gone) == ("seal.json", True):  # as in a run from before there were any
        assert (code, len(lines)) == (0, 2)
        assert "from before runs had a seal" in lines[0]
        return
    assert (code, len(lines)) == (2, 2)
    assert str(run / name) in lines[0]
    assert "run again the command that made it." in lines[0]
    assert (f"remove the folder {run / 'fold1'} and" in lines[0]) == name.startswith("fold1")
    assert lines[1].endswith("damaged or missing: 1.")


def test_what_is_no_fold_or_not_finished_is_named(copy: tuple[Path, Path]) -> None:
    root, run = copy
    shutil.copytree(run / "fold0", run / "fold0.bak")
    for fold, content in {2: behind_digest(b"state"), 3: behind_digest(b"state") + b"?"}.items():
        (run / f"fold{fold}.partial").mkdir()
        (run / f"fold{fold}.partial" / "checkpoint.pt").write_bytes(content)
    (run / "fold4.partial").mkdir()
    code, lines = check(root, run)
    assert code == 2
    assert lines[:-1] == [
        f"{run}/fold3.partial/checkpoint.pt is damaged; delete it to start the fold again.",
        *(
            f"{run}/fold{fold}.partial is not finished, and when the command that made it runs again, {left}."
            for fold, left in ((2, "its checkpoint is continued"), (3, "its checkpoint is continued"),
                               (4, "it has no checkpoint, so it starts again"))
        ),
        f"{run}/fold0.bak is no fold (those are fold0, fold1, ...), so nothing reads it.",
    ]  # fmt: skip


def test_runs_behind_links_are_checked_once(copy: tuple[Path, Path], tmp_path: Path) -> None:
    root, run = copy
    for name in ("moved", "moved too", "runs/circle"):
        (root / name).symlink_to(root / "runs")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    (elsewhere / "linked").symlink_to(run)
    (run / "fold1" / "predictions.npy").unlink()
    for what in (root, elsewhere):
        code, lines = check(root, what)
        assert code == 2
        assert lines[-1].startswith("Runs: 1, ")


def test_what_cannot_be_looked_into_is_no_whole_folder(
    copy: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, run = copy

    def walk(_top: Path, onerror: Any, **_options: Any) -> Any:
        yield str(run), [], []
        onerror(PermissionError(13, "Permission denied", "closed"))

    monkeypatch.setattr("os.walk", walk)
    assert run_quietly(["check", str(root)], root / "data", root / "runs") == (
        2, "", "nie: [Errno 13] Permission denied: 'closed'\n"
    )  # fmt: skip


def test_a_fold_from_before_there_were_digests_cannot_be_checked(copy: tuple[Path, Path]) -> None:
    root, run = copy
    (run / "fold0" / "DONE").write_bytes(b"")
    code, lines = check(root, run)
    assert code == 0
    assert lines[:-1] == [
        f"{run}/fold0 was finished before folds had digests, so a change of its files is not seen."
    ]  # fmt: skip


def test_damage_of_a_dataset_is_found(copy: tuple[Path, Path]) -> None:
    root, _ = copy
    store, cached = root / "data/synthetic/processed", root / "data/synthetic/features"
    (store / "text.json").write_text("[]")
    (store / "labels.npy").unlink()
    mask = next(cached.glob("*.mask.npy"))
    mask.write_bytes(mask.read_bytes()[:-1] + b"\0")
    code, lines = check(root, "synthetic")
    assert code == 2
    assert [line.rpartition(": ")[2] for line in lines[:2]] == [
        "labels.npy is missing or changed.", "text.json is missing or changed."
    ]  # fmt: skip
    assert all("build the dataset again" in line for line in lines[:2])
    assert lines[2].startswith(str(cached))
    assert "computed again when it is next used" in lines[2]
    assert lines[3].endswith("damaged or missing: 3.")


def test_a_store_without_a_seal_is_read(copy: tuple[Path, Path]) -> None:
    root, _ = copy
    store = root / "data/synthetic/processed"
    save(read(store), store)
    document = json.loads((store / "meta.json").read_text())
    (store / "meta.json").write_text(json.dumps({**document, "version": 1}))
    (store / SEAL).unlink()
    code, lines = check(root, "synthetic")
    assert code == 0
    assert "built before stores had a seal" in lines[0]
    (store / "labels.npy").write_bytes((store / "labels.npy").read_bytes()[:-1])
    code, lines = check(root, "synthetic")
    assert code == 2
    assert "build the dataset again" in lines[0]


@pytest.mark.parametrize("name", ["nowhere", "", "runs/downstream/fold7"])
def test_what_is_nothing_is_one_sentence(name: str, made: tuple[Path, Path]) -> None:
    code, out, error = run_quietly(["check", name], made[0] / "data", made[0] / "runs")
    assert (code, out) == (2, "")
    assert error.startswith(f"nie: There is no run and no dataset at {name!r}; give the folder of a run")
