"""nie.progress."""

import contextlib
import logging

import pytest

import nie.progress
from nie.deadline import time_limit
from nie.progress import Progress, WholeJob, count_piece, log, piece, track


def test_silent_unless_the_logger_is_set_to_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(3), "count")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_lines_with_figures_and_time_left_off_a_terminal(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nie.progress, "LINE_EVERY_S", 0.0)
    caplog.set_level(logging.INFO, logger="nie")
    with Progress(4, "job", initial=1) as progress:
        progress.advance({"loss": 0.25})
    assert caplog.messages == ["job: 2/4, 0 s left, loss 0.2500"]


def test_an_iterable_of_unknown_length_shows_its_count(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nie.progress, "LINE_EVERY_S", 0.0)
    caplog.set_level(logging.INFO, logger="nie")
    assert list(track(iter("ab"), "letters")) == ["a", "b"]
    assert caplog.messages == ["letters: 1", "letters: 2"]


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(log, "level", logging.INFO)
    log.manager._clear_cache()
    try:
        with Progress(2, "job") as progress:
            progress.advance({"loss": 0.5})
    finally:
        monkeypatch.undo()
        log.manager._clear_cache()
    assert "job" in capsys.readouterr().err


def test_a_whole_job_is_one_progress_over_all_its_pieces(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nie.progress, "JOB_LINE_EVERY_S", 0.0)
    monkeypatch.setattr(nie.progress, "LINE_EVERY_S", 0.0)
    caplog.set_level(logging.INFO, logger="nie")
    with WholeJob({"cheap": 1, "dear": 3}) as job:
        with piece("cheap"):
            assert job.share == 0
        with piece("dear"), Progress(4, "epochs") as epochs:
            assert job.share == 0.25
            epochs.advance({"loss": 1.0})
        with piece("nobody knew of it"):
            assert job.share == 1
    assert [message.split(",")[0] for message in caplog.messages] == [
        "  0 %  cheap", " 25 %  dear", " 44 %  epochs 1/4", "100 %  nobody knew of it",
    ]  # fmt: skip


def test_the_time_left_is_at_most_that_of_the_limit_in_steps_of_five_seconds(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nie.progress, "JOB_LINE_EVERY_S", 0.0)
    caplog.set_level(logging.INFO, logger="nie")
    with time_limit(7), WholeJob({"a": 1}), piece("a"):
        pass
    assert caplog.messages == ["  0 %  a, about 10 s left"]


def test_a_whole_job_is_one_bar_on_a_terminal_and_the_log_stands_above_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(log, "level", logging.INFO)
    log.manager._clear_cache()
    try:
        with WholeJob({"a": 1, "b": 1}), piece("b"), Progress(2, "epochs") as epochs:
            epochs.advance()
    finally:
        monkeypatch.undo()
        log.manager._clear_cache()
    said = capsys.readouterr().err
    assert "epochs 1/2" in said
    assert "25 %" in said
    assert "loss" not in said


def test_a_piece_that_fails_or_that_another_process_made_counts_as_done() -> None:
    with WholeJob({"failed": 1, "elsewhere": 2, "last": 1}) as job:
        with contextlib.suppress(ValueError), piece("failed"):
            raise ValueError
        assert job.share == 0.25
        count_piece("elsewhere")
        assert job.share == 0.75


def test_a_piece_outside_a_job_is_nothing() -> None:
    with piece("alone"):
        pass
