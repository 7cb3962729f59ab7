"""What a dataset holds, as plain data: nodes, edges, relations, degrees, components, labels, channels and folds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nie.arrays import Floats, Ints
from nie.data import KnowledgeGraph
from nie.data.components import components
from nie.errors import NieError
from nie.rank_correlation import spearman
from pretrain.cross_validation import make_folds

BINS = 20
"""Bars of a histogram, all of one width."""
TOP_SHARE = 0.01
"""The nodes of the largest labels, whose share of all labels says how long the tail is."""


def dataset_facts(kg: KnowledgeGraph, *, num_folds: int = 5, seed: int = 0) -> dict[str, Any]:
    """Collect the statistics of a dataset; all of them can be written as JSON.

    Args:
        kg: the graph.
        num_folds: folds to count, as ``folds.num_folds``.
        seed: that they are drawn with, as ``folds.seed``.

    Returns:
        ``name``, ``digest``; ``nodes``, ``edges``, ``repeated_edges`` (with the same ends and relation as an earlier
        one), ``loops``; ``relations``, each with its edges and its different heads and tails, the most frequent first;
        ``degrees`` (in, out, both) and ``components`` (weak, strong); ``labels``, None for a graph without: number,
        share of the nodes, statistics of the labels and of log(1 + label), the share of all that the top 1 % of the
        nodes have; ``histograms`` of both as ``[lower end, upper end, nodes]``; ``text``, ``channels``, ``signals``
        (with SPEARMAN against the label), ``held_out``; ``folds``, with nodes, nodes of the top 1 % and the mean of
        what models learn for each part; and ``no_folds``, why there are none, or "".

    >>> from nie.data import synthetic
    >>> facts = dataset_facts(synthetic(0))
    >>> facts["nodes"], facts["labels"]["nodes"], facts["folds"][0]["train"]["nodes"]
    (300, 267, 187)
    """
    try:
        folds, no_folds = _folds(kg, num_folds, seed), ""
    except NieError as error:
        folds, no_folds = [], str(error)
    known = kg.labels[kg.label_mask]
    scales = {"label": known, "log(1 + label)": np.log1p(known)}
    return {
        "name": kg.name,
        "digest": kg.digest,
        "nodes": kg.num_nodes,
        "edges": kg.num_edges,
        "repeated_edges": kg.num_edges - len(np.unique(kg.triples, axis=0)),
        "loops": int((kg.src == kg.dst).sum()),
        "relations": _relations(kg),
        "degrees": _degrees(kg),
        "components": {name: _components(kg, name == "strong") for name in ("weak", "strong")},
        "labels": _labels(kg, scales) if len(known) else None,
        "histograms": {name: histogram(values) for name, values in scales.items()} if len(known) else {},
        "text": {"nodes": (written := sum(text is not None for text in kg.text)), "missing": kg.num_nodes - written},
        "channels": {
            name: {
                "columns": channel.features.shape[1] // (channel.steps or 1) - (channel.steps is not None),
                "steps": channel.steps,
                "nodes": int(channel.mask.sum()),
                "missing": int((~channel.mask).sum()),
            }
            for name, channel in sorted(kg.channels.items())
        },
        "signals": {name: _signal(kg, values) for name, values in kg.signals.items()},
        "held_out": {name: len(triples) for name, triples in kg.held_out.items()},
        "folds": folds,
        "no_folds": no_folds,
    }


def statistics(values: Floats) -> dict[str, float | None]:
    """Order statistics and moments of some values; the skewness is None where all are equal.

    >>> statistics(np.array([0.0, 0.0, 3.0]))["mean"]
    1.0
    """
    least, lower, median, upper, high, largest = np.quantile(values, (0, 0.25, 0.5, 0.75, 0.99, 1)).tolist()
    mean, deviation = float(values.mean()), float(values.std())
    skewness = float((((values - mean) / deviation) ** 3).mean()) if largest > least and deviation > 0 else None
    return {
        "least": least, "25 %": lower, "median": median, "mean": mean, "75 %": upper, "99 %": high, "largest": largest,
        "deviation": deviation, "skewness": skewness,
    }  # fmt: skip


def histogram(values: Floats, bins: int = BINS) -> list[tuple[float, float, int]]:
    """The ends of intervals of one width and the values in each; one interval where values are too close for more.

    >>> histogram(np.array([0.0, 1.0, 1.0]), bins=2)
    [(0.0, 0.5, 1), (0.5, 1.0, 2)]
    >>> histogram(np.array([1e16, 1e16 + 2]))
    [(1e+16, 1.0000000000000002e+16, 2)]
    """
    edges = np.linspace(values.min(), values.max(), bins + 1)
    if not (np.diff(edges) > 0).all():
        return [(float(values.min()), float(values.max()), len(values))]
    counts, _ = np.histogram(values, edges)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True))


def _relations(kg: KnowledgeGraph) -> list[dict[str, Any]]:
    counts = np.bincount(kg.etype, minlength=kg.num_relations)
    heads, tails = (_different(ends, kg) for ends in (kg.src, kg.dst))
    return [
        {
            "relation": kg.relation_names[number],
            "edges": int(counts[number]),
            "heads": int(heads[number]),
            "tails": int(tails[number]),
        }
        for number in np.argsort(-counts, kind="stable").tolist()
    ]


def _different(ends: Ints, kg: KnowledgeGraph) -> Ints:
    """(R,) the different nodes at one end of the edges of each relation."""
    pairs = np.unique(kg.etype * max(kg.num_nodes, 1) + ends)
    found: Ints = np.bincount(pairs // max(kg.num_nodes, 1), minlength=kg.num_relations)
    return found


def _degrees(kg: KnowledgeGraph) -> dict[str, dict[str, float]]:
    entering, leaving = (np.bincount(ends, minlength=kg.num_nodes) for ends in (kg.dst, kg.src))
    found = {}
    for name, degree in (("in", entering), ("out", leaving), ("both", entering + leaving)):
        lower, median, high, largest = np.quantile(degree, (0.25, 0.5, 0.9, 1)).tolist() if len(degree) else [0.0] * 4
        found[name] = {
            "none": int((degree == 0).sum()), "25 %": lower, "median": median,
            "mean": kg.num_edges * (2 if name == "both" else 1) / max(kg.num_nodes, 1),
            "90 %": high, "largest": int(largest),
        }  # fmt: skip
    return found


def _components(kg: KnowledgeGraph, strong: bool) -> dict[str, int]:
    sizes = np.bincount(components(kg, strong=strong))
    return {
        "count": len(sizes),
        "largest": int(sizes.max(initial=0)),
        "single_nodes": int((sizes == 1).sum()),
    }


def _labels(kg: KnowledgeGraph, scales: dict[str, Floats]) -> dict[str, Any]:
    known = scales["label"]
    top = np.sort(known)[-math.ceil(TOP_SHARE * len(known)) :]
    return {
        "what": str(kg.meta.get("label", "importance")),
        "used_as": kg.label_transform,
        "nodes": len(known),
        "share": len(known) / kg.num_nodes,
        "different": len(np.unique(known)),
        "zero": int((known == 0).sum()),
        "top_1_percent_have": float(top.sum() / known.sum()) if known.any() else None,
        "statistics": {name: statistics(values) for name, values in scales.items()},
    }


def _signal(kg: KnowledgeGraph, values: Floats) -> dict[str, Any]:
    there = np.isfinite(values)
    both = there & kg.label_mask
    order = spearman(kg.labels[both], values[both]) if both.sum() > 1 else math.nan
    return {"nodes": int(there.sum()), "missing": int((~there).sum()), "spearman": None if order != order else order}


def _folds(kg: KnowledgeGraph, num_folds: int, seed: int) -> list[dict[str, Any]]:
    folds = make_folds(kg.label_mask, num_folds=num_folds, seed=seed)
    labelled = np.flatnonzero(kg.label_mask)
    top = labelled[np.argsort(-kg.labels[labelled], kind="stable")[: math.ceil(TOP_SHARE * len(labelled))]]

    def part(nodes: Ints) -> dict[str, Any]:
        return {
            "nodes": len(nodes),
            "top": int(np.isin(nodes, top).sum()),
            "mean": float(kg.targets[nodes].mean()),
        }

    return [
        {"fold": fold.index, "train": part(fold.train), "val": part(fold.val), "test": part(fold.test)}
        for fold in folds
    ]


def bars(counts: Sequence[int], width: int = 30) -> list[str]:
    """A bar of blocks for each number, the largest ``width`` long; what is not 0 has one block at least.

    >>> bars([4, 1, 0], 2)
    ['██', '█', '']
    """
    largest = max(counts, default=0)
    return ["█" * (max(1, round(width * count / largest)) if count else 0) for count in counts]
