"""A small graph whose labels follow a known rule, for tests and documentation."""

from __future__ import annotations

import numpy as np

from nie.arguments import whole_number
from nie.data.channel import Channel
from nie.data.graph import KnowledgeGraph

RELATIONS = ("cites", "praises", "mentions")
# How much one incoming edge of each relation adds to the source's own quality.
RELATION_WEIGHTS = np.array([0.5, 1.0, 0.0])
ADJECTIVES = ("obscure", "modest", "known", "famous", "legendary")
TEXT_WEIGHT = 1.0


def synthetic(seed: int = 0, num_nodes: int = 300) -> KnowledgeGraph:
    """Return a graph whose importance depends on neighbours, relation and text in a known way.

    Every node v has a text with an adjective of rank t_v in 0..4 (obscure ... legendary). With the in-edges u -> v of
    relation r and the weights w = (cites 0.5, praises 1.0, mentions 0.0)::

        log1p(label_v) = 2 + t_v + mean over in-edges (w_r * t_u) + 0.1 * noise

    so a model must read the neighbours' text, tell the relations apart, and read the node's own text. The mean is 0
    without in-edges. 10 % of the nodes are unlabelled, 5 % have no in-edge, 3 % have no text (their t still counts),
    and some edges are repeated.

    Channels: "structural" (4 columns: log1p in-degree by relation, and log1p out-degree) and "semantic" (the adjective
    as one-hot and 3 columns of noise; zero row and mask False without text).

    Args:
        seed: same seed, same graph, bit for bit.
        num_nodes: at least 20.

    >>> kg = synthetic(0)
    >>> kg.num_nodes, kg.relation_names
    (300, ('cites', 'praises', 'mentions'))
    >>> kg.text[0].startswith("A")
    True
    """
    seed, num_nodes = whole_number("seed", seed), whole_number("num_nodes", num_nodes, 20, 10_000_000)
    rng = np.random.default_rng(seed)
    quality = rng.integers(0, len(ADJECTIVES), num_nodes)
    src, dst, etype = _edges(rng, num_nodes)
    has_text = rng.random(num_nodes) >= 0.03
    has_text[0] = True
    has_label = rng.random(num_nodes) >= 0.1

    weight = RELATION_WEIGHTS[etype] * quality[src]
    degree = np.bincount(dst, minlength=num_nodes)
    received = np.bincount(dst, weight, minlength=num_nodes) / np.maximum(degree, 1)
    target = 2.0 + TEXT_WEIGHT * quality + received + 0.1 * rng.standard_normal(num_nodes)
    labels = np.where(has_label, np.expm1(np.maximum(target, 0.0)), np.nan)

    in_degrees = [np.bincount(dst[etype == r], minlength=num_nodes) for r in range(len(RELATIONS))]
    degrees = np.stack([*in_degrees, np.bincount(src, minlength=num_nodes)], axis=1)
    words = np.eye(len(ADJECTIVES))[quality]
    semantic = np.concatenate([words, 0.1 * rng.standard_normal((num_nodes, 3))], axis=1) * has_text[:, None]
    text = [
        f"{'An' if ADJECTIVES[q][0] == 'o' else 'A'} {ADJECTIVES[q]} thing with number {node}." if known else None
        for node, (q, known) in enumerate(zip(quality, has_text, strict=True))
    ]
    return KnowledgeGraph(
        name="synthetic",
        src=src,
        dst=dst,
        etype=etype,
        labels=labels,
        label_mask=has_label,
        node_names=[f"node {node}" for node in range(num_nodes)],
        relation_names=RELATIONS,
        text=text,
        channels={
            "structural": Channel(np.log1p(degrees).astype(np.float32), np.ones(num_nodes, bool)),
            "semantic": Channel(semantic.astype(np.float32), has_text),
        },
        meta={"label_transform": "log1p", "licence": "MIT", "attribution": "made by nie.synthetic", "seed": seed},
    )


def _edges(rng: np.random.Generator, num_nodes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw six edges for each node on average: the last twentieth of the nodes gets none, one in fifty is doubled."""
    num_edges = 6 * num_nodes
    receivers = num_nodes - max(num_nodes // 20, 1)
    src = rng.integers(0, num_nodes, num_edges)
    # Squaring a uniform number skews the in-degree towards the first nodes.
    dst = np.floor(receivers * rng.random(num_edges) ** 2).astype(np.int64)
    etype = rng.integers(0, len(RELATIONS), num_edges)
    doubled = rng.random(num_edges) < 0.02
    return tuple(np.concatenate([a, a[doubled]]) for a in (src, dst, etype))  # type: ignore[return-value]
