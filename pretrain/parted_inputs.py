"""What a distributed run reads: labels and folds from the dataset, features and edges from the parts on the hosts."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from nie.data import KnowledgeGraph, MessageGraph, load
from nie.data.version import version_of
from nie.disk.leftovers import temporary_beside
from nie.errors import NieError, shown
from nie.hosts import SERVER, Place
from nie.inputs.channels import ChannelFeatures
from nie.models import ImportanceScores
from nie.runs.run import Run
from nie.settings.run import FoldsRunConfig
from nie.settings.sections import BatchConfig
from nie.threads import computing_with, free_threads
from nie.training.checkpoint import CHECKPOINT
from nie.training.distributed import Trainers, leaving_alone, serve
from nie.training.parted_graph import PartedGraph, RemoteRows
from nie.training.parts import Parts, versions, write_parts
from nie.training.shared_batches import SharedBatches, SharedNodes, of_all
from pretrain.cross_validation import folds_of
from pretrain.inputs import NodeInputs, prepare

SETTINGS = ("graph", "features")
"""The settings that parts are made with."""


def folder_of_parts(dataset: str, count: int, data_root: str | Path) -> Path:
    """Where the parts of a dataset for so many hosts lie."""
    return Path(data_root) / dataset / "parts" / str(count)


def partition(config: FoldsRunConfig, count: int, method: str, *, data_root: str | Path = "datasets") -> Parts:
    """Write the parts of a dataset, with its features and its message graph as the settings make them.

    Args:
        config: dataset, graph and features.
        count: parts, one for each host.
        method: see `nie.training.parts.write_parts`.
        data_root: folder of the datasets.

    Raises:
        NieError: the dataset or a feature cannot be had, or there are too few nodes.
    """
    inputs = prepare(config.model_copy(update={"device": "cpu"}), data_root=data_root)
    kg = inputs.kg
    channels = {name: features for name, features in inputs.channels.items() if features}
    facts = {"dataset": kg.name, "made_from": inputs.made_from}
    facts |= {name: getattr(config, name).model_dump(mode="json") for name in SETTINGS}
    return write_parts(
        folder_of_parts(kg.name, count, data_root),
        inputs.message,
        {name: inputs.tensor(features) for name, features in channels.items()},
        {name: inputs.presence(features) for name, features in channels.items()},
        facts,
        count=count,
        method=method,
    )


@dataclass(frozen=True, eq=False)
class PartedInputs(NodeInputs):
    """`NodeInputs` of a trainer: nothing of the size of all edges or all features is held by one host.

    Attributes:
        graph: of the parts; rows are pulled by id.
    """

    graph: PartedGraph = field(kw_only=True)

    @functools.cached_property
    def message(self) -> MessageGraph:
        """The graph and its relations, of which only this host's nodes are computed here."""
        facts, added = self.graph.parts.facts, self.config.graph
        return MessageGraph(self.graph, cast(Tensor, self.graph.etype), facts["relations"], **added.model_dump())

    def tensor(self, features: ChannelFeatures) -> Tensor:
        """Rows of a channel, by id."""
        return cast(Tensor, self.graph.features(str(features[0])))

    rows = tensor

    def presence(self, features: ChannelFeatures) -> Tensor:
        """Which nodes have a channel, by id."""
        return cast(Tensor, self.graph.presence(str(features[0])))

    def outputs(
        self, model: Any, message: MessageGraph, feats: Mapping[str, Tensor], **further: Any
    ) -> ImportanceScores:  # fmt: skip
        """What a network gives for all nodes, layer by layer without sampling, gathered from all trainers."""
        graph, hops = self.graph, model.num_hops
        for statistics in model.buffers():  # of batch normalisation, which are each trainer's own in training
            graph.trainers.as_first(statistics)
        read = {name: cast(RemoteRows, feat).of_own() for name, feat in feats.items()}
        masks = further.pop("masks", None)
        if masks is not None:
            further["masks"] = {name: mask.of_own() for name, mask in masks.items()}
        own = model([graph] * hops, read, [graph.etype] * hops, degrees=graph.degrees, **further)
        kept = replace(own, states=None, hidden=None)  # which are as large as features, and read in training alone
        scores: ImportanceScores = of_all(kept, graph.own_nodes, len(graph.nodes), graph.trainers)
        return scores

    def batches(self, train: Tensor, batch: BatchConfig, hops: int) -> SharedBatches:
        """Batches that are divided among the trainers."""
        assert batch.size is not None, "refused before"
        return SharedBatches(self.graph, train, batch.size, [batch.fanout] * hops)

    def embedding(self, model: Any, feat: Tensor) -> Tensor:
        """What an encoder gives for all nodes, layer by layer without sampling, gathered from all trainers."""
        graph, hops = self.graph, model.num_hops
        own = model([graph] * hops, cast(RemoteRows, feat).of_own(), [graph.etype] * hops)
        made: Tensor = of_all(own, graph.own_nodes, len(graph.nodes), graph.trainers)
        return made

    def sampled(self, batch: BatchConfig, hops: int) -> SharedNodes:
        """Nodes of a batch are divided among the trainers."""
        return SharedNodes(self.graph, [batch.fanout] * hops)

    def share_checkpoint(self, folder: Path) -> None:
        """Give the other trainers the first one's checkpoint, where it has one."""
        checkpoint, trainers = folder / CHECKPOINT, self.graph.trainers
        kept = trainers.told(checkpoint.read_bytes() if trainers.leads and checkpoint.exists() else b"")
        if kept and not trainers.leads:
            checkpoint.write_bytes(kept)

    def begin(self, fold: int, folder: Path) -> None:
        """Tell the other trainers which fold is worked on, and from which checkpoint it goes on."""
        checkpoint = folder / CHECKPOINT
        kept = checkpoint.read_bytes() if checkpoint.exists() else b""
        self.graph.trainers.told(fold.to_bytes(4, "big") + kept)

    @functools.cached_property
    def made_from(self) -> dict[str, str]:
        """What the parts were made from, which is what the same run on one machine is made from."""
        return dict(self.graph.parts.facts["made_from"])


def unknown_to_hosts(batch: BatchConfig, device: str, memory: str | None) -> Iterator[str]:
    """What of the settings of any training does not work on the hosts that this process is told of."""
    hosts = len(Place.of_environment().hosts)
    wanted = f"give --batch.size, {4 * hosts} or more for {hosts} hosts"
    if memory:
        yield f"memory; {wanted}, in its place"
    if batch.size is None:
        yield f"training on the whole graph; {wanted}"
    elif batch.size < 4 * hosts:
        yield f"batch.size {batch.size}; {wanted}"
    if device.startswith("cuda"):
        yield f"device {device}, as it trains on the CPU"
    if batch.sampler != "uniform":
        yield "batch.sampler but uniform"


def join(
    config: FoldsRunConfig, unknown: Iterable[str], *, data_root: str | Path = "datasets"
) -> PartedInputs:  # fmt: skip
    """Join the other hosts of a distributed run; the process that is this host's server never returns.

    Args:
        config: the settings of the run.
        unknown: what of them does not work on several hosts.
        data_root: folder of the datasets.

    Raises:
        NieError: something is unknown, `nie launch` has not started this process, the parts are damaged or of
            something else, or hosts differ.
    """
    for setting in unknown:
        raise NieError(f"--distributed knows no {setting}.")
    place = Place.of_environment()
    parts = Parts.read(folder_of_parts(config.dataset, len(place.hosts), data_root))
    kg = load(config.dataset, data_root)
    _check_parts(parts, config, kg)
    parts.check_files(place.number if place.role == SERVER else None)  # a trainer reads no part by itself
    if place.role == SERVER:
        serve(place, parts)
    trainers = Trainers(place, parts)
    with leaving_alone():
        graph = PartedGraph(parts, trainers)
    folds = folds_of(kg, config.folds)
    channels: Any = {name: (name,) for name in parts.facts["channels"]}
    return PartedInputs(kg, channels, folds, config.model_copy(update={"device": "cpu"}), data_root, graph=graph)


def computed_together(
    inputs: PartedInputs, lead: Callable[[], Run], following: Callable[[], Callable[[int, Path], object]]
) -> Run | None:  # fmt: skip
    """Let the first trainer make a run and the others compute with it on the folds that it works on.

    Args:
        inputs: of all trainers.
        lead: makes the run.
        following: makes ``(fold, folder)`` of those who follow, which computes the same; what it writes is dropped.

    Returns:
        The run, or None on a host that does not write it.
    """
    trainers = inputs.graph.trainers
    with trainers.together():
        if trainers.leads:
            run = lead()
            trainers.told()  # that was all
            return run
        follow, aside = following(), Path(tempfile.gettempdir(), "nie-fold")
        while message := trainers.told():
            # What a process leaves that was killed, the next one removes.
            with temporary_beside(aside, folder=True) as folder, computing_with(free_threads()):
                if message[4:]:
                    (folder / CHECKPOINT).write_bytes(message[4:])
                follow(int.from_bytes(message[:4], "big"), folder)
    return None


def _check_parts(parts: Parts, config: FoldsRunConfig, kg: KnowledgeGraph) -> None:
    """Refuse parts of another graph, of other programs, or with other features than the settings ask for."""
    again = f"nie partition {config.dataset} --parts {parts.facts['parts']}"
    known = parts.facts.get("made_from", {})
    if any(known.get(name) != digest for name, digest in version_of(kg).items()):
        raise NieError(
            f"The parts in {parts.folder} are of another version of {kg.name}; make them again with '{again}'."
        )
    for program, mine in versions().items():
        made_by = parts.facts.get("versions", {}).get(program)
        if made_by != mine:
            raise NieError(
                f"The parts in {parts.folder} were made by {program} {shown(made_by)}, which may have written them "
                f"otherwise, and this is {shown(mine)}; make them again with '{again}'."
            )
    for section in SETTINGS:
        for name, value in getattr(config, section).model_dump(mode="json").items():
            made_with = parts.facts.get(section, {}).get(name)
            if made_with != value:
                raise NieError(
                    f"The parts in {parts.folder} were made with {section}.{name} {shown(made_with)}, and the run "
                    f"asks for {shown(value)}; give '{again}' the recipe and flags of the run."
                )
