"""The report of a study: tables, paired tests, figures and one HTML page that needs no network."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabulate import tabulate

from downstream.results import Results
from downstream.statistics import PairedTest, holm, paired_test
from downstream.studies import Study
from downstream.table import (
    CAPTION,
    csv_table,
    folds_csv,
    latex_table,
    markdown_table,
    published_table,
    title,
)  # fmt: skip
from nie.atomic import atomic_file
from nie.extras import require
from nie.runs import Run, read_json

TESTED = ("rmse", "spearman")
TEST_CAPTION = (
    "Mean difference on the same folds. p: corrected resampled t-test (Nadeau and Bengio, 2003), two-sided, adjusted "
    "for the number of comparisons in this table by Holm's method; d: Cohen's d of the paired differences; better: "
    "folds on which the first is better."
)


@dataclass(frozen=True)
class Comparison:
    """A paired test of two rows on one metric; ``p`` is adjusted for all comparisons of the report."""

    ours: str
    theirs: str
    metric: str
    test: PairedTest
    p: float

    def better(self) -> int:
        """Folds on which ours is better."""
        return self.test.n - self.test.wins if self.metric in ("rmse", "medianae") else self.test.wins


def compare(results: Results, pairs: Sequence[tuple[str, str]], test_share: float) -> list[Comparison]:
    """Test every pair of rows on RMSE and SPEARMAN, over the folds that both have."""
    tests = []
    for ours, theirs in pairs:
        if ours not in results.rows or theirs not in results.rows:
            continue
        shared = [fold for fold in results.folds(ours) if fold in results.folds(theirs)]
        for metric in TESTED:
            sides = [[results.rows[row][fold].get(metric) for fold in shared] for row in (ours, theirs)]
            if shared and None not in (*sides[0], *sides[1]):
                tests.append((ours, theirs, metric, paired_test(*sides, test_share=test_share)))  # type: ignore[arg-type]
    adjusted = holm([test.p for *_, test in tests])
    return [Comparison(*test, p) for test, p in zip(tests, adjusted, strict=True)]


def write_tables(folder: Path, command: str, study: Study, runs: Mapping[str, Run]) -> str:
    """Write ``table.md``, ``table.csv``, ``table.tex`` and ``folds.csv``; return the Markdown."""
    results = Results.of(runs)
    comparisons = compare(results, study.pairs(list(results.rows)), _test_share(runs))
    text = f"# {study.question}\n\n{results.dataset}:\n\n```bash\n{command}\n```\n\n{markdown_table(results)}"
    if comparisons:
        text += f"\n{tabulate(*_comparison_rows(comparisons), tablefmt='github', disable_numparse=True)}\n"
        text += f"\n{TEST_CAPTION} {len(comparisons)} comparisons.\n"
    text += f"\n{tabulate(*_cost_rows(runs), tablefmt='github', disable_numparse=True)}\n\n{count_line(runs)}\n"
    files = {
        "table.md": text, "table.csv": csv_table(results), "table.tex": latex_table(results) + "\n",
        "folds.csv": folds_csv(results),
    }  # fmt: skip
    for name, content in files.items():
        with atomic_file(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    return text


def write_page(folder: Path, command: str, study: Study, runs: Mapping[str, Run], figures: Mapping[str, str]) -> Path:
    """Write ``report.html``: one file with its figures inside.

    Args:
        folder: where to.
        command: what made it.
        study: the study.
        runs: the runs by row.
        figures: SVG by title, in the order of the page.

    Raises:
        NieError: the extra ``report`` is not installed.
    """
    jinja2 = require("jinja2", "report")
    results = Results.of(runs)
    comparisons = compare(results, study.pairs(list(results.rows)), _test_share(runs))
    places = {metric: results.places(metric) for metric in results.metrics}
    template = jinja2.Environment(autoescape=True).from_string(
        Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8")
    )
    page = template.render(
        question=study.question, dataset=results.dataset, command=command, caption=CAPTION,
        headers=[title(metric) for metric in results.metrics],
        rows=[
            {
                "name": name,
                "folds": len(results.folds(name)),
                "cells": [(results.summary(name, metric), places[metric].get(name)) for metric in results.metrics],
            }
            for name in results.rows
        ],
        published=published_table(results.dataset, results.metrics),
        comparisons=_comparison_rows(comparisons), costs=_cost_rows(runs), tested=TEST_CAPTION,
        count=count_line(runs), figures={name: jinja2.utils.markupsafe.Markup(svg) for name, svg in figures.items()},
    )  # fmt: skip
    path = folder / "report.html"
    with atomic_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def count_line(runs: Mapping[str, Run]) -> str:
    """How much stands behind the tables.

    >>> count_line({})
    '0 runs, 0 folds in all; nothing is left out.'
    """
    folds = sum(len(run.finished_folds()) for run in runs.values())
    return f"{len(runs)} runs, {folds} folds in all; nothing is left out."


def seconds_of(run: Run) -> list[float]:
    """Seconds that each finished fold took, in its last sitting."""
    return [float(_timing(run, fold)["seconds_this_sitting"]) for fold in run.finished_folds()]


def _timing(run: Run, fold: int) -> dict[str, Any]:
    return read_json(run.fold_path(fold) / "timing.json")


def _test_share(runs: Mapping[str, Run]) -> float:
    """Test nodes over training nodes."""
    run = next(run for run in runs.values() if run.finished_folds())
    split = run.split(run.finished_folds()[0])
    return len(split["test"]) / len(split["train"])


def _comparison_rows(comparisons: Sequence[Comparison]) -> tuple[list[list[str]], list[str]]:
    rows = [
        [
            f"{one.ours} against {one.theirs}", title(one.metric), f"{one.test.difference:+.4f}",
            _number(one.test.effect, "+.2f"), f"{one.better()} of {one.test.n}", _number(one.p, ".3f"),
        ]
        for one in comparisons
    ]  # fmt: skip
    return rows, ["comparison", "metric", "difference", "d", "better", "p"]


def _cost_rows(runs: Mapping[str, Run]) -> tuple[list[list[str]], list[str]]:
    rows = []
    for name, run in runs.items():
        timings = [_timing(run, fold) for fold in run.finished_folds()]
        if timings:
            seconds = statistics.fmean(timing["seconds_this_sitting"] for timing in timings)
            memory = max(timing["peak_memory_gb"] for timing in timings)
            threads = sorted({str(timing.get("threads")) for timing in timings})
            rows.append([name, f"{seconds:.1f}", f"{memory:.1f}", ", ".join(threads)])
    return rows, ["method", "seconds a fold (last sitting)", "peak GB of the process", "threads"]


def _number(value: float, form: str) -> str:
    return "—" if math.isnan(value) else format(value, form)
