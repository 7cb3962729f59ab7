"""The scripts, with a stand-in for ``nie`` that says how it was called."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


def called(script: str, folder: Path, *flags: str, fails_on: str = "nothing") -> tuple[int, list[str]]:
    """Exit code of a script, and the command lines that it gave to ``nie``; one that names ``fails_on`` fails."""
    for part in ("scripts", ".venv/bin"):
        (folder / part).mkdir(parents=True)
    shutil.copy(SCRIPTS / script, folder / "scripts")
    (folder / "scripts" / "environment.sh").write_text("")
    nie = folder / ".venv" / "bin" / "nie"
    nie.write_text(f'#!/usr/bin/env bash\nprintf "%q " "$@"\necho\n[[ "$*" != *{fails_on}* ]]\n')
    nie.chmod(0o755)
    answer = subprocess.run(["bash", folder / "scripts" / script, *flags], capture_output=True, text=True)
    return answer.returncode, [line.strip() for line in answer.stdout.splitlines()]


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
