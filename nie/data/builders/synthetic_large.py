"""A graph of any size whose labels follow a known rule, to see what a machine can hold."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

import numpy as np

from nie.arguments import whole_number
from nie.arrays import Array, Floats, Ints
from nie.data.channel import Channel
from nie.data.graph import KnowledgeGraph
from nie.disk.mapped import forget, scratch
from nie.progress import Progress

NUM_RELATIONS = 30
TEXT_SIZE = 32
PIECE = 1 << 20
"""Nodes or edges that are drawn at a time."""
LABELLED = 0.15


def synthetic_large(
    nodes: int = 100_000, edges: int = 1_000_000, seed: int = 0, text_size: int = TEXT_SIZE
) -> KnowledgeGraph:  # fmt: skip
    """Return a graph of this size, with importance that depends on what surrounds a node.

    A node's text is a vector of normal numbers, the channel ``semantic``, whose first four add up to twice its quality
    q, which is normal, too. With the in-edges u -> v of relation r of 30 and weights w_r from 0 to 1 in even steps::

        log1p(label_v) = max(0, 4 + q_v + 2 * mean over in-edges (w_r * q_u) + 0.1 * noise)

    so that the best estimate reads the text of a node and of its neighbours, and tells relations apart. Degrees have
    heavy tails: the node of in-degree rank k has about ``k ** (-2/3)`` times the most, by out-degree ``k ** (-1/2)``;
    few relations have most edges. 15 % of the nodes are labelled. The channel ``structural`` has the logarithms of a
    node's degrees: in-degree, out-degree, and in-degree by relations of the lower and of the upper half of weights.
    Edges and text are drawn piece by piece into temporary files; what is held is some numbers for each node.

    Args:
        nodes: at least 100.
        edges: at least 1; repeated ones may be among them.
        seed: same seed, same graph, bit for bit.
        text_size: columns of a text vector, at least 4.

    Raises:
        NieError: an argument that is out of its range, or a disk without room for the temporary files.

    >>> kg = synthetic_large(1000, 5000)
    >>> kg.num_nodes, kg.num_edges, kg.num_relations
    (1000, 5000, 30)
    """
    nodes, edges = whole_number("nodes", nodes, 100, 2**31 - 1), whole_number("edges", edges, 1, 2**31 - 1)
    seed = whole_number("seed", seed)
    text, quality = _texts(nodes, seed, whole_number("text_size", text_size, 4, 100_000))
    src, dst, etype = (scratch((edges,), np.int64) for _ in range(3))
    received, half = np.zeros(nodes), np.zeros((nodes, 2), np.int64)
    weight = np.linspace(0, 1, NUM_RELATIONS)
    for place, piece in _pieces(edges, "edges"):
        rng = np.random.default_rng((seed, 1, place))
        count = piece.stop - piece.start
        dst[piece], src[piece] = _drawn_nodes(rng, nodes, count, 3), _drawn_nodes(rng, nodes, count, 2)
        etype[piece] = NUM_RELATIONS * rng.random(count) ** 2
        weights = weight[etype[piece]]
        received += np.bincount(dst[piece], weights * quality[src[piece]], minlength=nodes)
        for upper in (0, 1):
            half[:, upper] += np.bincount(dst[piece][(weights > 0.5) == bool(upper)], minlength=nodes)
        for column in (src, dst, etype):
            forget(column)
    entering = half.sum(axis=1)
    rng = np.random.default_rng((seed, 2))
    mean = received / np.maximum(entering, 1)
    target = 4 + quality + 2 * mean + 0.1 * rng.standard_normal(nodes)
    known = rng.random(nodes) < LABELLED
    degrees = np.stack([entering, np.bincount(src, minlength=nodes), *half.T], axis=1)
    there = np.ones(nodes, bool)
    return KnowledgeGraph(
        name="synthetic-large",
        src=_read_only(src),
        dst=_read_only(dst),
        etype=_read_only(etype),
        labels=np.where(known, np.expm1(np.maximum(target, 0)), np.nan),
        label_mask=known,
        node_names=[f"node {node}" for node in range(nodes)],
        relation_names=[f"relation {relation}" for relation in range(NUM_RELATIONS)],
        text=[None] * nodes,
        channels={
            "structural": Channel(_read_only(np.log1p(degrees).astype(np.float32)), there),
            "semantic": Channel(_read_only(text), there),
        },
        meta={
            "label_transform": "log1p", "licence": "MIT", "attribution": "made by nie",
            "options": {"nodes": nodes, "edges": edges, "seed": seed, "text_size": text_size},
        },
    )  # fmt: skip


def _texts(nodes: int, seed: int, size: int) -> tuple[Array, Floats]:
    """(N, size) vectors, and (N,) the quality that they say."""
    text, quality = scratch((nodes, size), np.float32), np.empty(nodes)
    for place, piece in _pieces(nodes, "nodes"):
        rng = np.random.default_rng((seed, 0, place))
        text[piece] = rng.standard_normal((piece.stop - piece.start, size), np.float32)
        quality[piece] = text[piece, :4].sum(axis=1) / 2
        forget(text)
    return text, quality


def _pieces(count: int, what: str) -> Iterator[tuple[int, slice]]:
    starts = range(0, count, PIECE)
    with Progress(len(starts), f"pieces of {what}") as progress:
        for place, start in enumerate(starts):
            yield place, slice(start, min(start + PIECE, count))
            progress.advance()


def _drawn_nodes(rng: np.random.Generator, nodes: int, count: int, power: int) -> Ints:
    """Nodes by rank, the first ones most often, with the ranks scattered over the nodes."""
    step = next(step for step in range(int(0.618 * nodes), 2 * nodes) if gcd(step, nodes) == 1)
    rank = (nodes * rng.random(count) ** power).astype(np.int64)
    scattered: Ints = (rank * step + power) % nodes
    return scattered


def _read_only(array: Array) -> Array:
    """Kept by the graph without a copy."""
    array.flags.writeable = False
    return array
