"""nie.progress."""

import logging

import pytest

import nie.progress
from nie.progress import Progress, log, track


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
