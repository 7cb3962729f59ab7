"""The tables that studies of link prediction have beside those of every study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from downstream.metrics.registry import title
from downstream.reports.page import Table
from downstream.stages.links.stage import LINKS
from downstream.stages.links.triple_groups import groups_of
from downstream.stages.runner import Runner
from downstream.studies.link_gains import gains_table
from downstream.studies.study import Arm, Pair
from nie.runs.run import Run, mean_sd

PUBLISHED = ("mrr", "hits@1", "hits@3", "hits@10")


def kge_tables(
    pairs: Callable[[Sequence[Arm]], Sequence[Pair]], arms: Sequence[Arm], runs: Mapping[str, Run], runner: Runner
) -> tuple[list[Table], dict[str, Any]]:
    """MRR by group of the test triples, what is gained on each, and what is published; no figures.

    Args:
        pairs: makes those whose gains are shown.
        arms: of the study.
        runs: the finished ones by row.
        runner: gives the test triples.
    """
    config = arms[0].config
    kg = runner.inputs(config).kg
    test = kg.held_out["test"]
    unseen = groups_of(test, kg.triples, kg.relation_names, kg.num_nodes)["unseen entity"]
    groups = {"all": np.ones(len(test), dtype=bool), "seen entities": ~unseen, "unseen entity": unseen}
    gains = gains_table([pair for pair in pairs(arms) if runs.keys() >= set(pair)], runs, groups)
    return [groups_table(runs), *([gains] if gains.rows else []), *published_links(config.dataset)], {}


def groups_table(runs: Mapping[str, Run]) -> Table:
    """MRR by group of the test triples, mean over the repetitions."""
    figures = {name: [run.figures(fold, "parts") for fold in run.finished_folds()] for name, run in runs.items()}
    groups = list(next(iter(figures.values()))[0])
    counts = {group: next(iter(figures.values()))[0][group]["triples"] for group in groups}
    rows = [
        [name, *(f"{mean_sd([one[group]['mrr'] for one in found])['mean']:.4f}" for group in groups)]
        for name, found in figures.items()
    ]
    note = "The number of triples of a group stands behind its name; groups overlap."
    return Table(
        "MRR by group of the test triples",
        ["method", *(f"{group} ({counts[group]:,})" for group in groups)],
        rows,
        note,
    )


def published_links(dataset: str) -> list[Table]:
    """The published rows of the dataset, in percent."""
    rows = [
        [name, *(f"{row[metric]:.2f}" for metric in PUBLISHED), str(row["source"])]
        for name, row in LINKS.recipes.reported(dataset).items()
    ]
    headers = ["method", *map(title, PUBLISHED), "source"]
    note = "In percent. Not measured here; those that read images have what is not available here."
    return [Table("Published", headers, rows, note)] if rows else []
