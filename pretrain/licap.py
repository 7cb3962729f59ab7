"""Stage 1: label informed contrastive pretraining (LICAP) of PreGAT embeddings.

LICAP = Zhang et al., "Label Informed Contrastive Pretraining for Node Importance Estimation on Knowledge Graphs",
TNNLS 2024. Only labels of a fold's training nodes are ever read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nie.arrays import Array
from nie.errors import NieError
from nie.inputs.relations import relation_weights
from nie.models import PreGAT
from nie.ops.backend import choose_backend
from nie.progress import log
from nie.runs.files import write_array, write_curves, write_json
from nie.runs.folds import run_folds
from nie.runs.provenance import sitting
from nie.runs.run import Run, open_run
from nie.runs.weights import write_weights
from nie.training.loop import History, fit, seeded
from nie.training.neighbourhood import NeighbourSampler
from pretrain.binning import TopBins, top_bins
from pretrain.contrast import Contrast, num_steps
from pretrain.cross_validation import Fold, binding, fold_seed, write_split
from pretrain.inputs import NodeInputs, prepare
from pretrain.licap_settings import LicapConfig
from pretrain.losses import finer_bin_loss, top_bin_loss
from pretrain.sampling import draw_non_top, random_bins


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
        contrast_sets(config, inputs, inputs.folds[fold])
    with seeded(0):
        for name in _channels(config, inputs):
            _encoder(config, inputs, name)
    run = open_run(config, root=run_root, made_from=inputs.made_from)
    run_folds(run, config.folds.run, lambda fold, folder: _pretrain_fold(config, inputs, inputs.folds[fold], folder))
    return run


def licap_loss(embedding: Tensor, contrast: Contrast, config: LicapConfig) -> Tensor:
    """``eta1 L1 + eta2 L2``, LICAP's two contrasts, for the (N, d) ``embedding`` of all nodes, or of a step's."""
    loss, temperature = embedding.new_zeros(()), config.loss.temperature
    top = embedding[contrast.top]
    if config.loss.eta1:
        loss = loss + config.loss.eta1 * top_bin_loss(top, embedding[contrast.pool], temperature=temperature)
    if config.loss.eta2:
        finer = finer_bin_loss(top, contrast.bin, contrast.closeness, temperature=temperature)
        loss = loss + config.loss.eta2 * finer
    return loss


def contrast_sets(config: LicapConfig, inputs: NodeInputs, fold: Fold) -> TopBins:
    """The top bin, its finer bins and the drawn non-top nodes of one fold, from its training labels alone.

    Raises:
        NieError: the labels make no bins to contrast, or batches are too small for them.
    """
    loss = config.loss
    key = ("contrast sets", fold.index, config.seed, loss.sampling, loss.gamma, loss.width)
    try:
        bins = inputs.once(key, lambda: _draw(config, inputs.kg.targets[fold.train], fold))
        if config.batch.size is not None:
            num_steps(len(bins.top), len(bins.pool), config.batch.size)
    except NieError as error:
        raise NieError(f"Fold {fold.index} of {config.dataset}: {error}") from error
    return bins


def _draw(config: LicapConfig, labels: Array, fold: Fold) -> TopBins:
    rng = np.random.default_rng(fold_seed(config.seed, fold.index))
    if config.loss.sampling == "random":
        bins = random_bins(labels, fold.train, rng, gamma=config.loss.gamma, width=config.loss.width)
    else:
        bins = top_bins(labels, fold.train, gamma=config.loss.gamma, width=config.loss.width)
    return replace(bins, pool=draw_non_top(bins.pool, rng))


def _pretrain_fold(config: LicapConfig, inputs: NodeInputs, fold: Fold, folder: Path) -> None:
    started = time.monotonic()
    bins = contrast_sets(config, inputs, fold)
    channels = _channels(config, inputs)
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


def _encoder(config: LicapConfig, inputs: NodeInputs, name: str) -> PreGAT:
    """A new encoder of a channel, with parameters of torch's random state."""
    feat = inputs.tensor(inputs.channels[name])
    sizes = {"structural": config.model.structural_size, "semantic": config.model.semantic_size}
    settings = config.model.model_dump(exclude={"structural_size", "semantic_size", "relations"})
    settings["relations"] = inputs.relations(config.model.relations, {name: feat}).vectors(config.model.rel_size)
    model = PreGAT(feat.shape[1], sizes[name], num_relations=inputs.message.num_relations, **settings)
    return model.to(inputs.device)


def _pretrain_channel(
    config: LicapConfig, inputs: NodeInputs, fold: Fold, bins: TopBins, name: str, folder: Path
) -> History:
    """Train one channel's encoder and write its weights, curves and embeddings."""
    feat = inputs.tensor(inputs.channels[name])
    contrast, batch = Contrast.of(bins, inputs.device), config.batch
    seed = fold_seed(config.seed, fold.index)
    generator = torch.Generator().manual_seed(seed)
    with seeded(seed):
        model = _encoder(config, inputs, name)

        def embedding() -> Tensor:
            made: Tensor = model(inputs.message.graph, feat, inputs.message.etype)
            return made

        def losses() -> Iterator[Tensor]:
            if sampler is None or batch.size is None:
                yield licap_loss(embedding(), contrast, config)
                return
            for nodes, own in contrast.steps(batch.size, generator):
                found = sampler.sample(nodes.cpu(), generator)
                own_embedding = model(found.blocks, feat[found.nodes.to(feat.device)], found.etypes)
                yield licap_loss(own_embedding, own, config)

        fanouts = [batch.fanout] * model.num_hops
        sampler = None if batch.size is None else NeighbourSampler(inputs.message, fanouts)
        history, _ = fit(
            model,
            losses,
            lambda: {"contrast": licap_loss(embedding(), contrast, config).item()},
            optim=config.optim,
            select={"contrast": False},
            label=f"LICAP {name} fold {fold.index}",
            checkpoint=folder / name / "checkpoint.pt",
            generators=[generator],
            also_log=lambda: relation_weights(model),
        )
        with torch.no_grad():
            embeddings = embedding().cpu().numpy()
    write_array(folder / name / "embeddings.npy", embeddings)
    write_curves(folder / name / "curves.csv", history.rows)
    write_weights(folder / name / "model.safetensors", model)
    log.info(
        "LICAP %s fold %d: contrast %.4f in epoch %d of %d (%.2f s each)",
        name, fold.index, history.best["contrast"], history.best_epoch["contrast"], history.epochs,
        history.train_seconds / max(history.epochs, 1),
    )  # fmt: skip
    return history
