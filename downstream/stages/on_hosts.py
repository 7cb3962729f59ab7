"""Stage 2 on several hosts: the first trainer makes the run, the others compute with it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from downstream.losses.table import ALIGNMENTS
from downstream.methods.importance_settings import ImportanceConfig, NetworkConfig
from downstream.methods.table import METHODS
from downstream.stages.estimation import checked_folds, estimate
from nie.errors import NieError
from nie.hosts import Place
from nie.runs.run import Run
from nie.settings.sections import NEIGHBOUR_LABELS, RelationsConfig
from nie.threads import computing_with, free_threads
from nie.training.checkpoint import CHECKPOINT
from pretrain.parted_inputs import PartedInputs, join


def estimate_on_hosts(
    config: ImportanceConfig, *, data_root: str | Path = "datasets", run_root: str | Path = "checkpoints"
) -> Run | None:
    """Train and test a network on the parts of a graph, as `downstream.stages.estimation.estimate` does on the whole.

    The run is that of one machine: the same folder, files and checkpoints, whatever the number of hosts. The process
    of a server never returns.

    Returns:
        The run, or None on a host that does not write it.

    Raises:
        NieError: bad input, in one sentence.
    """
    for setting in _unknown(config, len(Place.of_environment().hosts)):
        raise NieError(f"--distributed knows no {setting}.")
    inputs = join(config, data_root=data_root)
    with inputs.graph.trainers.together():
        if inputs.graph.trainers.leads:
            run = estimate(config, run_root=run_root, inputs=inputs)
            inputs.graph.trainers.told()  # that was all
            return run
        _follow(config, inputs)
    return None


def _follow(config: ImportanceConfig, inputs: PartedInputs) -> None:
    """Compute with the first trainer on the folds that it works on; what is written here is dropped."""
    ready = checked_folds(config, inputs)
    while message := inputs.graph.trainers.told():
        work, checked = ready.pop(int.from_bytes(message[:4], "big"))
        with tempfile.TemporaryDirectory(prefix="nie-fold-") as folder, computing_with(free_threads()):
            if message[4:]:
                Path(folder, CHECKPOINT).write_bytes(message[4:])
            work.fit(checked, Path(folder))


def _unknown(config: ImportanceConfig, hosts: int) -> Iterator[str]:
    """What of the settings does not work on several hosts."""
    if not METHODS[config.method].is_network:
        yield f"method {config.method}, which is no network"
        return
    network = cast(NetworkConfig, config)
    if network.batch.size is None or network.batch.size < 4 * hosts:
        yield f"training on the whole graph; give --batch.size, {4 * hosts} or more for {hosts} hosts"
    if network.device.startswith("cuda"):
        yield f"device {network.device}, as it trains on the CPU"
    if network.batch.sampler != "uniform":
        yield "batch.sampler but uniform"
    for name in ("memory", "pretrained", "shown_labels", "unseen_nodes", "teachers"):
        if getattr(network, name):
            yield name
    if network.members > 1:
        yield "members"
    if network.loss.contrast_weight:
        yield "loss.contrast_weight"
    beside = network.loss.of_channels
    if beside is not None and beside.alignment_weight and ALIGNMENTS[beside.alignment].needs_links:
        yield f"loss.alignment {beside.alignment}, which reads all edges"
    if network.model.relation_vectors not in (None, RelationsConfig()):
        yield "model.relations"
    if any(NEIGHBOUR_LABELS in name for kind, name in network.uses() if kind == "feature"):
        yield f"feature {NEIGHBOUR_LABELS}"
