"""Degrees as features."""

from __future__ import annotations

import numpy as np

from nie.data.channel import Channel
from nie.data.graph import KnowledgeGraph


def degree_features(kg: KnowledgeGraph) -> Channel:
    """Return (N, 2): ``log(1 + in-degree)`` and ``log(1 + out-degree)``, every edge counted.

    >>> from nie.data.synthetic_graph import synthetic
    >>> degree_features(synthetic(0)).features.shape
    (300, 2)
    """
    degrees = [np.bincount(ends, minlength=kg.num_nodes) for ends in (kg.dst, kg.src)]
    return Channel(np.log1p(np.stack(degrees, axis=1)).astype(np.float32), np.ones(kg.num_nodes, bool))
