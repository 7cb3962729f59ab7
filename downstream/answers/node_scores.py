"""Scores of every node from a finished run, and the top of the list beside the truth."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from downstream.answers.same_graph import check_same_graph
from downstream.reports.tables import markdown_grid
from downstream.stages.importance import IMPORTANCE
from nie.arrays import Array
from nie.data import load
from nie.data.version import version_of
from nie.disk.atomic import atomic_file
from nie.disk.writable import check_writable
from nie.errors import NieError, shown
from nie.extras import require
from nie.foreign import csv_cell
from nie.runs.run import Run


@dataclass(frozen=True)
class NodeScores:
    """The scores of all nodes.

    Attributes:
        name: node names.
        importance: predicted importance, on the scale of the given importance.
        rank: 1 for the node that the method ranks highest.
        known: the given importance, nan where there is none.
        held_out: True where no model behind ``importance`` has seen the node's own label.
    """

    name: list[str]
    importance: Array
    rank: Array
    known: Array
    held_out: Array


def score_nodes(run: Run, *, data_root: str | Path = "datasets") -> NodeScores:
    """Score every node with the models of all finished folds.

    A labelled node that was in the test set of a finished fold gets that fold's prediction, which has not seen its
    label; any other node gets the mean over folds, on the label scale.

    Raises:
        NieError: another stage made the run, it has no finished fold, or its dataset has changed.
    """
    run.check_stage(IMPORTANCE.name)
    folds = run.finished_folds()
    if not folds:
        raise NieError(
            f"{run.path} has no finished fold to predict from; run 'nie {IMPORTANCE.command}' to its end first."
        )
    kg = load(run.config["dataset"], data_root)
    check_same_graph(run, version_of(kg))
    mean, score = (
        np.mean([read(fold, kg.num_nodes) for fold in folds], axis=0) for read in (run.predictions, run.ranking_scores)
    )
    held_out = ~kg.label_mask
    for fold in folds:
        test = run.split(fold)["test"]
        mean[test] = run.predictions(fold, kg.num_nodes)[test]
        score[test] = run.ranking_scores(fold, kg.num_nodes)[test]
        held_out[test] = True
    importance = np.maximum(np.expm1(mean), 0.0) if kg.label_transform == "log1p" else mean
    return NodeScores(
        name=[str(name) for name in kg.node_names],
        importance=importance,
        rank=_rank(score),
        known=np.where(kg.label_mask, kg.labels, np.nan),
        held_out=held_out,
    )


def write_scores(scores: NodeScores, path: str | Path) -> None:
    """Write all nodes, most important first, as ``.csv`` or ``.parquet``; of equal ranks, by name.

    Names are as they are in Parquet, and `nie.foreign.csv_cell` in CSV.

    Raises:
        NieError: another file ending, or Parquet without the extra ``report``.
    """
    target = check_target(path)
    order = _listed(scores.rank, scores.name)
    known = [None if np.isnan(value) else float(value) for value in scores.known[order]]
    columns: dict[str, list[Any]] = {
        "rank": scores.rank[order].tolist(),
        "node": [scores.name[i] for i in order],
        "predicted_importance": scores.importance[order].tolist(),
        "known_importance": known,
        "held_out": scores.held_out[order].tolist(),
    }
    if target.suffix == ".parquet":
        pyarrow, parquet = require("pyarrow", "report"), require("pyarrow.parquet", "report")
        with atomic_file(target) as temporary:
            parquet.write_table(pyarrow.table(columns), temporary)
    else:
        with atomic_file(target) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            cells = {**columns, "node": map(csv_cell, columns["node"])}
            writer.writerows(zip(*cells.values(), strict=True))


def check_target(path: str | Path) -> Path:
    """Return ``path`` if scores can be written there; called before a long job as well as after it.

    Raises:
        NieError: another file ending, a place that cannot be written, or Parquet without the extra ``report``.
    """
    target = Path(path)
    if target.suffix not in (".csv", ".parquet"):
        raise NieError(f"{shown(str(target))} must end in .csv or .parquet.")
    check_writable(target)
    if target.suffix == ".parquet":
        require("pyarrow", "report")
    return target


def top_table(scores: NodeScores, model: str, count: int = 10) -> str:
    """The most important held-out labelled nodes as ``model`` sees them, next to their true ranks among these.

    Nodes of equal importance share the best of their ranks, and stand in the order of their names.
    """
    ids = np.flatnonzero(scores.held_out & ~np.isnan(scores.known))
    predicted_rank, true_rank = _rank(scores.importance[ids]), _rank(scores.known[ids])
    rows = [
        [
            str(predicted_rank[i]), scores.name[ids[i]], f"{scores.importance[ids[i]]:,.0f}",
            str(true_rank[i]), f"{scores.known[ids[i]]:,.0f}",
        ]
        for i in _listed(predicted_rank, [scores.name[node] for node in ids])[:count]
    ]  # fmt: skip
    headers = ["predicted rank", "node", "predicted importance", "true rank", "true importance"]
    table = markdown_grid(headers, rows, width=80)
    return f"Most important of the {len(ids):,} held-out labelled nodes, as {model} sees them:\n\n{table}\n"


def _rank(score: Array) -> Array:
    """1 for the highest score; nodes of equal scores share the best of their places."""
    return np.asarray(np.searchsorted(np.sort(-score), -score) + 1)


def _listed(rank: Array, name: Sequence[str]) -> list[int]:
    """Places in the order of the ranks, and where these are equal in that of the names: never in that of a file."""
    return sorted(range(len(name)), key=lambda i: (rank[i], name[i]))
