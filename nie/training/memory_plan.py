"""How a stage trains within a given memory: on the whole graph, or on batches, of which size and how many neighbours.

What a network keeps for its backward pass is counted on four small samples and not derived from its settings, so that
the plan serves any network; how large a batch's blocks are is counted by sampling some. A prediction of all nodes
needs what every layer gives for all of them, and one chunk. The plan depends on the graph, the network and the settings
alone, and never on what is in use, so that a run that is continued keeps it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from nie.data import MessageGraph
from nie.errors import NieError
from nie.layers.graph_layer import GraphLayer
from nie.progress import log
from nie.settings.memory import bytes_of
from nie.settings.sections import BatchConfig
from nie.training.freed_memory import give_back_freed
from nie.training.neighbourhood import Neighbourhood, NeighbourSampler

VALUES = 1 << 24
"""Numbers that a layer reads at a time where a network that trains on batches predicts; fewer in a small memory."""
PROGRAM = 2**30
"""Bytes of Python with torch, DGL and the kernels, before any data."""
BYTES_OF_EDGE = 100
"""Of an edge in DGL's three formats of two numbers each, in the kernels' own arrays and with its relation."""
BYTES_OF_VALUE = 96
"""Of a number that a layer reads of a chunk, with what it makes of it."""
PEAK = 2.0
"""What the backward pass makes beside what was kept for it."""
SIZES = (4096, 2048, 1024, 512, 256, 128, 64, 32, 16)
FEWEST_VALUES = 1 << 14
"""Of a chunk; with fewer, a prediction would take very long."""
FEWEST = {-1: 512, 20: 256, 10: 64, 5: 16}
"""By fanout, from the best on, the smallest batch with which it is preferred to fewer neighbours, unless it is all."""


class Plan(NamedTuple):
    """How a network trains and predicts.

    Attributes:
        batch: size and fanout of batches; the size is None for the whole graph.
        values: what `nie.layers.graph_layer.in_chunks` takes where it predicts.
    """

    batch: BatchConfig
    values: int | None


class Cost(NamedTuple):
    """Bytes that a step needs for each row and each edge of what its layers read."""

    row: float
    edge: float

    def of(self, rows: float, edges: float) -> float:
        """Bytes of a step."""
        return self.row * rows + self.edge * edges


Run = Callable[[Neighbourhood], object]
"""Calls a network on a neighbourhood, with gradients, and returns what it gives."""


def plan(
    memory: str | None, batch: BatchConfig, message: MessageGraph, feats: Mapping[str, Tensor], model: nn.Module,
    train: Tensor, run: Run, label: str,
) -> Plan:  # fmt: skip
    """The plan of a network on a fold, which a progress line tells where a memory is given.

    Args:
        memory: what to stay under, such as 4G; None takes ``batch`` as it is.
        batch: the settings of batches.
        message: the message graph.
        feats: what the network reads, (N, columns) by channel.
        model: the network, which has ``num_hops``; it is left in eval mode.
        train: ids of the training nodes.
        run: calls the network.
        label: what is trained, for the progress line.

    Raises:
        NieError: no plan fits into the memory.
    """
    if memory is None:
        return Plan(batch, None if batch.size is None else VALUES)
    give_back_freed()
    try:
        return _plan(memory, message, feats, model, train, run, label)
    finally:
        give_back_freed()  # what the samples took


def _plan(
    memory: str, message: MessageGraph, feats: Mapping[str, Tensor], model: nn.Module, train: Tensor, run: Run,
    label: str,
) -> Plan:  # fmt: skip
    hops = int(model.eval().num_hops)  # type: ignore[arg-type]
    nodes, edges, bytes_given = message.graph.num_nodes(), message.graph.num_edges(), bytes_of(memory)
    columns = sum(feat.shape[1] for feat in feats.values())
    held = PROGRAM + BYTES_OF_EDGE * edges + 3 * 4 * nodes * columns + 4 * 4 * sum(map(torch.numel, model.parameters()))
    spare = bytes_given - held
    with _widths(model) as widths:
        cost = _cost(message, train, hops, run)
    made = 4 * nodes * sum(widths.values())
    whole = cost.of(nodes * max(hops, 1), edges * hops)
    asked = f"{label}: {memory} of memory, of which graph and features take about {_said(held)}"
    if whole <= spare:
        log.info("%s; the whole graph, whose steps take about %s", asked, _said(whole))
        return Plan(BatchConfig(), None)
    smallest = predicting = made + BYTES_OF_VALUE * FEWEST_VALUES
    for fanout, fewest in FEWEST.items():
        size, needed = _batches(message, train, hops, cost, spare, fanout, fewest)
        smallest = max(needed, predicting)
        if smallest <= spare:
            values = min(int(spare - made) // BYTES_OF_VALUE, VALUES)
            neighbours = "all" if fanout == -1 else f"{fanout}"
            log.info(
                "%s; batches of %d nodes with %s neighbours, whose steps take about %s and predictions %s, as steps of "
                "the whole graph would take %s", asked, size, neighbours, _said(needed),
                _said(made + BYTES_OF_VALUE * values), _said(whole),
            )  # fmt: skip
            return Plan(BatchConfig(size=size, fanout=fanout), values)
    raise NieError(
        f"memory {memory} is too little: graph and features take about {_said(held)} and the smallest batch "
        f"{_said(smallest)}; give {_said(held + smallest)} or more."
    )


def _batches(
    message: MessageGraph, train: Tensor, hops: int, cost: Cost, spare: float, fanout: int, fewest: int
) -> tuple[int, float]:  # fmt: skip
    """The largest batches of a fanout that fit, and the bytes of a step; the smallest ones where none fits.

    They are tried from the smallest on, as a batch that is sampled takes memory, too.
    """
    sampler, best = NeighbourSampler(message, [fanout] * hops), None
    offered = {size for size in SIZES if fewest <= size <= len(train)}
    if len(train) <= SIZES[0]:  # few nodes with a label, of which one batch is all that is ever read
        offered.add(max(len(train), SIZES[-1]))
    for size in sorted(offered):
        needed = max(cost.of(*_extent(found)) for found in _some(sampler, train, size))
        if best is not None and needed > spare:
            break
        best = size, needed
        if needed > spare:
            break
    return best or (SIZES[-1], float("inf"))


def _some(sampler: NeighbourSampler, train: Tensor, size: int) -> Iterator[Neighbourhood]:
    """Two batches, the same ones at every call."""
    generator = torch.Generator().manual_seed(size)
    for _ in range(2):
        yield sampler.sample(train[torch.randperm(len(train), generator=generator)[:size]].cpu(), generator)


def _extent(found: Neighbourhood) -> tuple[int, int]:
    """Rows and edges that the layers read."""
    rows = sum(block.num_src_nodes() for block in found.blocks)
    return rows or len(found.nodes), sum(block.num_edges() for block in found.blocks)


def _cost(message: MessageGraph, train: Tensor, hops: int, run: Run) -> Cost:
    """Bytes of a step by row and edge, of samples that have few and many edges for each row."""
    extents, kept = [], []
    for fanout, size in ((1, 128), (1, 32), (30, 64), (30, 16)):
        found = next(_some(NeighbourSampler(message, [fanout] * hops), train, size))
        extents.append(_extent(found))
        kept.append(_kept_by(run, found))
    if not hops:
        return Cost(PEAK * max(np.divide(kept, [rows for rows, _ in extents])), 0.0)
    (row, edge), *_ = np.linalg.lstsq(np.array(extents, dtype=float), np.array(kept, dtype=float))
    if row < 0 or edge < 0:  # a network for which the two are not told apart
        row = edge = max(bytes_kept / sum(extent) for extent, bytes_kept in zip(extents, kept, strict=True))
    return Cost(PEAK * row, PEAK * edge + BYTES_OF_EDGE)


@contextlib.contextmanager
def _widths(model: nn.Module) -> Iterator[dict[nn.Module, int]]:
    """The numbers that each layer gives for a node, of those that are called in the block and are in no other."""
    layers = [layer for layer in model.modules() if isinstance(layer, GraphLayer)]
    inner = {part for layer in layers for part in layer.modules() if part is not layer}
    widths: dict[nn.Module, int] = {}

    def note(layer: nn.Module, _given: object, made: object) -> None:
        if isinstance(made, Tensor):
            widths[layer] = made.shape[1:].numel()

    with contextlib.ExitStack() as noted:
        for layer in layers:
            if layer not in inner:
                noted.callback(layer.register_forward_hook(note).remove)
        yield widths


def _kept_by(run: Run, found: Neighbourhood) -> int:
    """Bytes of what the forward pass keeps for the backward pass."""
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        made = run(found)
    del made
    return sum(storages.values())


def _said(count: float) -> str:
    """Bytes in words, never fewer than there are.

    >>> _said(3 * 2**30), _said(3 * 2**30 + 1), _said(5e6)
    ('3.0G', '3.1G', '5M')
    """
    return f"{-(-count * 10 // 2**30) / 10:.1f}G" if count >= 2**30 else f"{-(-count // 2**20):.0f}M"
