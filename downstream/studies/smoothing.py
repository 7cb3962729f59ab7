"""How alike the nodes become from layer to layer of a trained graph transformer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import NetworkConfig
from downstream.methods.layer_outputs import outputs_of, stacks_of
from downstream.methods.table import METHODS
from downstream.reports import figures
from downstream.reports.page import Table
from downstream.stages.runner import Runner
from downstream.studies.cka_maps import cka_map
from downstream.studies.study import Arm
from nie.arrays import Floats, Ints
from nie.cka import linear_cka
from nie.models.rgtn import MultiChannelEncoder
from nie.runs.run import Run

PAIRS = 10_000
NOTE = (
    "Of the last layer, mean over channels, first finished fold: cosine of the vectors of 10,000 random pairs of "
    "nodes, and of the two ends of 10,000 random edges; and how alike it is to the first layer (linear CKA, 1 for the "
    "same up to rotation and scale). Where layers smooth nodes away, ends of edges come near 1."
)


class Layer(NamedTuple):
    """What the vectors of one layer are like.

    Attributes:
        anywhere: mean cosine of random pairs of nodes.
        along_edges: mean cosine of the two ends of edges.
        as_first: linear CKA with the first layer.
    """

    anywhere: float
    along_edges: float
    as_first: float


def layers_by_channel(model: MultiChannelEncoder, given: FoldNetwork) -> list[list[Floats]]:
    """(N, size) by layer, for each channel whose encoder is a stack of transformer blocks."""
    stacks = stacks_of(model)
    seen = outputs_of([block for stack in stacks for block in stack], model, given)
    return [[seen[block] for block in stack] for stack in stacks]


def alike(layers: Sequence[Floats], edges: tuple[Ints, Ints]) -> Iterator[Layer]:
    """What every layer of a channel is like.

    Args:
        layers: (N, size) each.
        edges: sources and destinations of the graph's edges, without loops.

    >>> rows = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> [layer] = alike([rows], (np.array([0, 1]), np.array([1, 0])))
    >>> layer.along_edges, layer.as_first
    (1.0, 1.0)
    """
    draw, count = np.random.default_rng(0), len(layers[0])
    anywhere = draw.integers(count, size=(2, PAIRS))
    some = draw.integers(len(edges[0]), size=PAIRS) if len(edges[0]) else np.zeros(0, dtype=np.int64)
    for vectors in layers:
        scaled = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-12)
        yield Layer(
            _cosine(scaled[anywhere[0]], scaled[anywhere[1]]),
            _cosine(scaled[edges[0][some]], scaled[edges[1][some]]),
            linear_cka(layers[0], vectors),
        )


def _cosine(ours: Floats, theirs: Floats) -> float:
    """Mean cosine of pairs of vectors of length 1; nan of no pair."""
    return float((ours * theirs).sum(axis=1).mean()) if len(ours) else float("nan")


def smoothing_report(
    arms: Sequence[Arm], runs: Mapping[str, Run], runner: Runner
) -> tuple[list[Table], dict[str, Any]]:  # fmt: skip
    """A table of the last layers of all rows that are stacks of transformer blocks, and curves over the layers."""
    rows, by_layer, first_maps = [], {}, {}
    for arm in arms:
        run = runs.get(arm.name)
        config = cast(NetworkConfig, arm.config)
        if run is None or config.method != "rgtn":
            continue
        number = run.finished_folds()[0]
        inputs = runner.inputs(config)
        given = FoldNetwork.of(FoldWork.of(METHODS[config.method], config, inputs, inputs.folds[number]))
        channels = layers_by_channel(cast(MultiChannelEncoder, given.trained(run, number)), given)
        src, dst = given.ends
        edges = (src[src != dst], dst[src != dst])
        found = np.array([list(alike(layers, edges)) for layers in channels]).mean(axis=0)  # (layers, 3)
        rows.append([arm.name, *(f"{value:.3f}" for value in found[-1])])
        by_layer[arm.name] = {float(place): float(layer[1]) for place, layer in enumerate(found, 1)}
        first_maps[arm.name] = channels[0]
    if not rows:
        return [], {}
    deepest = max(first_maps, key=lambda name: len(first_maps[name]))
    drawn = {
        "cosine along edges by layer": figures.lines(by_layer, "layer", "mean cosine of the ends of an edge"),
        f"CKA of layers, {deepest}": figures.heat_map(
            cka_map(first_maps[deepest], first_maps[deepest]), "layer", "layer", "linear CKA, first channel"
        ),
    }
    columns = ["row", "random pairs", "ends of edges", "CKA with the first layer"]
    return [Table("How alike nodes are in the last layer", columns, rows, NOTE)], drawn
