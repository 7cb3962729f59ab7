"""The scripts, with a stand-in for ``nie`` that says how it was called."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


class Called(NamedTuple):
    """Exit code of a script, and the command lines that it gave to ``nie`` or to Python."""

    code: int
    made: list[str]


def called(script: str, folder: Path, *flags: str, fails_on: str = "nothing", **environment: str) -> Called:
    """Run a script from the folder that it lies in, with a search path of `cd` on which all of its folders lie, too.

    A command line of ``nie`` that names ``fails_on`` fails.
    """
    for part in ("scripts", ".venv/bin", "elsewhere/scripts"):
        (folder / part).mkdir(parents=True)
    for name in (script, "checkout.sh"):
        shutil.copy(SCRIPTS / name, folder / "scripts")
    (folder / "scripts" / "environment.sh").write_text("")
    for name in ("nie", "python"):
        stand_in(folder / ".venv" / "bin" / name, f'printf "%q " "$@"\necho\n[[ "$*" != *{fails_on}* ]]')
    answer = run(f"scripts/{script}", *flags, folder=folder, CDPATH=str(folder / "elsewhere"), **environment)
    return Called(answer.returncode, [line.strip() for line in answer.stdout.splitlines()])


def stand_in(path: Path, does: str) -> None:
    path.write_text(f"#!/usr/bin/env bash\n{does}\n")
    path.chmod(0o755)


def run(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": "", **environment}
    return subprocess.run(["bash", *words], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("dataset", ["fb15k", "tmdb5k", "geo"])
def test_tables_are_those_of_the_study_of_all_methods(dataset: str, tmp_path: Path) -> None:
    flags = ("--folds.run", "0", "--minutes", "5")
    assert called(f"tables_{dataset}.sh", tmp_path, *flags) == (0, [f"study main {dataset} --folds.run 0 --minutes 5"])


@pytest.mark.parametrize("dataset", ["fb15k", "tmdb5k"])
def test_published_tables_are_made_at_both_profiles_and_flags_hold_for_both(dataset: str, tmp_path: Path) -> None:
    expected = [f"study main {dataset} --profile published-{program} --only rgtn geni" for program in ("rgtn", "licap")]
    assert called(f"published_{dataset}.sh", tmp_path, "--only", "rgtn", "geni") == (0, expected)


def test_a_profile_that_fails_leaves_the_other_to_be_made(tmp_path: Path) -> None:
    code, made = called("published_fb15k.sh", tmp_path, fails_on="published-rgtn")
    assert (code, len(made)) == (1, 2)


def test_graphs_of_the_papers_files_are_imported_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, made = called("published_ga16k.sh", tmp_path / "unnamed")
    assert (code != 0, made) == (True, [])
    for name in ("REL_PK", "LANG_PK"):
        monkeypatch.setenv(name, str(tmp_path / name))
    code, made = called("published_imdb.sh", tmp_path / "named", "--folds.run", "0")
    assert code == 0
    files = f"--rel {tmp_path}/REL_PK --lang {tmp_path}/LANG_PK"
    assert made == [
        f"data import imdb {files} --num-relations 30",
        "study main imdb --profile published-rgtn --folds.run 0",
        "study main imdb --profile published-licap --folds.run 0",
    ]


@pytest.mark.parametrize(
    ("wanted", "fails_on", "code", "studies"),
    [
        (["forms", "shares"], "nothing", 0, 2),
        (["forms", "shares"], "forms", 1, 2),
        (["forms"], "--report-only", 1, 1),
        (["formz", "shares"], "nothing", 1, 1),
        ([], "nothing", 1, 0),
    ],
)
def test_a_study_that_fails_leaves_the_others_their_turn_and_is_told(
    wanted: list[str], fails_on: str, code: int, studies: int, tmp_path: Path
) -> None:
    answer = called("study_cuda.sh", tmp_path, *wanted, fails_on=fails_on, JOBS="2")
    assert answer.code == code
    assert len(answer.made) == 2 * studies


def test_a_study_that_is_stopped_at_its_limit_has_not_failed(tmp_path: Path) -> None:
    stand_in(tmp_path / "python", '[[ "$*" = *--report-only* ]] || sleep 9')
    assert called("study_cuda.sh", tmp_path, "forms", PYTHON="./python", SECONDS_EACH="1").code == 0


def test_paths_in_the_environment_are_meant_where_the_script_is_called(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    called("study_cuda.sh", there)
    stand_in(here / "python", 'echo "$@"')
    paths = {"PYTHON": "./python", "RECORDS": "records", "RUN_ROOT": "runs"}
    made = run("../there/scripts/study_cuda.sh", "forms", folder=here, **paths).stdout.splitlines()
    assert f"--run-root {here}/runs --records {here}/records/fb15k-licap-forms-cuda.csv" in made[0]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What `environment.sh` needs, with an interpreter that writes down what it is asked for."""
    folder = tmp_path / "clone"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPTS / "environment.sh", folder / "scripts")
    for name in ("pyproject.toml", "constraints.txt"):
        (folder / name).touch()
    (folder / "make.sh").write_text('set -euo pipefail\ncd "$(dirname "$0")"\n. scripts/environment.sh "$1"\n')
    made = 'if [ "$2" = venv ]; then mkdir -p .venv/bin; cp "$0" .venv/bin/python; fi'
    stand_in(tmp_path / "python3.11", f'echo "${{@:1:3}}" >>"{tmp_path}/asked"\n{made}')
    return folder


def installed(clone: Path, extras: str, folder: Path, python: str = "./python3.11") -> list[str]:
    """The environments that are made, from another folder, where the interpreter lies."""
    (folder / "asked").write_text("")
    answer = run(str(clone / "make.sh"), extras, folder=folder, PYTHON=python)
    assert answer.returncode == 0, answer.stderr
    return [line for line in (folder / "asked").read_text().splitlines() if line.startswith("-m venv")]


def test_an_environment_is_made_anew_where_extras_pins_or_its_place_change(clone: Path, tmp_path: Path) -> None:
    made = "-m venv .venv"
    assert installed(clone, "geo", tmp_path) == [made]
    assert installed(clone, "geo", tmp_path) == []
    assert installed(clone, "all", tmp_path) == [made]
    assert installed(clone, "geo", tmp_path) == []
    (clone / "constraints.txt").write_text("numpy==2.0\n")
    assert installed(clone, "all", tmp_path) == [made]
    moved = clone.rename(tmp_path / "moved")
    assert installed(moved, "all", tmp_path) == ["-m venv --clear"]
    assert installed(moved, "all", tmp_path) == []


def test_an_interpreter_that_is_named_and_does_not_fit_is_not_replaced(clone: Path, tmp_path: Path) -> None:
    for name in ("./python3.9", "no-python"):
        answer = run(str(clone / "make.sh"), "geo", folder=tmp_path, PYTHON=name)
        assert answer.returncode == 2
        assert f"{name.removeprefix('.')} is not" in answer.stderr
