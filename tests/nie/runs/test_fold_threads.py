"""nie.runs.fold_threads: a fold keeps the number of threads that it was begun with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from nie.errors import NieError
from nie.runs.fold_folder import DONE, THREADS, worked_on
from nie.runs.fold_threads import fold_threads


@pytest.fixture(autouse=True)
def three_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nie.runs.fold_threads.free_threads", lambda: 3)


def used_in(folder: Path) -> int:
    with fold_threads(folder):
        return torch.get_num_threads()


def test_a_fold_that_is_continued_uses_what_it_was_begun_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()

    def stopped() -> None:
        with fold_threads(tmp_path):
            (tmp_path / "checkpoint.pt").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    monkeypatch.setattr("nie.runs.fold_threads.free_threads", lambda: 1)
    assert used_in(tmp_path) == 3
    assert torch.get_num_threads() == before


def test_a_fold_that_was_begun_before_numbers_were_kept_uses_what_torch_does(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").touch()
    assert used_in(tmp_path) == torch.get_num_threads()
    assert not (tmp_path / THREADS).exists()


def test_nothing_is_left_of_a_fold_that_failed_at_once_or_was_finished(tmp_path: Path) -> None:
    partial, target = tmp_path / "fold0.partial", tmp_path / "fold0"
    with pytest.raises(NieError), worked_on(partial, target) as folder, fold_threads(folder):
        raise NieError("refused")
    assert not partial.exists()
    with worked_on(partial, target) as folder, fold_threads(folder):
        (folder / "curves.csv").touch()
    assert sorted(path.name for path in target.iterdir()) == [DONE, "curves.csv"]
    assert THREADS not in json.loads((target / DONE).read_text())


@pytest.mark.parametrize("content", ["", "[]", '{"threads": 0}', '{"threads": "two"}'])
def test_a_damaged_number_is_one_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / THREADS).write_text(content)
    with pytest.raises(NieError, match="is damaged; remove the folder"):
        used_in(tmp_path)
