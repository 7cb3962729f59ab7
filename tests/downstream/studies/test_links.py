"""downstream.studies.links, link_settings and link_tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from link_helpers import ring, ring_of_many

from downstream.stages.links.stage import LINKS
from downstream.stages.runner import Runner
from downstream.studies.catalogue import find_study
from downstream.studies.link_settings import LinkSettings
from downstream.studies.link_tables import published_links
from downstream.studies.run import run_study
from nie.__main__ import main
from nie.data.store import save

TINY = [
    "--model.size", "4", "--negatives.count", "9", "--optim.eval_every", "1", "--repeats", "0,1",
    "--batch_size", "64",
]  # fmt: skip


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A ring whose relations have words, and TF-IDF in the place of the sentence encoder."""
    kg = ring(tmp_path / "data")
    names = [f"/{way}/{step} step{'s' * (step > 1)}" for step in (1, 2, 3) for way in ("on",)]
    save(replace(kg, relation_names=names), tmp_path / "data" / "links" / "processed")
    for module in ("downstream.studies.links", "downstream.studies.relations"):
        monkeypatch.setattr(f"{module}.TEXT_FEATURES", "tfidf")
    return {"data_root": tmp_path / "data", "run_root": tmp_path / "runs"}


def run(name: str, roots: dict[str, Path], jobs: int = 1, **more: Any) -> str:
    settings = LinkSettings("links", flags=TINY, epochs=2)
    folder = roots["run_root"] / "report"
    return run_study(
        find_study(name), settings, runner=Runner(**roots, jobs=jobs), folder=folder, command="nie study", **more
    )


@pytest.mark.usefixtures("unpainted")
def test_the_study_of_fusions_runs_and_resumes(roots: dict[str, Path]) -> None:
    text = run("kge", roots, only=["RotatE", "text, attention", "extractor + InfoNCE"])
    assert "| text, attention" in text
    assert "0, 1 (n=2)" in text
    assert "text, attention, channels dropped (2 of 2 repetitions)" in text
    assert "## MRR by group of the test triples" in text
    assert "without rdf:type (12)" in text
    assert "## MRR gained, by group of the test triples" in text
    assert "text, attention against RotatE" in text
    assert "Published" not in text
    assert "it says nothing of other test triples" in text
    assert (roots["run_root"] / "report" / "report.html").exists()
    before = sorted((roots["run_root"] / "links").rglob("DONE"))
    run("kge", roots, only=["RotatE"])
    assert sorted((roots["run_root"] / "links").rglob("DONE")) == before


def test_networks_learn_slower_than_weights() -> None:
    arms = find_study("kge").arms(LinkSettings("links"))
    rates = {arm.name: arm.config.model.channel_lr for arm in arms}
    assert rates["text, attention"] == rates["text, attention, shuffled"] == 1
    assert rates["extractor"] == rates["extractor + InfoNCE"] == rates["text, concat"] == 0.05
    assert find_study("zero-shot").arms(LinkSettings("links"))[0].config.model.relations.text_lr == 0.05


def test_a_larger_budget_still_selects_nothing() -> None:
    optim = LinkSettings("links", epochs=60).of().optim
    assert (optim.max_epochs, optim.eval_every, optim.patience) == (60, 60, 60)


@pytest.mark.usefixtures("unpainted")
def test_repetitions_run_in_processes_of_their_own(roots: dict[str, Path]) -> None:
    one = run("kge", roots, only=["RotatE"])
    apart = run("kge", {**roots, "run_root": roots["run_root"] / "apart"}, jobs=2, only=["RotatE"])
    assert one.splitlines()[8:11] == apart.splitlines()[8:11]


@pytest.mark.usefixtures("unpainted")
def test_the_command(roots: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--data-root", str(roots["data_root"]), "--run-root", str(roots["run_root"]), "--epochs", "1"]
    assert main(["study", "kge", "links", "--only", "RotatE", *given, *TINY]) == 0
    assert "| RotatE" in capsys.readouterr().out
    assert main(["study", "kge", "links", *given, "--modell.size", "4"]) == 2
    assert "modell" in capsys.readouterr().err
    for flag in ("--dataset", "--channels", "--model.fusion", "--loss.auxiliary", "--no-model.relations.learned"):
        assert main(["study", "kge", "links", *given, flag, "x"]) == 2
        assert "itself; leave the flag out" in capsys.readouterr().err
    assert main(["study", "kge", "links", *given, "--profile", "published"]) == 2
    assert "has its own recipes" in capsys.readouterr().err
    assert main(["study", "kge", "links", *given, "--report-only", *TINY, "--model.size", "5"]) == 2
    assert "nothing to report" in capsys.readouterr().err


@pytest.mark.usefixtures("unpainted")
def test_relations_without_training_triples(roots: dict[str, Path]) -> None:
    ring_of_many(roots["data_root"])
    text = run("zero-shot", roots)
    assert "MRR, random rotation" in text
    assert "## Learned weights" in text
    assert "text, similar relations, weight learned | similarity weight" in text


def test_published_rows_stand_apart() -> None:
    (table,) = published_links("db15k")
    assert table.rows[0][:2] == ["RotatE", "29.28"]
    assert published_links("links") == []
    assert LINKS.recipes.read("study")["repeats"] == [0, 1, 2]
