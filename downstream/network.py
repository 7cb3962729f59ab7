"""Training of a neural method on one fold, on the whole graph or on sampled blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from downstream.batches import NeighbourBatches
from downstream.losses import draw_lists, importance_loss
from downstream.metrics import METRICS, evaluate
from nie.config import GENIMethod, NetworkConfig, RGTNMethod
from nie.data import Channel, MessageGraph
from nie.errors import NieError
from nie.fit import History, fit, seeded
from nie.models import MODELS, ImportanceScores
from nie.runs import write_curves, write_weights
from pretrain.cross_validation import Fold
from pretrain.inputs import StageInputs, fold_seed, input_tensor


def check_selection(config: NetworkConfig, inputs: StageInputs, fold: Fold) -> None:
    """Raise if the validation labels of a fold cannot choose an epoch."""
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


def fit_network(
    config: NetworkConfig, inputs: StageInputs, channels: Mapping[str, Channel], fold: Fold, folder: Path
) -> tuple[np.ndarray[Any, Any], dict[str, float], History]:
    """Train the configured model, write its weights and curves, and predict every node on the label scale.

    The epoch is chosen on the validation nodes.

    Returns:
        The (N,) prediction, what is worth keeping in ``metrics.json``, and the history.
    """
    message, targets = inputs.message, inputs.kg.targets
    seed = fold_seed(config.seed, fold.index)
    centre = float(targets[fold.train].mean()) if config.centre_labels else 0.0
    train = torch.from_numpy(fold.train).to(inputs.device)
    centred = torch.from_numpy((targets[fold.train] - centre).astype(np.float32)).to(inputs.device)
    feats = {
        name: input_tensor(
            channel, inputs.degrees if name == "structural" else None, standardize=config.features.standardize
        ).to(inputs.device)
        for name, channel in channels.items()
    }
    generator = torch.Generator().manual_seed(seed)
    with seeded(seed):
        sizes = {name: feat.shape[1] for name, feat in feats.items()}
        model = MODELS[config.method](
            channel_sizes=sizes, num_relations=message.num_relations, **config.model.model_dump()
        ).to(inputs.device)

        def whole_graph() -> ImportanceScores:
            scores: ImportanceScores = model(message.graph, feats, message.etype)
            return scores

        def predict() -> np.ndarray[Any, Any]:
            prediction = whole_graph().score.cpu().numpy().astype(np.float64) + centre
            if not np.isfinite(prediction).all():
                raise NieError("The scores became infinite or nan; lower optim.lr or set optim.clip_norm.")
            return prediction

        def train_on_whole_graph() -> Iterator[Tensor]:
            scores = whole_graph()
            yield loss(scores.score[train], scores.by_channel[train], centred)

        def train_on_batches(batches: NeighbourBatches) -> Iterator[Tensor]:
            for rows, scores in batches.epoch(model, feats, generator):
                yield loss(scores.score, scores.by_channel, centred[rows])

        def loss(score: Tensor, by_channel: Tensor, target: Tensor) -> Tensor:
            lists = draw_lists(len(target), config.loss.list_size, generator).to(inputs.device)
            weights = config.loss.model_dump(exclude={"list_size"})
            return importance_loss(score, by_channel, target, lists, **weights)

        batches = _batches(config, message, fold)
        history = fit(
            model,
            train_on_whole_graph if batches is None else lambda: train_on_batches(batches),
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
    return prediction, {"centre": centre, "best_epoch": history.best_epoch, "epochs": history.epochs}, history


def _batches(config: NetworkConfig, message: MessageGraph, fold: Fold) -> NeighbourBatches | None:
    """The batches that a method trains on, or None for the whole graph."""
    if not isinstance(config, RGTNMethod | GENIMethod) or config.batch.size is None:
        return None
    fanouts = [config.batch.fanout] * config.model.num_layers
    return NeighbourBatches(message, torch.from_numpy(fold.train), config.batch.size, fanouts)
