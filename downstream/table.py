"""The table of a dataset: every finished run as mean ± standard deviation over its folds, published rows apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tabulate import tabulate

from nie.config import ImportanceConfig
from nie.errors import NieError
from nie.recipes import read_recipe, recipe_folder
from nie.runs import Run, read_json, read_run

COLUMNS = ("rmse", "medianae", "ndcg@100", "spearman", "over@100")
FALLBACK_COLUMNS = ("rmse", "medianae", "ndcg@20", "spearman", "over@20")
TITLES = {"rmse": "RMSE", "medianae": "MedianAE", "spearman": "SPEARMAN"}
ORDER = ("pagerank", "ridge", "boosting", "rgtn", "rgtn+licap")
CAPTION = (
    "Test nodes of the folds named; mean ± population standard deviation over folds. "
    "Compare only rows of the same folds."
)


def find_runs(dataset: str, run_root: str | Path = "checkpoints") -> list[Run]:
    """All stage-2 runs of ``dataset`` with at least one finished fold, baselines first.

    Raises:
        NieError: there are none.
    """
    folder = Path(run_root) / "downstream" / dataset
    runs = [read_run(path.parent) for path in sorted(folder.glob("*/summary.json"))]
    runs = [run for run in runs if run.finished_folds()]
    if not runs:
        raise NieError(f"There is no finished run in {folder}; start one with 'nie run {dataset}'.")
    return sorted(runs, key=lambda run: _position(str(run.config["label"])))


def markdown_table(runs: Iterable[Run]) -> str:
    """One row a run, all of one dataset, and below them the published rows."""
    runs = list(runs)
    summaries = [_summary(run) for run in runs]
    # Small graphs have test sets below 100 nodes; then the columns are those at 20.
    fits = all("ndcg@100" in summary["test"] for summary in summaries)
    columns = COLUMNS if fits else FALLBACK_COLUMNS
    headers = ["method", *(_title(column) for column in columns)]
    labels = Counter(str(run.config["label"]) for run in runs)
    rows = [
        [_name(run, labels), *(_cell(summary["test"].get(column)) for column in columns), _folds(summary["folds"])]
        for run, summary in zip(runs, summaries, strict=True)
    ]
    text = tabulate(rows, [*headers, "folds"], tablefmt="github", disable_numparse=True) + f"\n\n{CAPTION}\n"
    reported = published_rows(str(runs[0].config["dataset"])) if runs else {}
    if reported:
        published = [
            [name, *(_published(row, column) for column in columns), str(row.get("source", ""))]
            for name, row in reported.items()
        ]
        text += "\nPublished rows (other text features; not measured here):\n\n"
        text += tabulate(published, [*headers, "source"], tablefmt="github", disable_numparse=True) + "\n"
    return text


def _summary(run: Run) -> dict[str, Any]:
    summary = read_json(run.path / "summary.json")
    if not isinstance(summary.get("test"), dict) or not isinstance(summary.get("folds"), list):
        raise NieError(f"{run.path / 'summary.json'} is damaged; run the stage again to rewrite it.")
    return summary


def published_rows(dataset: str) -> dict[str, dict[str, Any]]:
    """The published rows that the dataset's ``published`` recipe carries, by method."""
    recipe = f"{dataset}-published"
    if not (recipe_folder(ImportanceConfig) / f"{recipe}.yaml").is_file():
        return {}
    rows: dict[str, dict[str, Any]] = read_recipe(ImportanceConfig, recipe)["reported"]
    return rows


def _position(label: str) -> tuple[int, str]:
    return (ORDER.index(label) if label in ORDER else len(ORDER), label)


def _title(column: str) -> str:
    return TITLES.get(column, column.upper())


def _name(run: Run, labels: Counter[str]) -> str:
    """The run's label; with its hash where several runs share the label."""
    label = str(run.config["label"])
    return label if labels[label] == 1 else run.path.name


def _cell(figure: dict[str, float | None] | None) -> str:
    if figure is None:
        return "—"
    if figure["mean"] is None:
        return "undefined"
    if figure["n"] == 1:
        return f"{figure['mean']:.4f}"
    return f"{figure['mean']:.4f} ± {figure['sd']:.4f}"


def _published(row: dict[str, Any], column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value)


def _folds(folds: list[int]) -> str:
    """Fold numbers, short.

    >>> _folds([0, 1, 2, 4])
    '0, 1, 2, 4 (n=4)'
    """
    return f"{', '.join(map(str, folds))} (n={len(folds)})"
