"""nie.runs.run."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from downstream.stages.importance import IMPORTANCE
from nie.errors import NieError
from nie.runs.files import read_json, write_array, write_curves, write_json
from nie.runs.folds import is_taken, run_folds
from nie.runs.run import Run, mean_sd, open_run, read_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return open_run(IMPORTANCE.recipes.resolve(overrides={"dataset": "toy"}), root=tmp_path,
                    made_from={"dataset_sha256": "abc"})  # fmt: skip


def finish(run: Run, fold: int, **test: float) -> None:
    with run.fold(fold) as folder:
        write_json(folder / "metrics.json", {"test": test})


def test_the_same_settings_open_the_same_directory(run: Run, tmp_path: Path) -> None:
    config = IMPORTANCE.recipes.resolve(overrides={"dataset": "toy"}, flags=["--folds.run", "3"])
    assert open_run(config, root=tmp_path, made_from={"dataset_sha256": "abc"}).path == run.path
    assert run.path.parent == tmp_path / "downstream" / "toy"


def test_provenance_says_where_a_run_comes_from(run: Run) -> None:
    provenance = read_json(run.path / "provenance.json")
    assert provenance["dataset_sha256"] == "abc"
    assert provenance["packages"]["torch"].startswith("2.")
    assert {"git_commit", "argv", "seed", "created", "machine"} <= set(provenance)


def test_a_changed_dataset_is_refused(run: Run, tmp_path: Path) -> None:
    config = IMPORTANCE.recipes.resolve(overrides={"dataset": "toy"})
    with pytest.raises(NieError, match=r"another toy .*'nie clean toy --older' removes them.*another --run-root"):
        open_run(config, root=tmp_path, made_from={"dataset_sha256": "def"})


def test_a_fold_appears_when_it_is_done(run: Run) -> None:
    with run.fold(1) as folder:
        (folder / "checkpoint.pt").touch()
        assert run.finished_folds() == []
    assert run.finished_folds() == [1]
    assert sorted(path.name for path in run.fold_path(1).iterdir()) == ["DONE"]


def test_an_interrupted_fold_keeps_its_checkpoint(run: Run) -> None:
    with pytest.raises(KeyboardInterrupt), run.fold(0) as folder:
        (folder / "checkpoint.pt").touch()
        raise KeyboardInterrupt
    assert not run.is_done(0)
    with run.fold(0) as folder:
        assert (folder / "checkpoint.pt").exists()


def test_a_full_disk_is_one_sentence(run: Run) -> None:
    with pytest.raises(NieError, match="disk is full"), run.fold(0):
        raise OSError(28, "No space left on device")


def test_the_summary_covers_metrics_that_all_folds_have(run: Run) -> None:
    finish(run, 0, rmse=1.0, spearman=0.5, extra=1.0)
    finish(run, 1, rmse=3.0, spearman=float("nan"))
    summary = run.write_summary()
    assert summary["folds"] == [0, 1]
    assert summary["test"]["rmse"] == {"mean": 2.0, "sd": 1.0, "n": 2}
    assert summary["test"]["spearman"]["mean"] is None
    assert "extra" not in summary["test"]
    assert read_json(run.path / "summary.json") == summary


def test_mean_sd_of_nothing_is_undefined() -> None:
    assert mean_sd([]) == {"mean": None, "sd": None, "n": 0}


def test_json_never_holds_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": [float("nan"), 1.0], "y": float("inf")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [None, 1.0], "y": None}


@pytest.mark.parametrize(("content", "message"), [("{", "damaged"), ("[]", "no JSON object"), (None, "missing")])
def test_damaged_json_is_one_sentence(content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.json").write_text(content)
    with pytest.raises(NieError, match=message):
        read_json(tmp_path / "a.json")


def test_reading_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(NieError, match="not a run directory"):
        read_run(tmp_path)
    (tmp_path / "config.yaml").write_text("a: [")
    with pytest.raises(NieError, match="damaged"):
        read_run(tmp_path)


def test_curves_have_all_columns(tmp_path: Path) -> None:
    write_curves(tmp_path / "curves.csv", [{"epoch": 1.0}, {"epoch": 2.0, "rmse": 0.5}])
    assert (tmp_path / "curves.csv").read_text().splitlines() == ["epoch,rmse", "1.0,", "2.0,0.5"]


def test_arrays_are_plain(tmp_path: Path) -> None:
    write_array(tmp_path / "a.npy", np.arange(3))
    assert np.load(tmp_path / "a.npy", allow_pickle=False).tolist() == [0, 1, 2]


def test_changed_features_are_refused(run: Run, tmp_path: Path) -> None:
    config = IMPORTANCE.recipes.resolve(overrides={"dataset": "toy"})
    with pytest.raises(NieError, match="features_sha256 None, now 123"):
        open_run(config, root=tmp_path, made_from={"dataset_sha256": "abc", "features_sha256": "123"})


def test_finished_folds_are_kept_and_the_summary_follows(run: Run) -> None:
    done: list[int] = []

    def work(fold: int, folder: Path) -> None:
        write_json(folder / "metrics.json", {"test": {"rmse": float(fold)}})
        done.append(fold)

    run_folds(run, [0, 1], work)
    run_folds(run, [1, 2], work)
    assert done == [0, 1, 2]
    assert read_json(run.path / "summary.json")["test"]["rmse"]["mean"] == 1.0


@pytest.mark.parametrize("name", ["fold0.bak", "fold00", "foldx", "fold1.partial", "afold1", "fold-1", "fold1 "])
def test_what_is_no_fold_is_not_looked_at(run: Run, name: str) -> None:
    run_folds(run, [0], lambda _fold, folder: write_json(folder / "metrics.json", {"test": {"rmse": 2.0}}))
    shutil.copytree(run.fold_path(0), run.path / name)
    assert run.finished_folds() == [0]
    assert run.write_summary()["folds"] == [0]


def test_two_processes_do_not_work_on_one_run(run: Run) -> None:
    """The fold that another process has comes last, and is worked on here when that process ends without it."""
    done: list[int] = []
    other = FileLock(run.path / ".fold0.lock")
    other.acquire()

    def work(fold: int, folder: Path) -> None:
        write_json(folder / "metrics.json", {"test": {}})
        done.append(fold)
        other.release()

    assert is_taken(run.path, 0)
    run_folds(run, [0, 1], work)
    assert done == [1, 0]
    assert not is_taken(run.path, 0)


def test_a_fold_that_failed_before_writing_leaves_nothing(run: Run) -> None:
    with pytest.raises(NieError), run.fold(0):
        raise NieError
    assert not list(run.path.glob("fold*"))


def test_a_damaged_split_is_named(run: Run) -> None:
    with run.fold(0) as folder:
        (folder / "split.npz").write_bytes(b"PK")
    with pytest.raises(NieError, match=r"split.npz is missing or damaged"):
        run.split(0)


def test_weights_of_a_full_disk_are_one_sentence(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys, torch; from pathlib import Path\n"
        "from nie.errors import NieError; from nie.runs.files import write_array\n"
        "from nie.runs.weights import write_weights; import numpy as np\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "path, model, array = Path(sys.argv[1]) / 'file', torch.nn.Linear(100, 100), np.ones(9999)\n"
        "for write in (lambda: write_weights(path, model), lambda: write_array(path, array)):\n"
        "    try: write()\n"
        "    except NieError as error: print(error)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert answer.stdout.count("The disk is full") == 2, answer.stderr
    assert list(tmp_path.iterdir()) == []


def finished(run: Run) -> Path:
    with run.fold(0) as folder:
        write_json(folder / "metrics.json", {"val": {"rmse": 0.5}, "test": {"rmse": 1.0}})
        write_json(folder / "timing.json", {"seconds_this_sitting": 1.0})
        write_array(folder / "predictions.npy", np.arange(4.0))
        write_array(folder / "scores.npy", np.arange(4.0)[::-1])
        np.savez(folder / "split.npz", train=[0, 1], val=[2], test=[3])
    return run.fold_path(0)


READERS = {
    "metrics.json": lambda run: run.metrics(0),
    "timing.json": lambda run: run.timing(0),
    "predictions.npy": lambda run: run.predictions(0, 4),
    "scores.npy": lambda run: run.ranking_scores(0, 4),
    "split.npz": lambda run: run.split(0),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("damage", ["changed byte", "gone", "folder", "changed seal"])
def test_no_damaged_file_of_a_fold_is_read(run: Run, name: str, damage: str) -> None:
    path = finished(run) / name
    READERS[name](run)
    content = path.read_bytes()
    if damage == "changed byte":
        path.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    elif damage == "changed seal":
        done = path.with_name("DONE")
        done.write_text(done.read_text().replace(name, name.replace("s", "z", 1)))
    else:
        path.unlink()
    if damage == "folder":
        path.mkdir()
    with pytest.raises(NieError, match=r"is missing or damaged; remove the folder \S+fold0 and run again"):
        READERS[name](run)


def test_a_damaged_seal_stops_readers_and_not_the_command_that_mends_it(run: Run) -> None:
    finished(run)
    seal = run.path / "seal.json"
    seal.write_bytes(seal.read_bytes()[:-3])
    with pytest.raises(NieError, match=r"seal\.json is damaged; run again the command that made it"):
        read_run(run.path)
    assert run.changed_source({}) is None


def test_a_fold_from_before_folds_had_digests_is_read_as_before(run: Run) -> None:
    (finished(run) / "DONE").write_bytes(b"")
    for read in READERS.values():
        read(run)
    (run.fold_path(0) / "metrics.json").write_text('{"val": ["rmse"]}')
    with pytest.raises(NieError, match=r"metrics\.json is missing or damaged"):
        run.figures(0, "val")


def test_a_stop_between_the_last_file_and_the_rename_costs_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    def killed(*_paths: Path) -> None:
        raise KeyboardInterrupt

    def work(_fold: int, folder: Path) -> None:
        (folder / "checkpoint.pt").touch()
        write_json(folder / "metrics.json", {"test": {}})

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("nie.runs.fold_folder.publish_folder", killed)
        run_folds(run, [1], work)
    assert (run.partial_path(1) / "DONE").exists()
    run_folds(run, [1], lambda _fold, _folder: pytest.fail("it was worked on again"))
    assert run.finished_folds() == [1]
    assert sorted(path.name for path in run.path.glob("fold1*/*")) == ["DONE", "metrics.json"]


def test_a_half_done_fold_that_says_it_is_done_is_continued(run: Run) -> None:
    run.partial_path(1).mkdir()
    (run.partial_path(1) / "DONE").touch()
    done: list[int] = []

    def work(fold: int, folder: Path) -> None:
        assert not (folder / "DONE").exists()
        write_json(folder / "metrics.json", {"test": {}})
        done.append(fold)

    run_folds(run, [1], work)
    assert done == run.finished_folds() == [1]


@pytest.mark.parametrize("name", ["config.yaml", "provenance.json"])
def test_changed_settings_of_a_run_are_not_read(run: Run, name: str) -> None:
    path = run.path / name
    path.write_text(path.read_text().replace("toy", "tox"))
    with pytest.raises(NieError, match=f"{name} is missing or damaged"):
        read_run(run.path, "downstream")


@pytest.mark.parametrize("name", ["provenance.json", "summary.json"])
def test_a_folder_in_the_place_of_a_file_is_one_sentence(run: Run, name: str) -> None:
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).mkdir()
    with pytest.raises(NieError, match=f"{name} is damaged"):
        read_json(run.path / name)
    if name == "provenance.json":
        with pytest.raises(NieError, match="missing or damaged; restore it"):
            run.check_stage("downstream")
