"""nie.commands.main_job: ``nie run``."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from stage_helpers import SMALL_FLAGS, store_synthetic

from downstream.studies.presets import PRESETS
from nie.__main__ import main
from nie.commands.command_line import make_parser
from nie.commands.main_job import _further


@pytest.fixture
def roots(tmp_path: Path) -> list[str]:
    store_synthetic(tmp_path / "data")
    return ["--data-root", str(tmp_path / "data"), "--run-root", str(tmp_path / "my runs")]


def test_what_is_next_is_said_in_commands_that_work(
    roots: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    wanted = ["--preset", "quick", "--methods", "pagerank", "ridge", "--out", "s.csv", "--report", "r.html"]
    assert main(["run", "synthetic", *wanted, *SMALL_FLAGS, *roots, "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "Low is good for RMSE and MedianAE, high for the others." in said
    assert (tmp_path / "s.csv").is_file()
    assert "</html>" in (tmp_path / "r.html").read_text()
    commands = [shlex.split("nie" + line.partition("  nie")[2]) for line in said.partition("Next:")[2].splitlines()[1:]]
    assert [words[1] for words in commands if len(words) > 1] == ["run", "table", "predict"]
    assert make_parser().parse_known_args(commands[0][1:])[0].preset == "good"
    assert main([*commands[1][1:], "--quiet"]) == 0
    assert "ridge" in capsys.readouterr().out
    assert main([*commands[2][1:], "--quiet"]) == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--preset", "quick", "--preset", "good"], "names two presets, quick and good; name one"),
        (["--preset", "full"], "invalid choice: 'full'"),
        (["--report", "page.pdf"], "'page.pdf' must end in .html."),
        (["--out", "scores.xlsx"], "must end in"),
        (["--methods", "rgtn", "boosing"], "There is no method 'boosing' (did you mean 'boosting'?)"),
        (["--minutes", "0"], "must be a number above 0"),
        (["--coverage", "90"], "must be a number above 0 and below 1, such as 0.9; got '90'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    wrong: list[str], said: str, roots: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["run", "synthetic", *wrong, *SMALL_FLAGS, *roots, "--quiet"])
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "my runs").exists()


def test_nothing_more_thorough_than_the_best_preset_is_proposed() -> None:
    assert [_further(preset) for preset in PRESETS] == ["good", "best", None]
