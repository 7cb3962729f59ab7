"""nie.threads: how many threads the load of the machine leaves, whatever the load is while this runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_info

from nie import threads


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(threads.EXPLICIT, raising=False)
    monkeypatch.setattr(threads, "cores", lambda: set(range(8)))
    monkeypatch.setattr(threads, "_seen", {})
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)


@pytest.mark.parametrize(
    ("busy", "chosen"), [(0.0, 8), (0.2, 8), (0.5, 7), (3.9, 4), (7.0, 1), (8.0, 1), (11.0, 1)]
)  # fmt: skip
def test_other_processes_keep_their_cores(busy: float, chosen: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "busy_cores", lambda: busy)
    assert threads.free_threads() == chosen


def test_what_was_chosen_by_hand_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "busy_cores", lambda: 8.0)
    monkeypatch.setenv(threads.EXPLICIT, "8")
    assert threads.free_threads() == 8


def test_never_more_than_torch_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(threads, "busy_cores", lambda: 2.0)
    assert threads.free_threads() == 3


def test_one_line_says_so_where_threads_are_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(threads, "busy_cores", lambda: 6.1)
    with caplog.at_level("INFO", logger="nie"):
        assert threads.free_threads() == threads.free_threads() == 2
    (said,) = caplog.messages
    assert "computing with 2 of 8 threads, because other processes keep 6.1 of 8 cores busy" in said


def test_the_load_is_looked_at_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[float] = []
    monkeypatch.setattr(threads, "busy_cores", lambda: looked.append(0.0) or 0.0)
    threads.free_threads()
    threads.free_threads()
    assert len(looked) == 1


def test_busy_is_what_the_system_counts_without_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sample of a second: two cores of others, one of them with work of low priority, and half a core of ours."""
    ticks, stat = os.sysconf("SC_CLK_TCK"), tmp_path / "stat"
    line = "cpu{} {} {} 0 {} 50 0 0 0 0 0\n"
    monkeypatch.setattr(threads, "STAT", stat)
    stat.write_text(line.format(0, 0, 0, 0) + line.format(1, 0, 0, 0) + line.format(99, 0, 0, 0))

    def sleep(_seconds: float) -> None:
        rows = [line.format(0, ticks, 0, 0), line.format(1, ticks // 2, ticks, 7), line.format(99, ticks, 0, 0)]
        stat.write_text("".join(rows))

    clock, own = iter([10.0, 11.0]), iter([(5.0, 0.0), (5.25, 0.25)])
    monkeypatch.setattr(threads.time, "sleep", sleep)
    monkeypatch.setattr(threads.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(threads.os, "times", lambda: next(own))
    assert threads.busy_cores() == pytest.approx(2.0)


@pytest.mark.parametrize("content", [None, "intr 5\n", "cpu0 many words and no numbers here at all\n"])
def test_where_the_system_does_not_say_all_threads_are_taken(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "stat").write_text(content)
    monkeypatch.setattr(threads, "STAT", tmp_path / "stat")
    assert threads.free_threads() == 8


def test_torch_and_blas_compute_with_so_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    before = torch.get_num_threads()
    with threads.computing_with(before + 1):
        assert torch.get_num_threads() == before + 1
        assert os.environ[threads.EXPLICIT] == str(before + 1)
        blas = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
        assert blas
        assert set(blas) == {before + 1}
    assert torch.get_num_threads() == before
