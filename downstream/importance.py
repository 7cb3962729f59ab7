"""Stage 2: importance estimation, by RGTN on raw or pretrained features or by a baseline.

The epoch is chosen on the fold's validation nodes; its test nodes are scored once, after training.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from downstream.baselines import BASELINES, BaselineInput
from downstream.losses import draw_lists, importance_loss
from downstream.metrics import METRICS, evaluate
from nie.config import ImportanceConfig, ImportanceLossConfig, OptimConfig, RGTNConfig
from nie.data import Channel
from nie.errors import NieError, nearest
from nie.fit import fit, seeded
from nie.models import RGTN
from nie.ops.backend import choose_backend
from nie.progress import log
from nie.provenance import sitting
from nie.runs import Run, open_run, run_folds, write_array, write_curves, write_json, write_weights
from pretrain.cross_validation import Fold, write_split
from pretrain.embeddings import binding, read_embeddings
from pretrain.inputs import StageInputs, fold_seed, input_tensor, prepare

METHODS = ("rgtn", *BASELINES)


def estimate(
    config: ImportanceConfig, *, data_root: str | Path = "datasets", run_root: str | Path = "checkpoints",
    inputs: StageInputs | None = None,
) -> Run:  # fmt: skip
    """Train and test ``config.method`` on the configured folds; finished folds are kept, half-done ones continued.

    Args:
        config: the resolved settings.
        data_root: folder of the datasets.
        run_root: folder of the runs.
        inputs: what `pretrain.inputs.prepare` returned, when several stages share it.

    Raises:
        NieError: bad input, in one sentence.
    """
    if config.method not in METHODS:
        hint = nearest(config.method, METHODS) or f" (there are {', '.join(METHODS)})"
        raise NieError(f"There is no method {config.method!r}{hint}.")
    inputs = inputs or prepare(config, data_root=data_root)
    for fold in config.folds.run:  # what cannot work is refused before anything is written
        _check_fold(config, inputs, inputs.folds[fold])
    run = open_run("downstream", config, root=run_root, made_from=inputs.made_from)
    run_folds(run, config.folds.run, lambda fold, folder: _estimate_fold(config, inputs, inputs.folds[fold], folder))
    return run


def baseline_config(config: ImportanceConfig, method: str) -> ImportanceConfig:
    """The settings of a baseline on the data and folds of ``config``: what only RGTN reads is left at its default."""
    neutral: dict[str, Any] = {
        "model": RGTNConfig(), "loss": ImportanceLossConfig(), "optim": OptimConfig(), "pretrained": None,
    }  # fmt: skip
    return config.model_copy(update={**neutral, "method": method, "label": None})


def _check_fold(config: ImportanceConfig, inputs: StageInputs, fold: Fold) -> None:
    if config.method == "rgtn":
        labels = inputs.kg.targets[fold.val]
        if METRICS[config.select].min_nodes > len(labels):
            raise NieError(
                f"select is {config.select}, but fold {fold.index} of {config.dataset} has {len(labels)} validation "
                "nodes; use spearman, rmse or a smaller k."
            )
        if config.select == "spearman" and len(np.unique(labels)) < 2:
            raise NieError(
                f"The validation labels of fold {fold.index} of {config.dataset} are all equal ({len(labels)} nodes), "
                "so they rank nothing; give more labels or use --select rmse."
            )
    if config.pretrained is not None:
        read_embeddings(config.pretrained, inputs.kg, fold)


def _estimate_fold(config: ImportanceConfig, inputs: StageInputs, fold: Fold, folder: Path) -> None:
    started = time.monotonic()
    channels = dict(inputs.channels)
    if config.pretrained is not None:
        channels.update(read_embeddings(config.pretrained, inputs.kg, fold))
    if config.method == "rgtn":
        score, prediction, fitted = _fit_rgtn(config, inputs, channels, fold, folder)
    else:
        score, prediction, fitted = _fit_baseline(config, inputs, channels, fold)
    targets = inputs.kg.targets
    parts = {"val": fold.val, "test": fold.test}
    figures = {part: evaluate(targets[ids], prediction[ids], score=score[ids]) for part, ids in parts.items()}
    write_split(folder, fold)
    write_array(folder / "predictions.npy", prediction.astype(np.float32))
    write_json(folder / "metrics.json", {"binding": binding(inputs.kg, fold), **figures, "fit": fitted["result"]})
    write_json(folder / "timing.json", {
        **fitted["timing"],
        **sitting(started),
        "device": str(inputs.device),
        "attention": choose_backend(torch.zeros(1, device=inputs.device)),
    })  # fmt: skip
    shown = ", ".join(f"{name} {value:.4f}" for name, value in figures["test"].items() if name in SHOWN)
    log.info("%s fold %d: test %s", config.run_label(), fold.index, shown)


SHOWN = ("rmse", "medianae", "spearman", "ndcg@100", "over@100")


def _fit_baseline(
    config: ImportanceConfig, inputs: StageInputs, channels: Mapping[str, Channel], fold: Fold
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], dict[str, Any]]:
    started = time.monotonic()
    features = np.concatenate([channel.features for channel in channels.values()], axis=1)
    if inputs.degrees is not None:
        features = np.concatenate([features, inputs.degrees], axis=1)
    seed = fold_seed(config.seed, fold.index)
    result = BASELINES[config.method](BaselineInput(inputs.kg, features, inputs.kg.targets, fold, seed))
    return result.score, result.prediction, {"result": {}, "timing": {"fit_seconds": time.monotonic() - started}}


def _fit_rgtn(
    config: ImportanceConfig, inputs: StageInputs, channels: Mapping[str, Channel], fold: Fold, folder: Path
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], dict[str, Any]]:
    """Train RGTN, write its weights and curves, and return score and prediction of every node."""
    device, message = inputs.device, inputs.message
    feats = {
        name: input_tensor(
            channel, inputs.degrees if name == "structural" else None, standardize=config.features.standardize
        ).to(device)
        for name, channel in channels.items()
    }
    targets = inputs.kg.targets
    centre = float(targets[fold.train].mean()) if config.centre_labels else 0.0
    train = torch.from_numpy(fold.train).to(device)
    centred = torch.from_numpy((targets[fold.train] - centre).astype(np.float32)).to(device)
    generator = torch.Generator().manual_seed(fold_seed(config.seed, fold.index))

    with seeded(fold_seed(config.seed, fold.index)):
        sizes = {name: feat.shape[1] for name, feat in feats.items()}
        model = RGTN(channel_sizes=sizes, num_relations=message.num_relations, **config.model.model_dump()).to(device)

        def step() -> Tensor:
            scores = model(message.graph, feats, message.etype)
            lists = draw_lists(len(train), config.loss.list_size, generator).to(device)
            return importance_loss(
                scores.score[train], scores.by_channel[train], centred, lists,
                channel_weight=config.loss.channel_weight, listwise_weight=config.loss.listwise_weight,
            )  # fmt: skip

        def predict() -> np.ndarray[Any, Any]:
            scores: Tensor = model(message.graph, feats, message.etype).score
            return scores.cpu().numpy().astype(np.float64) + centre

        history = fit(
            model,
            step,
            lambda: evaluate(targets[fold.val], predict()[fold.val]),
            optim=config.optim,
            metric=config.select,
            higher_is_better=METRICS[config.select].higher_is_better,
            label=f"{config.run_label()} fold {fold.index}",
            checkpoint=folder / "checkpoint.pt",
            generators=[generator],
        )
        with torch.no_grad():
            prediction = predict()
    write_curves(folder / "curves.csv", history.rows)
    write_weights(folder / "model.safetensors", model)
    result = {"centre": centre, "best_epoch": history.best_epoch, "epochs": history.epochs}
    timing = {"seconds_per_epoch": history.train_seconds / max(history.epochs, 1)}
    return prediction, prediction, {"result": result, "timing": timing}
