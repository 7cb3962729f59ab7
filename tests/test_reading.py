"""What reads settings and results loads neither torch nor DGL: in a fresh process, step by step."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from link_helpers import ring
from stage_helpers import store_synthetic

from nie.__main__ import main

HEAVY = {"torch", "dgl", "numba", "sklearn", "gensim"}
DRAWING = {"matplotlib", "scipy"}
"""Loaded where figures are drawn and differences tested, and nowhere else."""

MODULES = (
    "nie", "nie.settings.run", "nie.settings.sections", "nie.settings.recipes", "nie.runs.run", "nie.runs.provenance",
    "nie.data.graph", "downstream.metrics.registry", "downstream.methods.table", "downstream.stages.table",
    "downstream.reports.results", "downstream.reports.tables", "downstream.reports.page",
    "downstream.reports.paired_tests", "downstream.reports.figures", "downstream.reports.figure_files",
    "downstream.studies.catalogue", "downstream.studies.run", "nie.inputs.channels", "pretrain.inputs",
    "downstream.stages.links.inputs",
)  # fmt: skip
OF_IMPORTANCE = ["--features.structural", "structural", "--features.semantic", "tfidf", "--folds.run", "0,1"]
OF_LINKS = ["--model.size", "4", "--negatives.count", "9", "--repeats", "0,1"]
COMMANDS = {
    "help": ["--help"],
    "help of a stage": ["downstream", "--help"],
    "data info": ["data", "info", "synthetic"],
    "table": ["table", "synthetic"],
    "check": ["check", "synthetic"],
    "check of a run": ["check", "RUNS"],
    "report of importance": ["study", "main", "synthetic", "--report-only", *OF_IMPORTANCE],
    "report of links": ["study", "kge", "links", "--report-only", *OF_LINKS],
}
STEPS = """
import contextlib, importlib, io, json, sys
watched, modules, commands = json.loads(sys.argv[1])
loaded = {}
def look(step):
    loaded[step] = [name for name in watched if name in sys.modules]
for module in modules:
    importlib.import_module(module)
    look(module)
from nie.__main__ import main
for name, command in commands.items():
    sys.argv = ["nie", *command]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        code = main(command)
        assert code == 0, name
    look(name)
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What is loaded after each step of one fresh process, on runs that this one made."""
    root = tmp_path_factory.mktemp("reading")
    store_synthetic(root / "data")
    ring(root / "data")
    roots = ["--data-root", str(root / "data"), "--run-root", str(root / "runs"), "--quiet"]
    made = ["--recipe", "fast", "--dataset", "synthetic", *OF_IMPORTANCE]
    for method in ("pagerank", "linear", "ridge"):
        assert main(["downstream", *made, "--method", method, *roots]) == 0
    assert main(["link", "--recipe", "study", "--dataset", "links", *OF_LINKS, *roots]) == 0
    commands = {name: command if "--help" in command else [*command, *roots] for name, command in COMMANDS.items()}
    commands["check of a run"][1] = str(root / "runs")
    steps = json.dumps([sorted(HEAVY | DRAWING), MODULES, commands])
    answer = subprocess.run(
        [sys.executable, "-c", STEPS, steps], capture_output=True, text=True, cwd=Path(__file__).parent.parent
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    for study, dataset in (("main", "synthetic"), ("kge", "links")):
        assert len(list((root / "runs" / "studies" / dataset).glob(f"{study}-*/report.html"))) == 1
    return {step: set(names) for step, names in json.loads(answer.stdout).items()}


@pytest.mark.parametrize("step", [*MODULES, *COMMANDS])
def test_reading_loads_neither_torch_nor_dgl(step: str, loaded: dict[str, set[str]]) -> None:
    assert not loaded[step] & HEAVY


@pytest.mark.parametrize("step", [*MODULES, *(name for name in COMMANDS if not name.startswith("report"))])
def test_only_reports_load_what_draws_and_tests(step: str, loaded: dict[str, set[str]]) -> None:
    assert not loaded[step] & DRAWING
