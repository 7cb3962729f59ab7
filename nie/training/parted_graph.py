"""A graph whose parts lie on several hosts, as one trainer sees it: rows by id, blocks, and layers of its own nodes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers.graph_layer import GraphInParts, chunk_bounds, columns_of
from nie.models.blocks import Degrees
from nie.training.distributed import Trainers
from nie.training.neighbourhood import Neighbourhood
from nie.training.parts import ENTERING, FEATURES, LEAVING, NAME, PRESENCE, RELATION, Parts, digest
from nie.training.silent_dgl import silent_dgl

CHUNK = 1 << 24
"""Numbers that a layer reads at a time, where all nodes are predicted."""


class RemoteRows:
    """The rows of all nodes or edges, each of which lies on one host; indexed as a tensor is, by ids.

    Args:
        stored: DGL's DistTensor.
        place: (N,) where the row of each id stands; None where ids are places.
        own: places of the rows of this host.
        kind: type of the values.
    """

    def __init__(self, stored: Any, place: Tensor | None, own: Tensor, kind: torch.dtype) -> None:
        self.stored, self.place, self.own, self.dtype = stored, place, own, kind
        self.shape, self.device = torch.Size(stored.shape), torch.device("cpu")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, ids: Tensor) -> Tensor:
        rows: Tensor = self.stored[ids if self.place is None else self.place[ids]]
        return rows.to(self.dtype)

    def of_own(self) -> Tensor:
        """The rows of this host's nodes."""
        rows: Tensor = self.stored[self.own]
        return rows.to(self.dtype)


class PartedGraph(GraphInParts):
    """The whole graph, of which this trainer's host has one part.

    Ids are those of the dataset; only here is it known that DGL numbers nodes part by part.

    Args:
        parts: what lies on the hosts.
        trainers: of all hosts.

    Raises:
        NieError: rows that the hosts give are not those that were written.
    """

    def __init__(self, parts: Parts, trainers: Trainers) -> None:
        self.parts, self.trainers = parts, trainers
        with silent_dgl():
            self.graph = dgl.distributed.DistGraph(NAME, part_config=str(parts.config))
        book = self.graph.get_partition_book()
        self.places = book.partid2nids(book.partid)
        _check_rows(self.graph, parts)
        self.nodes = parts.nodes
        self.place = torch.empty_like(self.nodes)
        self.place[self.nodes] = torch.arange(len(self.nodes))
        self.etype = RemoteRows(self.graph.edata[RELATION], None, book.partid2eids(book.partid), torch.int64)
        self.own_nodes = self.nodes[self.places]
        self.degrees = Degrees(*(self.rows(name, torch.int64).of_own() for name in (ENTERING, LEAVING)))
        self.hop = dgl.dataloading.NeighborSampler([-1])
        self._exchanged: dict[tuple[Any, ...], Any] = {}

    def rows(self, name: str, kind: torch.dtype = torch.float32) -> RemoteRows:
        """What is stored of every node under a name."""
        return RemoteRows(self.graph.ndata[name], self.place, self.places, kind)

    def features(self, channel: str) -> RemoteRows:
        """The input of a network, (N, d), of a channel."""
        return self.rows(f"{FEATURES}{channel}")

    def presence(self, channel: str) -> RemoteRows:
        """(N,) bool, the nodes that have a channel."""
        return self.rows(f"{PRESENCE}{channel}", torch.bool)

    def num_nodes(self) -> int:
        """Nodes of this host."""
        return len(self.places)

    num_src_nodes = num_dst_nodes = num_nodes

    def in_degrees(self) -> Tensor:
        """Of the nodes of this host."""
        return self.degrees.entering

    def sampler(self, fanouts: list[int]) -> PartedSampler:
        """Draws blocks of in-edges, from whichever host has them."""
        return PartedSampler(self, fanouts)

    def compute(self, layer: Callable[..., Tensor], feat: Any, **given: Any) -> Tensor:
        """What a layer gives for this host's nodes, chunk by chunk; all hosts do it at the same time.

        Every host first puts the rows of its own nodes where the others can read them, so that no row is computed
        twice: only a layer's input travels.
        """
        src, dst = feat if isinstance(feat, tuple) else (feat, None)
        sources = self._exchange(src, "sources")
        out_degree = given.pop("out_degree", None)
        leaving = None if out_degree is None else self._exchange(out_degree, "degrees")
        in_degree, made = given.pop("in_degree", None), []
        etype = given.pop("etype", None)
        for first, end in itertools.pairwise(chunk_bounds(self, CHUNK // columns_of(src))):
            read, _, (block,) = self.hop.sample_blocks(self.graph, self.places[first:end])
            own: dict[str, Any] = {} if etype is None else {"etype": etype[block.edata[dgl.EID]]}
            if leaving is not None:
                own["out_degree"] = leaving[read]
            if in_degree is not None:
                own["in_degree"] = in_degree[first:end]
            rows = sources[read]
            made.append(layer(block, rows if dst is None else (rows, dst[first:end]), **own, **given))
        self.graph.barrier()  # nobody writes the next layer's rows while another reads these
        return torch.cat(made)

    def _exchange(self, own: Tensor, what: str) -> Any:
        """A DistTensor of all hosts' rows, filled with one's own; one that is of the same kind is used again."""
        key = (what, own.dtype, *own.shape[1:])
        if key not in self._exchanged:
            shape, name = (len(self.nodes), *own.shape[1:]), "_".join(map(str, key)).replace(".", "_")
            self._exchanged[key] = dgl.distributed.DistTensor(shape, own.dtype, name, persistent=True)
        self._exchanged[key][self.places] = own.contiguous()
        self.graph.barrier()
        return self._exchanged[key]


class PartedSampler:
    """As `nie.training.neighbourhood.NeighbourSampler`, on a graph in parts.

    Args:
        graph: the graph.
        fanouts: in-edges of each node, one number for each layer; -1 takes all.
    """

    def __init__(self, graph: PartedGraph, fanouts: list[int]) -> None:
        self.graph, self.sampler = graph, dgl.dataloading.NeighborSampler(fanouts)
        self.entering, self.leaving = (graph.rows(name, torch.int64) for name in (ENTERING, LEAVING))

    def sample(self, nodes: Tensor, generator: torch.Generator) -> Neighbourhood:
        """The neighbourhood of ``nodes``; the hosts that have their edges draw them, by chance."""
        torch.randint(2**31 - 1, (), generator=generator)  # which one host draws, so that all else is drawn as there
        graph = self.graph
        read, _, blocks = self.sampler.sample_blocks(graph.graph, graph.place[nodes])
        found = graph.nodes[read]
        etypes = [graph.etype[block.edata[dgl.EID]] for block in blocks]
        return Neighbourhood(found, blocks, etypes, Degrees(self.entering[found], self.leaving[found]))


def _check_rows(graph: Any, parts: Parts) -> None:
    """Compare a sample of every host's rows with what was written.

    Raises:
        NieError: they differ.
    """
    names = sorted(graph.ndata.keys())
    for number, check in enumerate(parts.facts["checks"]):
        nodes, edges = (torch.tensor(check[name]) for name in ("nodes", "edges"))
        found = digest([graph.ndata[name][nodes] for name in names]), digest([graph.edata[RELATION][edges]])
        if found != (check["nodes_sha256"], check["edges_sha256"]):
            raise NieError(
                f"The rows of part {number} that its host gives are not those that were written; see that each host "
                "serves its own part from memory of its own, or make the parts again with 'nie partition'."
            )
