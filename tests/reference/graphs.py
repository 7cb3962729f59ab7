"""Small graphs for the tests of operators, layers and models."""

from __future__ import annotations

import torch
from torch import Tensor

from nie.dgl_compat import dgl

NUM_RELATIONS = 4


def random_graph(seed: int = 0, num_nodes: int = 9, num_edges: int = 30) -> tuple[dgl.DGLGraph, Tensor]:
    """A multigraph in which nodes 0 and 1 have no in-edge and the edge 2→3 occurs three times; and its edge types."""
    generator = torch.Generator().manual_seed(seed)
    src = torch.randint(0, num_nodes, (num_edges,), generator=generator)
    dst = torch.randint(2, num_nodes, (num_edges,), generator=generator)
    src[:3], dst[:3] = 2, 3
    etype = torch.randint(0, NUM_RELATIONS, (num_edges,), generator=generator)
    etype[:2] = 1  # of the three parallel edges two are even of the same relation
    return dgl.graph((src, dst), num_nodes=num_nodes), etype


def normal(*shape: int, seed: int = 0, requires_grad: bool = False) -> Tensor:
    """Standard normal float64 values."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_(requires_grad)


def large_graph() -> tuple[dgl.DGLGraph, torch.Tensor]:
    """Enough edges for several chunks, and one destination that has a tenth of them."""
    generator = torch.Generator().manual_seed(0)
    src, dst = (torch.randint(0, 3000, (90_000,), generator=generator) for _ in range(2))
    dst[:9000] = 7
    return dgl.graph((src, dst), num_nodes=3000), torch.randint(0, 5, (90_000,), generator=generator)
