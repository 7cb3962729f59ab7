"""The report of a study: its tables, paired tests and costs, as Markdown, CSV, LaTeX and one HTML page."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from downstream.methods.finished_predictions import parts_left_out
from downstream.metrics.registry import title
from downstream.reports.comparisons import FEW_FOLDS, TESTED_HEADERS, Comparison, compare, tested_cells
from downstream.reports.page import Table, write_markdown, write_page, write_text
from downstream.reports.results import Results
from downstream.reports.tables import csv_table, folds_csv, headers_of, latex_table, measured_rows, published_table
from downstream.studies.cost import cost_table
from downstream.studies.ground import Ground
from downstream.studies.records import Recorded, with_records
from downstream.studies.seeds import REPETITION, SEEDS_NOTE, merged, of_first_seed, over_seeds
from downstream.studies.study import Arm, Study
from nie.runs.run import Run
from nie.runs.stage import Stage

MOST_NAMED = 5
"""Rows that have not begun and are still named; a study may have a hundred."""


def results_of(study: Study, arms: Sequence[Arm], runs: Mapping[str, Run], recorded: Recorded) -> Results:
    """Test figures of the rows, each seed a row of its own, of runs and of records."""
    found = Results.of(runs, study.columns) if runs or not recorded else None
    return with_records(found, recorded, arms)


def study_tables(
    study: Study, arms: Sequence[Arm], runs: Mapping[str, Run], recorded: Recorded, apart: Results, results: Results
) -> list[Table]:
    """The tables of what is measured, published, tested, spent and missing, from rows apart by seed and merged."""
    headers, rows = headers_of(results), measured_rows(results, REPETITION if study.seeds else None)
    places = [results.places(metric) for metric in results.metrics]
    marks = {
        (row, 1 + column): place
        for row, name in enumerate(results.rows)
        for column, found in enumerate(places)
        if (place := found.get(name, 3)) <= 2
    }
    stage = study.ground.stage
    repeated = SEEDS_NOTE if study.seeds else ""
    note = " ".join(
        text
        for text in (study.note, repeated, stage.caption, missing(arms, apart.rows, stage.unit), *blended_without(runs))
        if text
    )
    tables = [Table("Measured", [*headers, stage.unit], rows, note, marks)]
    published = published_table(results.dataset, results.metrics, stage)
    if published and set(stage.columns) <= set(results.metrics):
        note = "Not measured here; their text features differ from ours."
        tables.append(Table("Published", [*headers, "source"], published, note))
    shares = [study.ground.test_share(run) for run in list(runs.values())[:1]]
    shares += [record.test_share for of_row in recorded.values() for record in of_row.values()]
    comparisons = compare(
        results,
        study.pairs([arm for arm in arms if not (arm.repeats and arm.repeats[1])]),
        _in_table(study.tested, results, stage),
        shares[0],
        over_seeds,
    )
    if comparisons:
        tables.append(_comparison_table(comparisons, study.ground))
    return [*tables, cost_table(of_first_seed(runs, arms), stage.unit, of_first_seed(_spent(recorded), arms))]


def _in_table(tested: Sequence[str], results: Results, stage: Stage[Any]) -> list[str]:
    """The metrics to test, or those that stand in their place in the table of smaller test sets."""
    small = dict(zip(stage.columns, stage.columns_small, strict=False))
    return [
        small[metric] if metric not in results.metrics and small.get(metric) in results.metrics else metric
        for metric in tested
    ]


def _spent(recorded: Recorded) -> dict[str, float]:
    """Mean seconds of those folds of a row whose seconds are known; nan where none are."""
    known = {row: [one.seconds for one in of.values() if not math.isnan(one.seconds)] for row, of in recorded.items()}
    return {row: statistics.fmean(seconds) if seconds else math.nan for row, seconds in known.items()}


def write_report(
    folder: Path, command: str, study: Study, arms: Sequence[Arm], runs: Mapping[str, Run],
    recorded: Recorded, figures: Mapping[str, str] | None = None, further: Sequence[Table] = (),
) -> str:  # fmt: skip
    """Write ``table.md``, ``table.csv``, ``table.tex`` and ``folds.csv``, and with figures ``report.html``.

    Args:
        folder: where to.
        command: what made it.
        study: the study.
        arms: all its arms; those without a run are named as missing.
        runs: the finished runs by row.
        recorded: what was measured before.
        figures: SVG by title, in the order of the page.
        further: tables after those of every study.

    Returns:
        The Markdown.

    Raises:
        NieError: no run has a finished fold, or the extra ``report`` is not installed.
    """
    apart = results_of(study, arms, runs, recorded)
    results = merged(apart, arms)
    tables = [*study_tables(study, arms, runs, recorded, apart, results), *further]
    write_text(folder / "table.csv", csv_table(results))
    write_text(folder / "table.tex", latex_table(results) + "\n")
    write_text(folder / "folds.csv", folds_csv(results))
    if figures is not None:
        write_page(folder, study.question, results.dataset, command, tables, figures)
    return write_markdown(folder, study.question, results.dataset, command, tables)


def missing(arms: Sequence[Arm], rows: Mapping[str, Collection[int]], unit: str) -> str:
    """A note on how many runs are behind a table, and which are missing.

    Args:
        arms: of the study.
        rows: the finished folds by row, each seed a row of its own.
        unit: what runs are repeated over, in the plural: "folds" or "repetitions".
    """
    folds = sum(map(len, rows.values()))
    wanted = {arm.name: set(arm.config.fold_numbers) for arm in arms}
    absent = {name: wanted[name] - set(rows.get(name, ())) for name in wanted}
    number: Counter[str] = Counter()
    lacking: Counter[str] = Counter()
    for arm in arms:
        row = arm.repeats[0] if arm.repeats else arm.name
        number[row] += len(wanted[arm.name])
        lacking[row] += len(absent[arm.name])
    open_rows = [f"{row} ({lacking[row]} of {number[row]} {unit})" for row in number if 0 < lacking[row] < number[row]]
    not_begun = [f"{row} ({lacking[row]} of {number[row]} {unit})" for row in number if 0 < lacking[row] == number[row]]
    open_rows += not_begun[:MOST_NAMED]
    if len(not_begun) > MOST_NAMED:
        open_rows.append(f"and {len(not_begun) - MOST_NAMED} more rows, which have not begun")
    counted = f"{len(rows)} runs, {folds} {unit} in all"
    return f"{counted}; not finished: {', '.join(open_rows)}." if open_rows else f"{counted}; nothing is left out."


def blended_without(runs: Mapping[str, Run]) -> Iterator[str]:
    """A sentence for each blend of which a part has failed."""
    for name, run in runs.items():
        if left_out := dict.fromkeys(part for fold in run.finished_folds() for part in parts_left_out(run, fold)):
            without = ", ".join(left_out)
            yield f"The row {name} is made without {without}, which had not finished; remove it to make it anew."


def _comparison_table(comparisons: Sequence[Comparison], ground: Ground) -> Table:
    rows = [[f"{one.ours} against {one.theirs}", title(one.metric), *tested_cells(one)] for one in comparisons]
    note = f"{ground.test_note} {len(comparisons)} comparisons."
    fewest = min((one.test.n for one in comparisons if one.test), default=0)
    if fewest < FEW_FOLDS:
        unit = ground.stage.unit
        note += f" On {fewest} {unit} such a test finds only very large differences: read d and better, not p."
    return Table("Paired tests", ["comparison", "metric", *TESTED_HEADERS], rows, note)
