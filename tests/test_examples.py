"""The examples of docs/examples, as they stand: each is run in a folder of its own."""

from __future__ import annotations

import contextlib
import io
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

import nie
from nie.data import synthetic
from nie.data.store import save

EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"
PRINTS = {
    "reproduce_a_row.py": ("boosting", "rgtn", "spearman"),
    "own_graph.py": ("blend", "journal", "extrapolated"),
    "own_model.py": ("ridge", "mine"),
    "foreign_model.py": ("loss",),
}


def test_every_example_is_run_here() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PRINTS)


@pytest.mark.parametrize("name", PRINTS)
def test_an_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands, but for geo, in whose place a small graph stands, and for the number of epochs."""
    monkeypatch.chdir(tmp_path)
    kg = synthetic(0)
    geo = replace(kg, name="geo", meta={**kg.meta, "options": {"min_population": 15000}})
    save(geo, tmp_path / "datasets" / "geo" / "processed")
    long_job = nie.run

    def short_job(*arguments: object, **settings: object) -> object:
        return long_job(*arguments, **settings, optim={"max_epochs": 2, "patience": 100, "eval_every": 1})

    monkeypatch.setattr(nie, "run", short_job, raising=False)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    for word in PRINTS[name]:
        assert word in printed.getvalue()
