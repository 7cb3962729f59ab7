"""Tables of results: Markdown, CSV and LaTeX; mean ± standard deviation over folds, published rows apart."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from downstream.metrics.registry import title
from downstream.reports.results import FoundRuns, Results, named
from downstream.stages.importance import IMPORTANCE
from nie.foreign import csv_cell, markdown_text, one_line
from nie.runs.stage import Stage


def markdown_table(results: Results, stage: Stage[Any] = IMPORTANCE) -> str:
    """A row for each run of ``stage``, and below them the published rows."""
    headers, rows = headers_of(results), measured_rows(results)
    text = f"{markdown_grid([*headers, stage.unit], rows)}\n\n{stage.caption}\n"
    published = published_table(results.dataset, results.metrics, stage)
    if published:
        text += "\nPublished rows (other text features; not measured here):\n\n"
        text += markdown_grid([*headers, "source"], published) + "\n"
    return text


def table_by_version(dataset: str, found: FoundRuns) -> str:
    """The table of the runs on the present graph, and behind it one for each older graph, which ranks apart."""
    parts = [markdown_table(Results.of(named(found.present)))] if found.present else []
    if not found.on_disk:
        parts.append(
            f"The graph {dataset} is not on the disk, so nobody can say whether these rows are of its newest data.\n"
        )
    if not found.present:
        parts.append(f"No run is of the present {dataset}; 'nie run {dataset}' makes some.\n")
    for runs in found.older:
        results = Results.of(named(runs))
        grid = markdown_grid([*headers_of(results), IMPORTANCE.unit], measured_rows(results))
        parts.append(f"Made from an older {dataset}; these rows compare with each other only:\n\n{grid}\n")
    if found.older:
        parts.append(f"'nie clean {dataset} --older' removes the runs of older graphs.\n")
    return "\n".join(parts)


def markdown_grid(header: Sequence[str], lines: Sequence[Sequence[str]], width: int = 400) -> str:
    """A table in Markdown; every cell is `nie.foreign.markdown_text` of at most ``width`` characters."""
    first, *others = ([markdown_text(one_line(text, width)) for text in line] for line in (header, *lines))
    return tabulate(others, first, tablefmt="github", disable_numparse=True)


def headers_of(results: Results) -> list[str]:
    """Headers of the columns that measured and published rows share."""
    return ["method", *(title(metric) for metric in results.metrics)]


def measured_rows(results: Results, repetition: int | None = None) -> list[list[str]]:
    """Name, figures and folds of every row, with the ``repetition`` of `fold_list`."""
    return [
        [
            results.title(name),
            *(cell(results, name, metric) for metric in results.metrics),
            fold_list(results.folds(name), repetition),
        ]
        for name in results.rows
    ]


def latex_table(results: Results) -> str:
    """A LaTeX ``tabular``: the best mean of a column bold, the second underlined.

    Rows on fewer folds than the others are never marked.
    """
    places = {metric: results.places(metric) for metric in results.metrics}
    rows = [
        [
            _latex(results.title(name)),
            *(_latex_cell(results, name, metric, places[metric].get(name)) for metric in results.metrics),
        ]
        for name in results.rows
    ]
    headers = ["Method", *(_latex(title(metric)) for metric in results.metrics)]
    return tabulate(rows, headers, tablefmt="latex_raw", disable_numparse=True)


def csv_table(results: Results) -> str:
    """A line for each row and metric: mean, standard deviation, n and folds."""
    lines = []
    for name in results.rows:
        for metric in results.metrics:
            figure = results.summary(name, metric)
            folds = " ".join(map(str, results.folds(name)))
            lines.append([name, metric, figure["mean"], figure["sd"], figure["n"], folds])
    return csv_text(["method", "metric", "mean", "sd", "n", "folds"], lines)


def folds_csv(results: Results) -> str:
    """A line for each row, metric and fold, from which every other table is computed."""
    lines = [
        [name, metric, fold, results.rows[name][fold].get(metric)]
        for name in results.rows
        for metric in results.metrics
        for fold in results.folds(name)
    ]
    return csv_text(["method", "metric", "fold", "value"], lines)


def published_table(dataset: str, metrics: Sequence[str], stage: Stage[Any] = IMPORTANCE) -> list[list[str]]:
    """Name, figures and source of the published rows of ``dataset``."""
    return [
        [name, *("" if row.get(metric) is None else str(row[metric]) for metric in metrics), str(row.get("source", ""))]
        for name, row in stage.recipes.reported(dataset).items()
    ]


def cell(results: Results, name: str, metric: str) -> str:
    """Mean ± deviation of a row and metric, as text."""
    figure = results.summary(name, metric)
    if metric not in results.rows[name][results.folds(name)[0]]:
        return "—"
    if figure["mean"] is None:
        return "undefined"
    if figure["n"] == 1:
        return f"{figure['mean']:.4f}"
    return f"{figure['mean']:.4f} ± {figure['sd']:.4f}"


def _latex_cell(results: Results, name: str, metric: str, place: int | None) -> str:
    text = cell(results, name, metric)
    mean, separator, deviation = text.partition(" ± ")
    mean = {1: rf"\textbf{{{mean}}}", 2: rf"\underline{{{mean}}}"}.get(place or 0, mean)
    return f"{mean} $\\pm$ {deviation}" if separator else mean.replace("—", "--")


_LATEX = str.maketrans({
    **{letter: rf"\{letter}" for letter in "&%$#_{}"},
    **{letter: rf"\text{name}{{}}" for letter, name in {
        "\\": "backslash", "^": "asciicircum", "~": "asciitilde", "<": "less", ">": "greater", "|": "bar",
    }.items()},
})  # fmt: skip


def _latex(text: str) -> str:
    return one_line(text, 400).translate(_LATEX)


def csv_text(header: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    """CSV with a header line; text is `nie.foreign.csv_cell`."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([csv_cell(cell) if isinstance(cell, str) else cell for cell in line] for line in lines)
    return file.getvalue()


def fold_list(folds: list[int], repetition: int | None = None) -> str:
    """Fold numbers, short, and how many there are.

    Args:
        folds: the numbers.
        repetition: what the folds of each repetition are numbered from; those that are repeated stand here once.

    >>> fold_list([0, 1, 2, 4])
    '0, 1, 2, 4 (n=4)'
    >>> fold_list([0, 1, 1000, 1001], repetition=1000)
    '0, 1 (n=4)'
    """
    numbers = folds if repetition is None else sorted({fold % repetition for fold in folds})
    return f"{', '.join(map(str, numbers))} (n={len(folds)})"
