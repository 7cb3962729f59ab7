"""The parts of a message graph, one for each host of a distributed run, and what is known of them.

::

    <data root>/<dataset>/parts/<count>/
      parts.json              the manifest: what was partitioned, how, by which versions, and digests of files and rows
      nodes.npy               (N,) id in the dataset of every node as DGL numbers them: part by part
      graph.json  part<k>/    as dgl.distributed.partition_graph writes them
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nie.data import MessageGraph
from nie.dgl_compat import dgl
from nie.disk.array_file import read_npy
from nie.disk.atomic import atomic_folder
from nie.disk.seal import broken, seal
from nie.errors import NieError
from nie.extras import installed_version
from nie.models.blocks import Degrees
from nie.training.metis import metis_parts
from nie.training.silent_dgl import silent_dgl

MANIFEST, NODES, NAME = "parts.json", "nodes.npy", "graph"
RELATION, ENTERING, LEAVING = "relation", "entering", "leaving"
FEATURES, PRESENCE = "features_", "presence_"
SAMPLED_ROWS = 100
"""Rows of each part whose digest is kept."""
_READ = {"parts": int, "relations": int, "channels": dict, "files": dict, "checks": list}
"""What of a manifest is read later, and its type."""


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a graph, as their manifest describes them.

    Attributes:
        folder: where they lie.
        facts: what the manifest says.
    """

    folder: Path
    facts: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Parts:
        """Read the manifest of the parts in ``folder``.

        Raises:
            NieError: there are none, or the manifest is damaged.
        """
        try:
            facts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            whole = all(isinstance(facts[name], kind) for name, kind in _READ.items())
        except FileNotFoundError as error:
            making = f"'nie partition --parts {folder.name}', one for each host"
            raise NieError(f"There are no parts at {folder}; make them with {making}.") from error
        except (OSError, ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            raise NieError(f"{folder / MANIFEST} is damaged; make the parts again with 'nie partition'.")
        return cls(folder, facts)

    def check_files(self, number: int | None = None) -> None:
        """Compare the files that all hosts read, and those of the part ``number``, with what was written.

        Raises:
            NieError: one is missing or has changed.
        """
        known = self.facts["files"]
        read = {name: digest for name, digest in known.items() if "/" not in name or name.startswith(f"part{number}/")}
        if damaged := broken(self.folder, read):
            raise NieError(
                f"{self.folder / damaged[0]} is missing or damaged; copy the parts again, or make them again with "
                "'nie partition'."
            )

    def size(self, number: int) -> int:
        """Bytes of the files of a part; loaded by DGL, it takes about half as much again."""
        return sum(file.stat().st_size for file in (self.folder / f"part{number}").iterdir())

    @property
    def nodes(self) -> Tensor:
        """(N,) id in the dataset of every node as the parts number them."""
        return torch.from_numpy(read_npy(self.folder / NODES, mapped=False))

    @property
    def digest(self) -> str:
        """sha256 of the manifest, by which hosts know that they have parts of one partitioning."""
        return hashlib.sha256((self.folder / MANIFEST).read_bytes()).hexdigest()

    @property
    def config(self) -> Path:
        """The file that DGL reads."""
        return self.folder / f"{NAME}.json"


def versions() -> dict[str, str]:
    """The versions that must be the same on all hosts."""
    return {"nie": installed_version("nie") or "", "torch": str(torch.__version__), "dgl": str(dgl.__version__)}


def digest(rows: Sequence[Tensor]) -> str:
    """sha256 of some rows of several tensors.

    >>> digest([torch.zeros(2)]) == digest([torch.zeros(2)]), digest([torch.zeros(2)]) == digest([torch.ones(2)])
    (True, False)
    """
    sha = hashlib.sha256()
    for one in rows:
        sha.update(np.ascontiguousarray(one.numpy()).tobytes())
    return sha.hexdigest()


def write_parts(
    folder: Path, message: MessageGraph, feats: Mapping[str, Tensor], masks: Mapping[str, Tensor],
    facts: Mapping[str, Any], *, count: int, method: str = "metis",
) -> Parts:  # fmt: skip
    """Partition a message graph with all that its nodes and edges have; older parts in ``folder`` are replaced.

    Args:
        folder: of the parts.
        message: the message graph.
        feats: (N, d) input of a network by channel.
        masks: (N,) by channel, the nodes that have it.
        facts: what else the manifest is to say.
        count: parts.
        method: ``metis``, which cuts few edges, or ``random``, which takes no memory of its own.

    Raises:
        NieError: there are more parts than nodes, or a part would be empty.
    """
    nodes = message.graph.num_nodes()
    if count > nodes:
        raise NieError(f"{count} parts are more than the {nodes} nodes of the graph; give --parts {nodes} at most.")
    assignment = _assignment(message.graph, count, method)
    if not (sizes := torch.bincount(assignment, minlength=count)).all():
        empty = int((sizes == 0).sum())
        raise NieError(f"{empty} of {count} parts would have no node; give fewer --parts, or --method random.")
    graph, degrees = message.graph.local_var(), Degrees.of(message.graph)
    rows = {ENTERING: degrees.entering, LEAVING: degrees.leaving}
    rows |= {f"{FEATURES}{name}": feat.cpu() for name, feat in feats.items()}
    rows |= {f"{PRESENCE}{name}": mask.cpu().to(torch.uint8) for name, mask in masks.items()}
    graph.ndata.update(rows)
    graph.edata[RELATION] = message.etype.cpu()
    with atomic_folder(folder) as temporary:
        with silent_dgl(), _assigned(assignment):
            old_nodes, old_edges = dgl.distributed.partition_graph(
                graph, NAME, count, str(temporary), part_method="metis", return_mapping=True
            )
        np.save(temporary / NODES, old_nodes.numpy())
        config = json.loads((temporary / f"{NAME}.json").read_text(encoding="utf-8"))
        checks = []
        for number in range(count):
            at = _sample(*next(iter(config["node_map"].values()))[number])
            edges = _sample(*next(iter(config["edge_map"].values()))[number])
            of_nodes = digest([rows[name][old_nodes[at]] for name in sorted(rows)])
            of_edges = digest([graph.edata[RELATION][old_edges[edges]]])
            checks.append(
                {"nodes": at.tolist(), "edges": edges.tolist(), "nodes_sha256": of_nodes, "edges_sha256": of_edges}
            )
        said = {
            **facts,
            "parts": count,
            "method": method,
            "nodes": nodes,
            "edges": graph.num_edges(),
            "relations": message.num_relations,
            "channels": {name: feat.shape[1] for name, feat in feats.items()},
            "versions": versions(),
            "cut": _cut(graph, old_nodes, config),
            "checks": checks,
            "files": seal(temporary),
        }
        (temporary / MANIFEST).write_text(json.dumps(said, indent=1), encoding="utf-8")
    return Parts.read(folder)


def _assignment(graph: dgl.DGLGraph, count: int, method: str) -> Tensor:
    """(N,) the part of each node."""
    if method == "random":
        return torch.randperm(graph.num_nodes(), generator=torch.Generator().manual_seed(0)) % count
    return metis_parts(graph, count)


@contextlib.contextmanager
def _assigned(assignment: Tensor) -> Iterator[None]:
    """Let DGL's partitioning, which takes no assignment, take this one for that of METIS in a block."""
    module: Any = importlib.import_module("dgl.distributed.partition")
    own = module.metis_partition_assignment
    module.metis_partition_assignment = lambda *_, **__: assignment
    try:
        yield
    finally:
        module.metis_partition_assignment = own


def _sample(first: int, end: int) -> Tensor:
    """Ids from the whole range of a part, the first and the last among them."""
    return torch.linspace(first, end - 1, min(SAMPLED_ROWS, end - first), dtype=torch.float64).long()


def _cut(graph: dgl.DGLGraph, old_nodes: Tensor, config: Mapping[str, Any]) -> float:
    """Share of the edges whose ends lie in different parts."""
    ends = [end for _, end in next(iter(config["node_map"].values()))]
    part = torch.empty(len(old_nodes), dtype=torch.int64)
    part[old_nodes] = torch.searchsorted(torch.tensor(ends), torch.arange(len(old_nodes)), right=True)
    source, target = graph.edges()
    return float((part[source] != part[target]).double().mean()) if len(source) else 0.0
