"""The figures of a study, drawn."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from downstream.metrics.registry import title
from downstream.reports.results import Results
from nie.arrays import Array
from nie.data import KnowledgeGraph
from nie.extras import require
from nie.foreign import one_line
from nie.runs.files import LOSS_TERM
from nie.runs.run import Run

DRAWN = ("rmse", "spearman")


def fold_points(results: Results, metrics: Sequence[str] = DRAWN) -> Any:
    """A dot for each fold and row, and the mean, for each of the metrics."""
    figure, axes = _axes(1, len(metrics), width=5.5, height=1.2 + 0.28 * len(results.rows))
    names = list(results.rows)
    shown = [_shown(name) for name in names]
    for axis, metric in zip(axes, metrics, strict=True):
        for place, name in enumerate(names):
            values = [value for value in results.values(name, metric) if value is not None]
            axis.plot(values, [place] * len(values), "o", color="tab:blue", alpha=0.5, markersize=5)
            if values:
                axis.plot([np.mean(values)], [place], "|", color="black", markersize=14)
        axis.set(yticks=range(len(names)), yticklabels=shown, xlabel=title(metric))
        axis.invert_yaxis()
        axis.grid(axis="x", alpha=0.3)
    axes[-1].set_yticklabels([])
    return figure


def learning_curves(runs: Mapping[str, Run], metric: str = "spearman") -> Any | None:
    """A validation metric over epochs, mean of the folds, up to the last epoch that all of them reached.

    Rows on pretrained features are dashed; a pair that differs in nothing else has one colour. None where no row was
    trained in epochs.
    """
    curves = {name: _mean_curve(run, metric) for name, run in runs.items()}
    curves = {name: curve for name, curve in curves.items() if curve}
    if not curves:
        return None
    figure, (axis,) = _axes(1, 1, width=7, height=4)
    firsts = _firsts_of_pairs({name: runs[name] for name in curves})
    coloured = list(dict.fromkeys(firsts.values()))
    colours = require("matplotlib", "report").colormaps["turbo"](np.linspace(0.05, 0.95, len(coloured)))
    for name, curve in curves.items():
        colour = colours[coloured.index(firsts[name])]
        style = "--" if runs[name].config.get("pretrained") else "-"
        axis.plot(list(curve), list(curve.values()), label=_shown(name), color=colour, linestyle=style)
    axis.set(xlabel="epoch", ylabel=f"validation {title(metric)}")
    axis.legend(fontsize=7, ncols=2)
    axis.grid(alpha=0.3)
    return figure


def loss_terms(runs: Mapping[str, Run]) -> Any | None:
    """Every term of the loss over epochs, before its weight, a panel for each row; None where no loss has terms."""
    terms = {name: {term: _mean_curve(run, term) for term in _terms_of(run)} for name, run in runs.items()}
    terms = {name: drawn for name, drawn in terms.items() if drawn}
    if not terms:
        return None
    columns = min(len(terms), 3)
    figure, axes = _axes(-(-len(terms) // columns), columns, width=4.5, height=3)
    for axis, (name, drawn) in zip(axes, terms.items(), strict=False):
        for term, curve in drawn.items():
            axis.plot(list(curve), list(curve.values()), label=_shown(term.removeprefix(LOSS_TERM)))
        axis.set(title=_shown(name), xlabel="epoch")
        axis.legend(fontsize=7)
        axis.grid(alpha=0.3)
    for axis in axes[len(terms) :]:
        axis.set_axis_off()
    return figure


def _terms_of(run: Run) -> list[str]:
    """The columns of a run's curves that hold terms of its loss, where it has more than one."""
    columns: dict[str, None] = {}
    for fold in run.finished_folds():
        for rows in _curves(run, fold):
            columns.update(dict.fromkeys(name for name in rows[0] if name.startswith(LOSS_TERM)) if rows else {})
    return list(columns) if len(columns) > 1 else []


def _firsts_of_pairs(runs: Mapping[str, Run]) -> dict[str, str]:
    """By row, the raw row of a pair of rows that differ in ``pretrained`` alone; itself where it is in no such pair."""
    apart = ("label", "pretrained", "folds")
    settings = {row: {key: run.config[key] for key in run.config if key not in apart} for row, run in runs.items()}
    firsts = {}
    for name in runs:
        alike = [row for row in runs if settings[row] == settings[name]]
        raw = [row for row in alike if not runs[row].config.get("pretrained")]
        firsts[name] = raw[0] if len(raw) == 1 and len(alike) == 2 else name
    return firsts


def predicted_against_true(name: str, run: Run, kg: KnowledgeGraph) -> Any:
    """Predicted against true label of the test nodes of all finished folds."""
    truth, prediction = [], []
    for fold in run.finished_folds():
        test = run.split(fold)["test"]
        truth.append(kg.targets[test])
        prediction.append(run.predictions(fold, kg.num_nodes)[test])
    x, y = np.concatenate(truth), np.concatenate(prediction)
    figure, (axis,) = _axes(1, 1, width=5, height=4.5)
    drawn = axis.hexbin(x, y, gridsize=60, bins="log", mincnt=1, cmap="viridis")
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    axis.plot([low, high], [low, high], color="black", linewidth=0.8)
    label = _shown(str(kg.meta.get("label", "importance")))
    scale = f"log(1 + {label})" if kg.label_transform == "log1p" else label
    axis.set(xlabel=f"true {scale}", ylabel=f"{scale} predicted by {_shown(name)}")
    figure.colorbar(drawn, label="test nodes")
    return figure


def histograms(counted: Mapping[str, Sequence[tuple[float, float, int]]], label: str) -> Any:
    """The number of nodes by interval of the label, on a logarithmic axis; a panel for each scale of it.

    Args:
        counted: by scale, such as ``log(1 + label)``, lower end, upper end and nodes of each interval.
        label: what the label is, in the place of the word.
    """
    figure, axes = _axes(1, len(counted), width=4.5, height=3.2)
    for axis, (scale, rows) in zip(axes, counted.items(), strict=True):
        lows, highs, nodes = (np.array(column) for column in zip(*rows, strict=True))
        widths = highs - lows
        axis.bar(
            lows, nodes, np.where(widths > 0, widths, 1.0), align="edge", color="tab:blue", edgecolor="white", lw=0.3
        )
        axis.set(xlabel=_shown(scale.replace("label", label)), ylabel="nodes", yscale="log")
        axis.grid(axis="y", alpha=0.3)
    return figure


def reliability_curve(shares: Mapping[float, float]) -> Any:
    """The share of nodes inside their intervals, by the share that is meant to be; on the line where they are equal."""
    figure, (axis,) = _axes(1, 1, width=5, height=4.5)
    axis.plot([0, 1], [0, 1], color="black", linewidth=0.8)
    axis.plot(list(shares), list(shares.values()), "o", color="tab:blue", markersize=5)
    axis.set(xlim=(0, 1), ylim=(0, 1), xlabel="share that is meant to be inside", ylabel="share of test nodes inside")
    axis.grid(alpha=0.3)
    return figure


def heat_map(values: Mapping[tuple[float, float], float], x_label: str, y_label: str, heading: str) -> Any:
    """Values over two axes, such as the mean of a metric over two hyper-parameters, with the number in every cell."""
    xs, ys = sorted({x for x, _ in values}), sorted({y for _, y in values})
    grid = np.array([[values.get((x, y), math.nan) for x in xs] for y in ys])
    figure, (axis,) = _axes(1, 1, width=5, height=4)
    drawn = axis.imshow(grid, cmap="viridis", aspect="auto", origin="lower")
    for (row, column), value in np.ndenumerate(grid):
        text = "" if math.isnan(value) else f"{value:.4f}"
        axis.text(column, row, text, ha="center", va="center", bbox={"facecolor": "white", "alpha": 0.7, "lw": 0})
    axis.set(xticks=range(len(xs)), xticklabels=xs, yticks=range(len(ys)), yticklabels=ys)
    axis.set(xlabel=x_label, ylabel=y_label, title=heading)
    figure.colorbar(drawn)
    return figure


def lines(
    curves: Mapping[str, Mapping[float, float]], x_label: str, y_label: str, *, logarithmic: bool = False
) -> Any:  # fmt: skip
    """A line for each row, through its points; ``logarithmic`` is the x axis."""
    figure, (axis,) = _axes(1, 1, width=7, height=4)
    colours = require("matplotlib", "report").colormaps["turbo"](np.linspace(0.05, 0.95, len(curves)))
    for (name, curve), colour in zip(curves.items(), colours, strict=True):
        axis.plot(list(curve), list(curve.values()), "o-", label=_shown(name), color=colour, markersize=3)
    axis.set(xlabel=x_label, ylabel=y_label)
    if logarithmic:
        axis.set_xscale("log")
    axis.legend(fontsize=7, ncols=2)
    axis.grid(alpha=0.3)
    return figure


def training_cost(seconds: Mapping[str, float]) -> Any:
    """Seconds for each fold by row, on a logarithmic axis."""
    figure, (axis,) = _axes(1, 1, width=6, height=1 + 0.25 * len(seconds))
    axis.barh([_shown(name) for name in seconds], list(seconds.values()), color="tab:blue")
    axis.set(xscale="log", xlabel="seconds a fold")
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)
    return figure


def accuracy_against_cost(points: Mapping[str, tuple[float, float]], y_label: str) -> Any:
    """A dot for each row at (seconds a fold, metric), with its name beside it."""
    figure, (axis,) = _axes(1, 1, width=7.5, height=4.5)
    for name, (seconds, value) in points.items():
        axis.plot([seconds], [value], "o", color="tab:blue", markersize=5)
        axis.annotate(_shown(name), (seconds, value), xytext=(4, 3), textcoords="offset points", fontsize=7)
    axis.set(xscale="log", xlabel="seconds a fold", ylabel=y_label)
    axis.grid(alpha=0.3)
    return figure


def signed_bars(values: Sequence[tuple[str, float]], x_label: str) -> Any:
    """A bar for each value, the first on top: to the right and blue above 0, to the left and orange below."""
    figure, (axis,) = _axes(1, 1, width=8, height=1 + 0.25 * max(len(values), 1))
    places, sizes = range(len(values)), [value for _, value in values]
    axis.barh(places, sizes, color=["tab:blue" if size >= 0 else "tab:orange" for size in sizes])
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set(yticks=places, yticklabels=[_shown(one_line(name, 90)) for name, _ in values], xlabel=x_label)
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)
    return figure


def head_maps(rows: Sequence[str], shares: Mapping[str, Array]) -> Any:
    """A map for each attention, with its shares (rows, heads): the darker, the more a head pays to what a row is."""
    figure, axes = _axes(1, len(shares), width=2.2, height=1.2 + 0.25 * max(len(rows), 1))
    for axis, (name, paid) in zip(axes, shares.items(), strict=True):
        drawn = axis.imshow(paid, cmap="Blues", vmin=0, aspect="auto")
        axis.set(
            xticks=range(paid.shape[1]), xticklabels=range(1, paid.shape[1] + 1), xlabel="head", title=_shown(name)
        )
        axis.set(yticks=range(len(rows)), yticklabels=[])
        figure.colorbar(drawn)
    axes[0].set_yticklabels([_shown(one_line(row, 90)) for row in rows])
    return figure


def embedding_maps(points: Mapping[str, Array], importance: Array, bins: Array) -> Any:
    """Points (n, 2) by title, coloured by importance above and by bin below."""
    figure, axes = _axes(2, len(points), width=3.6, height=3.4)
    for column, (name, xy) in enumerate(points.items()):
        for row, (colour, cmap, what) in enumerate(((importance, "viridis", "importance"), (bins, "tab10", "bin"))):
            axis = axes[row * len(points) + column]
            drawn = axis.scatter(*xy.T, c=colour, cmap=cmap, s=4, rasterized=True)
            axis.set(xticks=[], yticks=[], title=f"{_shown(name)}, by {what}")
            figure.colorbar(drawn, ax=axis)
    return figure


def fold_curves(run: Run, fold: int, metric: str) -> list[dict[int, float]]:
    """A figure of one fold by epoch, where it was taken; several curves where models are averaged."""
    return [
        {int(float(row["epoch"])): float(row[metric]) for row in rows if row.get(metric)} for rows in _curves(run, fold)
    ]


def _curves(run: Run, fold: int) -> list[list[dict[str, str]]]:
    """The rows of every file of curves that a fold has."""
    found = []
    for name in run.files(fold):
        if name.rpartition("/")[2] == "curves.csv":
            with run.file(fold, name).open(encoding="utf-8", newline="") as file:
                found.append(list(csv.DictReader(file)))
    return found


def _mean_curve(run: Run, metric: str) -> dict[int, float]:
    """Validation metric by epoch, where all folds (and members) were evaluated."""
    curves = [curve for fold in run.finished_folds() for curve in fold_curves(run, fold, metric)]
    shared = set.intersection(*map(set, curves)) if curves else set()
    return {epoch: float(np.mean([curve[epoch] for curve in curves])) for epoch in sorted(shared)}


def _shown(name: str) -> str:
    """A name as matplotlib writes it, which takes what stands between two ``$`` for a formula."""
    return one_line(name, 200).replace("$", r"\$")


def _axes(rows: int, columns: int, *, width: float, height: float) -> tuple[Any, list[Any]]:
    """A figure, and its axes in reading order, drawn without a screen and without global state."""
    size = (width * columns, height * rows)
    figure = require("matplotlib.figure", "report").Figure(figsize=size, layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)
