"""Stage 1: label informed contrastive pretraining (LICAP) of PreGAT embeddings.

LICAP = Zhang et al., "Label Informed Contrastive Pretraining for Node Importance Estimation on Knowledge Graphs",
TNNLS 2024. Only labels of a fold's training nodes are ever read.
"""

from __future__ import annotations

import functools
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nie.errors import NieError
from nie.inputs.relations import RelationInputs, relation_weights
from nie.models import PreGAT
from nie.ops.backend import choose_backend
from nie.progress import log
from nie.runs.files import write_array, write_curves, write_json
from nie.runs.provenance import sitting
from nie.runs.run import Run, open_run, run_folds
from nie.runs.weights import write_weights
from nie.training.loop import History, fit, seeded
from pretrain.binning import TopBins, closeness, top_bins
from pretrain.cross_validation import Fold, binding, fold_seed, write_split
from pretrain.inputs import StageInputs, prepare
from pretrain.licap_settings import LicapConfig
from pretrain.losses import finer_bin_loss, top_bin_loss
from pretrain.sampling import draw_non_top, random_bins


def pretrain(
    config: LicapConfig, *, data_root: str | Path = "datasets", run_root: str | Path = "checkpoints",
    inputs: StageInputs | None = None,
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
    for fold in config.folds.run:  # what cannot be contrasted is refused before anything is written
        contrast_sets(config, inputs, inputs.folds[fold])
    run = open_run(config, root=run_root, made_from=inputs.made_from)
    run_folds(run, config.folds.run, lambda fold, folder: _pretrain_fold(config, inputs, inputs.folds[fold], folder))
    return run


def licap_loss(embedding: Tensor, bins: TopBins, config: LicapConfig) -> Tensor:
    """``eta1 L1 + eta2 L2`` of METHODS section 3 for the (N, d) ``embedding`` of all nodes."""
    top_ids, pool_ids, bin_of_top, coefficients = _on_device(bins, embedding.device)
    top = embedding[top_ids]
    loss = embedding.new_zeros(())
    if config.loss.eta1:
        loss = loss + config.loss.eta1 * top_bin_loss(top, embedding[pool_ids], temperature=config.loss.temperature)
    if config.loss.eta2:
        finer = finer_bin_loss(top, bin_of_top, coefficients, temperature=config.loss.temperature)
        loss = loss + config.loss.eta2 * finer
    return loss


@functools.lru_cache(maxsize=1)  # every epoch of a fold asks for the same
def _on_device(bins: TopBins, device: torch.device) -> tuple[Tensor, ...]:
    """Top nodes, pool, finer bins of the top nodes and closeness coefficients, as tensors on ``device``."""
    arrays = (bins.top, bins.pool, bins.bin, closeness(bins.num_bins))
    return tuple(torch.from_numpy(array).to(device) for array in arrays)


def contrast_sets(config: LicapConfig, inputs: StageInputs, fold: Fold) -> TopBins:
    """The top bin, its finer bins and the drawn non-top nodes of one fold, from its training labels alone.

    Raises:
        NieError: the labels make no bins to contrast.
    """
    loss = config.loss
    key = ("contrast sets", fold.index, config.seed, loss.sampling, loss.gamma, loss.width)
    try:
        return inputs.once(key, lambda: _draw(config, inputs.kg.targets[fold.train], fold))
    except NieError as error:
        raise NieError(f"Fold {fold.index} of {config.dataset}: {error}") from error


def _draw(config: LicapConfig, labels: np.ndarray[Any, Any], fold: Fold) -> TopBins:
    rng = np.random.default_rng(fold_seed(config.seed, fold.index))
    if config.loss.sampling == "random":
        bins = random_bins(labels, fold.train, rng, gamma=config.loss.gamma, width=config.loss.width)
    else:
        bins = top_bins(labels, fold.train, gamma=config.loss.gamma, width=config.loss.width)
    return replace(bins, pool=draw_non_top(bins.pool, rng))


def _pretrain_fold(config: LicapConfig, inputs: StageInputs, fold: Fold, folder: Path) -> None:
    started = time.monotonic()
    bins = contrast_sets(config, inputs, fold)
    channels = [name for name in config.channels if name in inputs.channels]
    histories = {name: _pretrain_channel(config, inputs, fold, bins, name, folder) for name in channels}
    write_split(folder, fold)
    write_json(folder / "metrics.json", {
        "binding": binding(inputs.kg, fold),
        "channels": channels,
        "border": bins.border,
        "top_nodes": len(bins.top),
        "non_top_nodes": len(bins.pool),
        "finer_bins": len(np.unique(bins.bin)),
        "fit": {
            name: {
                "loss": history.best["contrast"],
                "best_epoch": history.best_epoch["contrast"],
                "epochs": history.epochs,
            }
            for name, history in histories.items()
        },
    })  # fmt: skip
    epochs = sum(history.epochs for history in histories.values())
    seconds = sum(history.train_seconds for history in histories.values())
    write_json(folder / "timing.json", {
        "seconds_per_epoch": seconds / max(epochs, 1),
        "train_seconds": seconds,
        **sitting(started),
        "device": str(inputs.device),
        "attention": choose_backend(torch.zeros(1, device=inputs.device)),
    })  # fmt: skip


def _pretrain_channel(
    config: LicapConfig, inputs: StageInputs, fold: Fold, bins: TopBins, name: str, folder: Path
) -> History:
    """Train one channel's encoder and write its weights, curves and embeddings."""
    feat = inputs.tensor(inputs.channels[name])
    sizes = {"structural": config.model.structural_size, "semantic": config.model.semantic_size}
    settings = config.model.model_dump(exclude={"structural_size", "semantic_size", "relations"})
    relations = RelationInputs.of(config.model.relations, inputs.relation_source, {name: feat})
    graph, etype = inputs.message.graph, inputs.message.etype
    with seeded(fold_seed(config.seed, fold.index)):
        settings["relations"] = relations.table(config.model.rel_size)
        model = PreGAT(feat.shape[1], sizes[name], num_relations=inputs.message.num_relations, **settings)
        model.to(inputs.device)
        history, _ = fit(
            model,
            lambda: [licap_loss(model(graph, feat, etype), bins, config)],
            lambda: {"contrast": licap_loss(model(graph, feat, etype), bins, config).item()},
            optim=config.optim,
            select={"contrast": False},
            label=f"LICAP {name} fold {fold.index}",
            checkpoint=folder / name / "checkpoint.pt",
            also_log=lambda: relation_weights(model),
        )
        with torch.no_grad():
            embedding = model(graph, feat, etype).cpu().numpy()
    write_array(folder / name / "embeddings.npy", embedding)
    write_curves(folder / name / "curves.csv", history.rows)
    write_weights(folder / name / "model.safetensors", model)
    log.info(
        "LICAP %s fold %d: contrast %.4f in epoch %d of %d (%.2f s each)",
        name, fold.index, history.best["contrast"], history.best_epoch["contrast"], history.epochs,
        history.train_seconds / max(history.epochs, 1),
    )  # fmt: skip
    return history
