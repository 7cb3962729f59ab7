"""Stage 1 on several hosts: the first trainer makes the run, the others compute with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nie.runs.run import Run
from nie.settings.sections import RelationsConfig
from pretrain.licap import pretrain, pretrain_fold
from pretrain.licap_settings import LicapConfig
from pretrain.parted_inputs import computed_together, join, unknown_to_hosts


def pretrain_on_hosts(
    config: LicapConfig, *, data_root: str | Path = "datasets", run_root: str | Path = "checkpoints"
) -> Run | None:
    """Pretrain on the parts of a graph, as `pretrain.licap.pretrain` does on the whole.

    The run is that of one machine. The embedding of all nodes is gathered on each; features and edges are not. The
    process of a server never returns.

    Returns:
        The run, or None on a host that does not write it.

    Raises:
        NieError: bad input, in one sentence.
    """
    inputs = join(config, _unknown(config), data_root=data_root)
    return computed_together(
        inputs,
        lambda: pretrain(config, run_root=run_root, inputs=inputs),
        lambda: lambda fold, folder: pretrain_fold(config, inputs, inputs.folds[fold], folder),
    )


def _unknown(config: LicapConfig) -> Iterator[str]:
    """What of the settings does not work on several hosts."""
    yield from unknown_to_hosts(config.batch, config.device, config.memory)
    if config.model.relations != RelationsConfig():
        yield "model.relations"
    if config.teachers:
        yield "teachers"
    if config.snapshots.dates:
        yield "snapshots.dates"
