"""Stage 1: label informed contrastive pretraining (LICAP) of PreGAT embeddings, and its controls.

LICAP = Zhang et al., "Label Informed Contrastive Pretraining for Node Importance Estimation on Knowledge Graphs",
TNNLS 2024. Only labels of a fold's training nodes are learned from, and where there are teachers what these predict;
where a probe picks the epoch, it looks at labels of the validation nodes as stage 2 does.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from nie.arrays import Ints
from nie.errors import NieError
from nie.ops.backend import choose_backend
from nie.progress import log
from nie.runs.files import write_json
from nie.runs.folds import run_folds
from nie.runs.provenance import sitting
from nie.runs.run import Run, open_run
from nie.training.loop import seeded
from pretrain.contrast_sets import contrast_sets
from pretrain.cross_fit import parts_of
from pretrain.cross_validation import Fold, binding, write_split
from pretrain.encoder_training import new_encoder, pretrain_channel
from pretrain.inputs import NodeInputs, prepare
from pretrain.licap_settings import LicapConfig
from pretrain.probe import probe_of
from pretrain.snapshots import snapshots_of
from pretrain.taught_labels import labels_to_learn


def pretrain(
    config: LicapConfig, *, data_root: str | Path = "datasets", run_root: str | Path = "checkpoints",
    inputs: NodeInputs | None = None,
) -> Run:  # fmt: skip
    """Pretrain the configured channels on the configured folds; finished folds are kept, half-done ones continued.

    Args:
        config: the resolved settings.
        data_root: folder of the datasets.
        run_root: folder of the runs.
        inputs: what `prepare` returned, when several stages share it.

    Raises:
        NieError: bad input, in one sentence.
    """
    inputs = inputs or prepare(config, data_root=data_root)
    for fold in config.folds.run:  # what cannot work is refused before anything is written
        labels_to_learn(config, inputs, inputs.folds[fold])
        check_objective(config, inputs, inputs.folds[fold])
    with seeded(0):
        for name in _channels(config, inputs):
            new_encoder(config, inputs, name)
    run = open_run(config, root=run_root, made_from=inputs.made_from)

    def on_fold(number: int, folder: Path) -> None:
        inputs.begin(number, folder)
        pretrain_fold(config, inputs, inputs.folds[number], folder)

    run_folds(run, config.folds.run, on_fold)
    return run


def check_objective(config: LicapConfig, inputs: NodeInputs, fold: Fold) -> None:
    """Raise where the labels of a fold give the configured objective nothing to learn, or its probe nothing to choose.

    Raises:
        NieError: why, and what to do.
    """
    for part in (fold, *(rest for rest, _ in parts_of(config, fold))):
        for snapshot in snapshots_of(config, inputs, part):
            try:
                _check_labels(config, snapshot.inputs, snapshot.fold)
            except NieError as error:
                raise NieError(f"Of {snapshot.date}, a day of snapshots.dates: {error}") from error
        _check_labels(config, inputs, part)


def _check_labels(config: LicapConfig, inputs: NodeInputs, fold: Fold) -> None:
    """The same of one encoder."""
    if config.loss.objective == "untrained":
        return
    if config.select == "probe":
        probe_of(inputs.kg.targets, fold)
    if config.loss.objective == "licap":
        contrast_sets(config, inputs, fold)
    elif len(np.unique(inputs.kg.targets[fold.train])) < 2:
        raise NieError(
            f"All {len(fold.train)} training labels of fold {fold.index} are equal; pretraining needs labels that "
            "differ."
        )


def pretrain_fold(config: LicapConfig, inputs: NodeInputs, fold: Fold, folder: Path) -> None:
    """Pretrain the channels on a fold, and write what the fold has to ``folder``."""
    started = time.monotonic()
    channels = _channels(config, inputs)
    trained = {name: pretrain_channel(config, inputs, fold, name, folder / name) for name in channels}
    histories = {name: history for name, (history, _) in trained.items()}
    write_split(folder, fold)
    write_json(folder / "metrics.json", {
        "binding": binding(inputs.kg, fold),
        "channels": channels,
        **_contrasted(config, inputs, fold),
        "fit": {
            name: {
                "loss": history.best.get(config.loss.name),
                **({"probe": history.best["probe"]} if "probe" in history.best else {}),
                "best_epoch": max(history.best_epoch.values(), default=0),
                "epochs": history.epochs,
            }
            for name, history in histories.items()
        },
    })  # fmt: skip
    epochs = sum(history.epochs for history in histories.values())
    seconds = sum(history.train_seconds for history in histories.values())
    write_json(folder / "timing.json", {
        "seconds_per_epoch": seconds / max(epochs, 1),
        "train_seconds": sum(with_others for _, with_others in trained.values()),
        **sitting(started),
        "device": str(inputs.device),
        "attention": choose_backend(torch.zeros(1, device=inputs.device)),
    })  # fmt: skip


SPARSE = 5
"""A finer bin of fewer nodes has a centroid that is theirs alone."""


def _contrasted(config: LicapConfig, inputs: NodeInputs, fold: Fold) -> dict[str, float | list[int]]:
    """What LICAP compares on a fold, in numbers; nothing for another objective."""
    if config.loss.objective != "licap":
        return {}
    bins = contrast_sets(config, inputs, fold)
    sizes = np.bincount(bins.bin, minlength=bins.num_bins)
    if fold.index == config.folds.run[0] and config.loss.bins == "top":
        _advise_on_sparse_bins(f"{config.run_label()} fold {fold.index}", sizes[sizes > 0], len(bins.top))
    return {
        "border": bins.border,
        "top_nodes": len(bins.top),
        "non_top_nodes": len(bins.pool),
        "finer_bins": int((sizes > 0).sum()),
        "nodes_in_finer_bins": sizes.tolist(),
    }


def _advise_on_sparse_bins(label: str, filled: Ints, num_top: int) -> None:
    """Say which bins of equal counts would not be nearly empty, where some of these are."""
    equal = num_top // SPARSE
    if filled.min() < SPARSE and equal > 1:
        log.info(
            "%s: its finer bins hold %s nodes; --loss.bins top-quantiles --loss.num_bins %d makes them equal",
            label, ", ".join(map(str, filled)), min(equal, max(len(filled), 2)),
        )  # fmt: skip


def _channels(config: LicapConfig, inputs: NodeInputs) -> list[str]:
    """The channels to pretrain, of those that the graph has.

    Raises:
        NieError: it has none of them.
    """
    channels: list[str] = [name for name in config.channels if name in inputs.channels]
    if not channels:
        there = f"it has {', '.join(inputs.channels)}" if inputs.channels else "it has no features"
        raise NieError(f"{config.dataset} has none of the channels {', '.join(config.channels)} to pretrain; {there}.")
    return channels
