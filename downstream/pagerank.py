"""PageRank, plain and personalised."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from nie.data.graph import KnowledgeGraph
from nie.errors import NieError

Floats: TypeAlias = npt.NDArray[np.float64]


def pagerank(
    kg: KnowledgeGraph, *, personalization: Floats | None = None, damping: float = 0.85, tol: float = 1e-12,
    max_iterations: int = 1000,
) -> Floats:  # fmt: skip
    """PageRank of every node by power iteration on the directed graph (Page et al., 1999).

    ``x <- damping (A D^-1 x + (rank on nodes without out-edges) p) + (1 - damping) p``; relations are ignored and
    parallel edges count as often as they occur. p is uniform, or for personalised PageRank (Haveliwala, 2002) the given
    weights, scaled to sum to 1. Agrees with ``networkx.pagerank`` on the same multigraph.

    Args:
        kg: the graph; only ``num_nodes``, ``src`` and ``dst`` are read.
        personalization: (N,) weights >= 0, not all zero.
        damping: probability of following an edge, 0 <= damping < 1.
        tol: stops when the sum of absolute changes is below it; the error is then at most
            ``tol * damping / (1 - damping)``.
        max_iterations: 0.85 needs about 170.

    Returns:
        (N,) float64, not negative, sums to 1.

    Raises:
        NieError: damping or weights out of range, or no convergence.

    Example:
        >>> from types import SimpleNamespace
        >>> star = SimpleNamespace(num_nodes=3, src=np.array([0, 1]), dst=np.array([2, 2]))
        >>> pagerank(star).round(4)
        array([0.2128, 0.2128, 0.5745])
        >>> pagerank(star, personalization=np.array([1.0, 0.0, 0.0])).round(4)
        array([0.5405, 0.    , 0.4595])
    """
    if not 0 <= damping < 1:
        raise NieError(f"damping is {damping}; it lies in [0, 1).")
    nodes = kg.num_nodes
    restart = np.ones(nodes) if personalization is None else np.asarray(personalization, dtype=np.float64)
    if restart.shape != (nodes,) or not np.isfinite(restart).all() or restart.min() < 0 or restart.sum() == 0:
        raise NieError(f"personalization needs one weight >= 0 for each of {nodes} nodes, and not all of them 0.")
    restart = restart / restart.sum()
    out_degree = np.bincount(kg.src, minlength=nodes)
    # Duplicate (dst, src) entries are added up by the sparse product, which is what multiplicity as weight means.
    step = csr_array((1.0 / out_degree[kg.src], (kg.dst, kg.src)), shape=(nodes, nodes))
    dangling = out_degree == 0
    rank: Floats = restart
    for _ in range(max_iterations):
        previous = rank
        rank = damping * (step @ rank) + (damping * rank[dangling].sum() + 1.0 - damping) * restart
        rank = rank / rank.sum()
        if np.abs(rank - previous).sum() < tol:
            return rank
    raise NieError(
        f"PageRank did not converge in {max_iterations} iterations; use a damping below {damping} or a larger tol."
    )
