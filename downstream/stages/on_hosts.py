"""Stage 2 on several hosts: the first trainer makes the run, the others compute with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from downstream.losses.table import ALIGNMENTS
from downstream.methods.importance_settings import ImportanceConfig, NetworkConfig
from downstream.methods.table import METHODS
from downstream.stages.estimation import checked_folds, estimate
from nie.runs.run import Run
from nie.settings.sections import NEIGHBOUR_LABELS, RelationsConfig
from pretrain.parted_inputs import computed_together, join, unknown_to_hosts


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
    inputs = join(config, _unknown(config), data_root=data_root)

    def following() -> Callable[[int, Path], object]:
        ready = checked_folds(config, inputs)

        def follow(fold: int, folder: Path) -> None:
            work, checked = ready.pop(fold)
            work.fit(checked, folder)

        return follow

    return computed_together(inputs, lambda: estimate(config, run_root=run_root, inputs=inputs), following)


def _unknown(config: ImportanceConfig) -> Iterator[str]:
    """What of the settings does not work on several hosts."""
    if not METHODS[config.method].is_network:
        yield f"method {config.method}, which is no network"
        return
    network = cast(NetworkConfig, config)
    yield from unknown_to_hosts(network.batch, network.device, network.memory)
    for name in ("pretrained", "shown_labels", "unseen_nodes", "teachers"):
        if getattr(network, name):
            yield name
    if network.members > 1:
        yield "members"
    if network.loss.contrast_weight:
        yield "loss.contrast_weight"
    if network.model.several_signals is not None:
        yield f"method {network.method}, whose signals have parameters that its loss reads"
    beside = network.loss.of_channels
    if beside is not None and beside.alignment_weight and ALIGNMENTS[beside.alignment].needs_links:
        yield f"loss.alignment {beside.alignment}, which reads all edges"
    if network.model.relation_vectors not in (None, RelationsConfig()):
        yield "model.relations"
    if any(NEIGHBOUR_LABELS in name for kind, name in network.uses() if kind == "feature"):
        yield f"feature {NEIGHBOUR_LABELS}"
