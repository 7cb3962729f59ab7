"""downstream.studies.trial_storage."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from downstream.studies.trial_storage import alone, default_storage, open_storage, storage_errors
from nie.errors import NieError

optuna = pytest.importorskip("optuna")


def opened(url: str) -> None:
    with storage_errors(url), alone(url):
        open_storage(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nothing://ann:secret@host/trials", r"must be a URL such as .*; got 'nothing://ann:\*\*\*@host/trials'"),
        ("mysql://ann:secret@host/trials", r"'mysql://ann:\*\*\*@host/trials' needs the driver MySQLdb"),
        ("no url, but a sentence", "must be a URL"),
        ("", "must be a URL"),
        ("sqlite:///{unknown}.db", "must be a URL"),
        ("sqlite:///{SCHEMA_VERSION.of}.db", "must be a URL"),
        ("sqlite:///FOLDER/missing/trials.db", "folder of the storage .* does not exist; make it"),
        pytest.param(
            "sqlite:////proc/trials.db",
            "cannot be made in its folder; give another storage",
            marks=pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc"),
        ),
        ("sqlite:///FOLDER/text.db", "cannot be used .file is not a database.; correct that"),
        ("sqlite:///FOLDER", "cannot be used .unable to open database file."),
    ],
)
def test_what_is_no_storage_is_one_sentence_without_the_password(tmp_path: Path, url: str, said: str) -> None:
    (tmp_path / "text.db").write_text("This is a text. " * 100)
    with pytest.raises(NieError, match=said) as raised:
        opened(url.replace("FOLDER", str(tmp_path)))
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("name", ["plain", "a{b}c", "what?now#50%41"])
def test_the_default_is_in_its_folder_whatever_its_name(tmp_path: Path, name: str) -> None:
    opened(default_storage(tmp_path / name))
    assert (tmp_path / name / "trials.db").stat().st_size > 0


def test_two_first_starts_wait_for_each_other(tmp_path: Path) -> None:
    """Without the lock, both make the tables, and one of them fails."""
    url, inside, most = default_storage(tmp_path), 0, 0
    failed: list[Exception] = []

    def start() -> None:
        nonlocal inside, most
        try:
            with alone(url):
                inside += 1
                most = max(most, inside)
                open_storage(url)
                inside -= 1
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, failed) == (1, [])


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_a_trial_of_a_dead_process_is_failed(tmp_path: Path) -> None:
    url = default_storage(tmp_path)
    storage = open_storage(url)
    study = optuna.create_study(storage=storage, study_name="one")
    trial = study.ask()
    storage.record_heartbeat(trial._trial_id)
    storage.grace_period = -1  # the time of silence is over
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert [one.state.name for one in study.trials] == ["FAIL", "COMPLETE"]
