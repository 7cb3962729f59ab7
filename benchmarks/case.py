"""What every contestant computes on: a graph with relations, a number of heads, a size of a head, and a device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import nie.data
from nie.dgl_compat import dgl
from nie.errors import NieError

REL_SIZE = 10  # of a relation's embedding, as in the published programs


@dataclass(frozen=True, eq=False)
class Case:
    """A graph and the shape of the attention on it.

    Args:
        name: of the graph.
        graph: DGLGraph on the CPU, its edges sorted by destination, CSR and CSC made, no node without in-edges.
        etype: (E,) relation of every edge, on ``device``.
        num_relations: R.
        heads, size: H and D; nodes have H * D input features too.
        device: of the features.
    """

    name: str
    graph: dgl.DGLGraph
    etype: Tensor
    num_relations: int
    heads: int = 8
    size: int = 8
    device: str = "cpu"

    @property
    def num_nodes(self) -> int:
        """N; in a block, of the sources."""
        return int(self.graph.num_src_nodes())

    @property
    def num_dst(self) -> int:
        """N; in a block, of the destinations."""
        return int(self.graph.num_dst_nodes())

    @property
    def num_edges(self) -> int:
        """E."""
        return int(self.graph.num_edges())

    @property
    def width(self) -> int:
        """H * D, the size of a node's row."""
        return self.heads * self.size

    def shaped(self, heads: int, size: int) -> Case:
        """The same graph with another shape of the attention."""
        return replace(self, heads=heads, size=size)

    def graph_for_dgl(self) -> dgl.DGLGraph:
        """The graph on the features' device, where DGL's own kernels need it.

        Raises:
            NieError: this DGL has no CUDA.
        """
        if self.device == "cpu":
            return self.graph
        try:
            return self.graph.to(self.device)
        except dgl.DGLError as error:
            raise NieError(f"this DGL does not run on {self.device}") from error

    def save(self, path: Path) -> None:
        """Write the case to a file, for another process."""
        src, dst = self.graph.edges(order="eid")
        arrays = {"src": src.numpy(), "dst": dst.numpy(), "etype": self.etype.cpu().numpy()}
        numbers = [self.num_nodes, self.num_relations, self.heads, self.size]
        np.savez(path, **arrays, numbers=np.array(numbers), words=np.array([self.name, self.device]))


def from_edges(name: str, src: Tensor, dst: Tensor, etype: Tensor, num_nodes: int, num_relations: int) -> Case:
    """A case on the CPU from the edges of a graph, sorted by destination."""
    graph = dgl.graph((src, dst), num_nodes=num_nodes)
    graph.create_formats_()
    return Case(name, graph, etype, num_relations)


def read_case(path: Path) -> Case:
    """What `Case.save` wrote."""
    with np.load(path) as saved:
        src, dst, etype = (torch.from_numpy(saved[key]) for key in ("src", "dst", "etype"))
        num_nodes, num_relations, heads, size = saved["numbers"].tolist()
        name, device = saved["words"].tolist()
    case = from_edges(name, src, dst, etype, num_nodes, num_relations)
    return replace(case, etype=etype.to(device), heads=heads, size=size, device=device)


def load_case(dataset: str, root: str, heads: int, size: int, device: str) -> Case:
    """The message graph of a dataset, self-loops included.

    Args:
        dataset: ``NAME`` or ``NAME=ROOT``, built there if it is missing; ``synthetic`` or ``synthetic-NODES``; or
            ``random-EDGES``, for a graph larger than any at hand.
        root: folder of the datasets that name none.
        heads, size, device: of the case.
    """
    name, _, own_root = dataset.partition("=")
    if name.startswith("random-"):
        return random_case(int(name.removeprefix("random-")), load_case("synthetic", root, heads, size, device))
    if name.partition("-")[0] == "synthetic":
        kg = nie.data.synthetic(num_nodes=int(name.partition("-")[2] or 300))
    else:
        kg = nie.data.load(name, own_root or root)
    messages = nie.data.message_graph(kg)
    etype = messages.etype.to(device)
    return Case(name, messages.graph, etype, messages.num_relations, heads, size, device)


def random_case(num_edges: int, like: Case, degree: int = 40, num_relations: int = 200) -> Case:
    """A random graph of a given mean degree; the shape of the attention is that of another case."""
    generator = torch.Generator().manual_seed(num_edges)
    num_nodes = max(num_edges // degree, 1)
    src, dst = (torch.randint(num_nodes, (num_edges,), generator=generator) for _ in range(2))
    etype = torch.randint(num_relations, (num_edges,), generator=generator)
    case = from_edges(f"random-{num_edges}", src, dst.sort().values, etype, num_nodes, num_relations)
    return replace(case, etype=etype.to(like.device), heads=like.heads, size=like.size, device=like.device)
