"""How central a node is, as features."""

from __future__ import annotations

import numpy as np

from nie.data.centrality import PIVOTS, betweenness, core_number, undirected
from nie.data.channel import Channel
from nie.data.graph import KnowledgeGraph
from nie.data.node_features.degrees import degree_features
from nie.later import later

pagerank = later("nie.data.pagerank:pagerank")  # which loads scipy; features are also named where nothing is computed


def centrality(kg: KnowledgeGraph, *, pivots: int = PIVOTS, seed: int = 0) -> Channel:
    """Return (N, 5): logarithms of in-degree, out-degree, PageRank, core number and betweenness.

    Degrees count every edge, and PageRank (damping 0.85, N times, so that its mean is 1) follows their direction; core
    number and betweenness are those of the graph without directions and parallel edges. Each enters as log(1 + x), but
    for PageRank, which is above 0. Betweenness is estimated from shortest paths of at most
    `nie.data.centrality.MOST_STEPS` edges.

    Args:
        kg: the graph; only its edges are read.
        pivots: nodes from which the shortest paths are counted.
        seed: of the draw of the pivots.

    >>> from nie.data.synthetic_graph import synthetic
    >>> centrality(synthetic(0)).features.shape
    (300, 5)
    """
    return changed_centrality(kg, kg.num_nodes, pivots=pivots, seed=seed)


def changed_centrality(kg: KnowledgeGraph, before: int, *, pivots: int = PIVOTS, seed: int = 0) -> Channel:
    """`centrality` of a graph that had ``before`` nodes, with shortest paths from the same of them as then.

    Another draw would move the estimate of every node, and not only of those that the change is near to.
    """
    joined = undirected(kg)
    columns = [
        np.log(kg.num_nodes * pagerank(kg)),
        np.log1p(core_number(joined)),
        np.log1p(betweenness(joined, pivots=pivots, seed=seed, among=before)),
    ]
    rows = np.column_stack([degree_features(kg).features, *columns])
    return Channel(rows.astype(np.float32), np.ones(kg.num_nodes, dtype=bool))
