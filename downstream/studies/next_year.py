"""The study of time: films of the next year, predicted from those before, as a user would have had to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from downstream.methods.importance_settings import ImportanceConfig, NetworkConfig
from downstream.methods.table import METHODS
from downstream.metrics.registry import evaluate, title
from downstream.reports.page import Table, write_markdown, write_page
from downstream.stages.runner import Runner
from downstream.studies.settings import Settings
from downstream.studies.study import Study
from nie.data import KnowledgeGraph
from nie.data.dates import dates_of_edges
from nie.deadline import OutOfTime, check_time
from nie.errors import NieError
from nie.progress import log
from nie.runs.files import read_json, write_json
from nie.settings.flags import flag_value
from pretrain.licap_settings import LicapConfig

YEARS = (2015, 2012, 2009, 2006, 2014, 2013, 2011, 2010, 2008, 2007, 2005)
"""In the order in which they are run, so that a few years lie far apart."""
METRICS = ("rmse", "spearman", "ndcg@20", "over@20")
MEAN = "mean of the labels"
FEATURES = "relation-counts"
TEXT = "minilm"
TEMPORAL = 1.0
ANY = "2000-12-31"
"""A day that stands for the one that `Row.of_year` puts there."""
NOTE = (
    "Labelled nodes of the year, mean ± population standard deviation over the years. The methods are fitted to nodes "
    "of earlier years and the facts known then; the new nodes come with their facts afterwards. In the control, "
    "new nodes have exchanged their facts. Labels are those of the dataset, whenever they were measured."
)


@dataclass(frozen=True)
class Row:
    """A method, and the pretraining before it, whose snapshots ``of_year`` puts into a year."""

    config: ImportanceConfig
    licap: LicapConfig | None = None

    def of_year(self, year: int) -> LicapConfig | None:
        """The pretraining for the nodes of a year; a snapshot is what was known a year before the fitting."""
        if self.licap is None or not self.licap.snapshots.dates:
            return self.licap
        snapshots = self.licap.snapshots.model_copy(update={"dates": (f"{year - 2:04}-12-31",)})
        return self.licap.model_copy(update={"snapshots": snapshots})

    def label(self) -> str:
        """A name that other settings do not have."""
        stages = [self.config, *([] if self.licap is None else [self.licap])]
        return "-".join([self.config.run_label(), *(stage.digest()[:8] for stage in stages)])


SNAPSHOTS: dict[str, dict[str, Any]] = {
    "untrained": {"loss": {"objective": "untrained"}},
    "LICAP": {},
    "LICAP, warm start": {"snapshots": {"dates": (ANY,)}},
    "LICAP, temporal positives": {"snapshots": {"dates": (ANY,), "warm_start": False, "temporal_weight": TEMPORAL}},
    "LICAP, temporal positives of other nodes": {
        "snapshots": {"dates": (ANY,), "warm_start": False, "temporal_weight": TEMPORAL, "shuffled": True}
    },
}
"""How an encoder is pretrained on the snapshot before the year, with that of a year before."""


def rows_of(settings: Settings, kg: KnowledgeGraph) -> dict[str, Row]:
    """The methods by name, on features that a new node has: ready channels of the graph, relations, texts.

    ``--features.semantic`` may name other features of the text.
    """
    own = "+".join([*(name for name in kg.channels if name == "facts"), FEATURES])
    said = flag_value(settings.flags, "--features.semantic") is not None
    text = {} if said else {"semantic": TEXT if any(kg.text) else "none"}
    plain = {"features": {"structural": own, **text}}
    around = {"features": {"structural": f"{own}+neighbours+neighbour-labels", **text}}
    small = {"model": {"hidden_size": 32}, **plain}
    rows = {
        "boosting": Row(settings.method("boosting", **plain)),
        # The method of that name also reads centrality, which is of one graph.
        "boosting-neighbours": Row(settings.method("boosting", **around)),
        "mlp": Row(settings.method("mlp", **plain)),
        "rgcn": Row(settings.method("rgcn", **small)),
        "rgcn, LICAP in training": Row(settings.method("rgcn", loss={"contrast_weight": 0.1}, **small)),
        "graphsage": Row(settings.method("graphsage", **plain)),
    }
    for name, changes in SNAPSHOTS.items():
        licap = settings.licap(channels=("structural",), features=plain["features"], **changes)
        rows[f"graphsage, {name}"] = Row(rows["graphsage"].config, licap)
    return rows


def write_next_year(
    settings: Settings, *, question: str, runner: Runner, folder: Path, command: str, report_only: bool
) -> str:
    """Run the years that are missing, as far as there is time, and write the tables; return the Markdown.

    What is finished is kept under ``<run root>/next-year``, a file for each row and year.

    Raises:
        NieError: the graph has no dates, or no year that can be predicted, or nothing is finished.
    """
    kg = runner.graph(settings.dataset)
    dates_of_edges(kg)  # a graph without dates is refused before anything else
    rows, kept = _of_one_model(rows_of(settings, kg)), Path(runner.run_root) / "next-year" / kg.name
    if not report_only:
        try:
            for year in YEARS:
                _run_year(kg, year, rows, kept, runner.data_root)
        except OutOfTime:
            log.info("stopped, because the time is over; the same command goes on")
    found = {
        name: {year: read_json(path) for year in YEARS if (path := _path(kept, kg, row, year)).exists()}
        for name, row in {MEAN: None, **rows}.items()
    }
    found = {name: years for name, years in found.items() if years}
    if not found:
        raise NieError(f"No year of {kg.name} is finished; run the study without --report-only, or give it more time.")
    tables = [*_tables(found)]
    write_page(folder, question, settings.dataset, command, tables, {})
    return write_markdown(folder, question, settings.dataset, command, tables)


def _of_one_model(rows: dict[str, Row]) -> dict[str, Row]:
    """The rows, if each predicts the year with one network of one epoch.

    Raises:
        NieError: one averages networks, or takes predictions from an epoch of their own.
    """
    for name, row in rows.items():
        network = cast(NetworkConfig, row.config)
        if METHODS[row.config.method].is_network and (network.members > 1 or len(network.selecting) > 1):
            raise NieError(
                f"The study next-year predicts with one network of one epoch, and {name} has members "
                f"{network.members} and select_value {network.select_value}; give a --profile whose recipe has "
                "neither, such as fast."
            )
    return rows


def _path(kept: Path, kg: KnowledgeGraph, row: Row | None, year: int) -> Path:
    """Where figures are kept; another graph, other dates or other settings have another place."""
    return kept / kg.data_digest[:8] / f"{'mean' if row is None else row.label()}-{year}.json"


def _run_year(kg: KnowledgeGraph, year: int, rows: Mapping[str, Row], kept: Path, data_root: str | Path) -> None:
    """Run what is missing of a year; one that has too few labelled nodes is left out."""
    missing = {name: row for name, row in rows.items() if not _path(kept, kg, row, year).exists()}
    if not missing:
        return
    from downstream.studies.snapshots import NextYear, forecast

    period = NextYear(kg, year)
    try:
        true = kg.targets[period.new]
    except NieError as error:
        log.warning("%d is left out: %s", year, error)
        return
    mean = np.full(len(true), kg.targets[period.fold.train].mean())
    _keep(_path(kept, kg, None, year), {"real": evaluate(true, mean, METRICS), "nodes": len(true)})
    for name, row in missing.items():
        check_time()
        log.info("%s %d", name, year)
        with tempfile.TemporaryDirectory() as scratch:
            made = forecast(row.config, period, Path(scratch), data_root, row.of_year(year))
        figures = {
            "real": evaluate(true, made.prediction[period.new], METRICS),
            "shuffled": evaluate(true, made.shuffled[period.new], METRICS),
            "nodes": len(true),
        }
        _keep(_path(kept, kg, row, year), figures)


def _keep(path: Path, figures: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, figures)


def _tables(found: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> Iterator[Table]:
    common = sorted(set.intersection(*(set(years) for years in found.values())))
    said = f"Years {', '.join(map(str, common))}. {NOTE}"
    if common:
        lines = []
        for name, years in found.items():
            for kind, end in (("real", ""), ("shuffled", ", facts of other new nodes")):
                if kind in years[common[0]]:
                    own = ([years[year][kind].get(metric) for year in common] for metric in METRICS)
                    lines.append([name + end, *map(_mean_sd, own)])
        yield Table("All years", ["row", *map(title, METRICS)], lines, said)
    every = sorted({year for years in found.values() for year in years})
    for metric in ("spearman", "rmse"):
        lines = [
            [name, *(_cell(years[year]["real"].get(metric)) if year in years else "" for year in every)]
            for name, years in found.items()
        ]
        counts = next(iter(found.values()))
        nodes = ", ".join(f"{year}: {counts[year]['nodes']}" for year in every if year in counts)
        yield Table(f"{title(metric)} by year", ["row", *map(str, every)], lines, f"Labelled nodes: {nodes}.")


def _cell(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"


def _mean_sd(values: list[float | None]) -> str:
    """Mean and deviation; a figure that is undefined in any year has none."""
    if any(value is None for value in values):
        return "—"
    numbers = np.array(values, dtype=np.float64)
    return f"{numbers.mean():.4f} ± {numbers.std():.4f}"


NEXT_YEAR = Study(
    "next-year",
    "How well are next year's nodes predicted, known only by their facts, numbers and text?",
    run=write_next_year,
    paced=True,
)
