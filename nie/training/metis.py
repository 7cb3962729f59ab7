"""Parts of a graph that few edges join, found by METIS (Karypis and Kumar, 1998), which comes with DGL."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nie.dgl_compat import dgl
from nie.dgl_random import dgl_draws_from
from nie.errors import NieError
from nie.training.silent_dgl import silent_dgl, silent_metis


def metis_parts(graph: dgl.DGLGraph, count: int) -> Tensor:
    """(N,) the part of each node, of ``count`` parts of about the same size; the same ones at every call.

    METIS is given every pair of neighbours once in either direction: where two nodes have several edges, DGL writes
    beyond what it has allocated for it, and with luck the process dies.

    Args:
        graph: a whole graph on the CPU.
        count: at most one part for each node.

    Raises:
        NieError: there are more parts than nodes, no edge joins two nodes, or this DGL has no METIS.

    >>> ring = dgl.graph((torch.arange(40), (torch.arange(40) + 1) % 40))
    >>> metis_parts(ring, 4).bincount().min().item() >= 8
    True
    """
    nodes = graph.num_nodes()
    if count == 1:
        return torch.zeros(nodes, dtype=torch.int64)
    if count > nodes:
        raise NieError(f"METIS cannot make {count} parts of {nodes} nodes; ask for fewer parts.")
    source, target = graph.edges()
    pairs = torch.cat([source * nodes + target, target * nodes + source])[(source != target).repeat(2)]
    pairs = torch.from_numpy(np.unique(pairs.numpy()))
    if not len(pairs):
        raise NieError("METIS goes by the edges between nodes, and this graph has none.")
    simple = dgl.graph((pairs // nodes, pairs % nodes), num_nodes=nodes)
    try:
        with dgl_draws_from(0), silent_dgl(), silent_metis():
            found: Tensor | None = dgl.metis_partition_assignment(simple, count)
    except dgl.DGLError as error:
        raise NieError(f"This DGL cannot partition by METIS ({str(error).splitlines()[-1].strip()}).") from error
    if found is None:
        raise NieError(f"METIS found no {count} parts of this graph; ask for fewer parts.")
    return found
