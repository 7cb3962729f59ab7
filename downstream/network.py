"""Training of a neural method on one fold, on the whole graph or on sampled blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from downstream.batches import NeighbourBatches
from downstream.channel_losses import channel_loss
from downstream.losses import draw_lists, importance_loss
from downstream.metrics import METRICS, evaluate
from downstream.network_inputs import NetworkInputs
from nie.config import ChannelLossConfig, GENIMethod, NetworkConfig, RGTNMethod
from nie.data import MessageGraph
from nie.errors import NieError
from nie.fit import fit, seeded
from nie.models import ImportanceScores
from nie.runs import read_json, write_array, write_curves, write_json, write_weights
from pretrain.cross_validation import Fold
from pretrain.inputs import Parts, StageInputs, fold_seed

Floats: TypeAlias = npt.NDArray[np.float64]
MEMBER_SEEDS = 100  # between the seeds of members: more than there are folds


def check_selection(config: NetworkConfig, inputs: StageInputs, fold: Fold) -> None:
    """Raise if the validation labels of a fold cannot choose an epoch."""
    labels = inputs.kg.targets[fold.val]
    for metric in _selecting(config):
        if METRICS[metric].min_nodes > len(labels):
            raise NieError(
                f"select is {metric}, but fold {fold.index} of {config.dataset} has {len(labels)} validation nodes; "
                "use spearman, rmse or a smaller k."
            )
        if metric == "spearman" and len(np.unique(labels)) < 2:
            raise NieError(
                f"The validation labels of fold {fold.index} of {config.dataset} are all equal ({len(labels)} nodes), "
                "so they rank nothing; give more labels or use --select rmse."
            )


def _selecting(config: NetworkConfig) -> list[str]:
    """The metrics that choose epochs, that of the scores first."""
    return list(dict.fromkeys([config.select, config.select_value or config.select]))


@dataclass(frozen=True, eq=False)
class NetworkFit:
    """What training on one fold gave.

    Attributes:
        score: (N,) for the ranking metrics.
        prediction: (N,) for RMSE and MedianAE; both are on the label scale.
        facts: worth keeping in ``metrics.json``.
        seconds_per_epoch: of training and evaluation.
        train_seconds: of all epochs, over all sittings.
    """

    score: Floats
    prediction: Floats
    facts: dict[str, Any]
    seconds_per_epoch: float
    train_seconds: float


def fit_network(
    config: NetworkConfig, inputs: StageInputs, channels: Mapping[str, Parts], fold: Fold, folder: Path
) -> NetworkFit:
    """Train the configured model, or ``members`` of them, write weights and curves, and predict every node.

    Epochs are chosen on the validation nodes: by ``select`` for the scores, by ``select_value`` for the predictions.
    The members differ in their seed; their outputs are averaged. A member that is finished is not trained again.
    """
    if config.members == 1:
        return _fit_member(config, inputs, channels, fold, folder, 0)
    fits = []
    for member in range(config.members):
        part = folder / f"member{member}"
        part.mkdir(exist_ok=True)
        fitted = _stored(part)
        if fitted is None:
            fitted = _fit_member(config, inputs, channels, fold, part, member)
            _store(part, fitted)
        fits.append(fitted)
    score, prediction = (np.mean([getattr(one, name) for one in fits], axis=0) for name in ("score", "prediction"))
    facts = {f"member{member}": one.facts for member, one in enumerate(fits)}
    seconds = [(one.seconds_per_epoch, one.train_seconds) for one in fits]
    return NetworkFit(score, prediction, facts, *map(sum, zip(*seconds, strict=True)))


def _fit_member(
    config: NetworkConfig, inputs: StageInputs, channels: Mapping[str, Parts], fold: Fold, folder: Path, member: int
) -> NetworkFit:
    targets, given = inputs.kg.targets, NetworkInputs.of(config, inputs, channels, fold)
    train, labels, shown = given.train, given.labels, given.shown
    seed = fold_seed(config.seed, fold.index) + MEMBER_SEEDS * member
    generator = torch.Generator().manual_seed(seed)
    with seeded(seed):
        model = given.build()

        def predict() -> Floats:
            score = given.scores(model, given.predicting).score
            prediction: Floats = score.cpu().numpy().astype(np.float64) + given.centre
            if not np.isfinite(prediction).all():
                raise NieError("The scores became infinite or nan; lower optim.lr or set optim.clip_norm.")
            return prediction

        def losses() -> Iterator[Tensor]:
            feats, rows = shown.draw(given.feats, generator) if shown else (given.feats, everyone)
            if batches is None:
                scores = given.scores(model, feats)
                own = loss(scores.score[train[rows]], scores.by_channel[train[rows]], labels[rows])
                yield own + beside(scores, feats)
            else:
                for batch, scores in batches.epoch(model, feats, rows, generator, given.masks_of(model)):
                    nodes = {name: feat[train[batch]] for name, feat in feats.items()}
                    yield loss(scores.score, scores.by_channel, labels[batch]) + beside(scores, nodes)

        def loss(score: Tensor, by_channel: Tensor, target: Tensor) -> Tensor:
            lists = draw_lists(len(target), config.loss.list_size, generator).to(inputs.device)
            weights = config.loss.model_dump(include={"listwise_weight", "channel_weight"})
            return importance_loss(score, by_channel, target, lists, **weights)

        def beside(scores: ImportanceScores, feats: Mapping[str, Tensor]) -> Tensor | float:
            if scores.states is None or not isinstance(config.loss, ChannelLossConfig):
                return 0.0
            return channel_loss(scores.states, feats, config.loss, generator)

        everyone = torch.arange(len(train), device=inputs.device)
        batches = _batches(config, inputs.message, fold)
        history, states = fit(
            model,
            losses,
            lambda: evaluate(targets[fold.val], predict()[fold.val]),
            optim=config.optim,
            select={metric: METRICS[metric].higher_is_better for metric in _selecting(config)},
            label=f"{config.run_label()} fold {fold.index}" + (f" member {member}" if config.members > 1 else ""),
            checkpoint=folder / "checkpoint.pt",
            generators=[generator],
        )
        write_weights(folder / "model.safetensors", model)
        with torch.no_grad():
            score = prediction = predict()
            if config.select_value not in (None, config.select):
                model.load_state_dict(states[config.select_value])
                write_weights(folder / "model_value.safetensors", model)
                prediction = predict()
    write_curves(folder / "curves.csv", history.rows)
    facts = {"centre": given.centre, "best_epoch": history.best_epoch, "epochs": history.epochs}
    return NetworkFit(score, prediction, facts, history.train_seconds / max(history.epochs, 1), history.train_seconds)


def _store(folder: Path, fitted: NetworkFit) -> None:
    write_array(folder / "outputs.npy", np.stack([fitted.score, fitted.prediction]))
    write_json(folder / "member.json", {
        "facts": fitted.facts,
        "seconds_per_epoch": fitted.seconds_per_epoch,
        "train_seconds": fitted.train_seconds,
    })  # fmt: skip


def _stored(folder: Path) -> NetworkFit | None:
    """A member that was finished in an earlier sitting."""
    if not (folder / "member.json").exists():
        return None
    document = read_json(folder / "member.json")
    score, prediction = np.load(folder / "outputs.npy", allow_pickle=False)
    return NetworkFit(score, prediction, **document)


def _batches(config: NetworkConfig, message: MessageGraph, fold: Fold) -> NeighbourBatches | None:
    """The batches that a method trains on, or None for the whole graph."""
    if not isinstance(config, RGTNMethod | GENIMethod) or config.batch.size is None:
        return None
    fanouts = [config.batch.fanout] * config.model.num_layers
    return NeighbourBatches(message, torch.from_numpy(fold.train), config.batch.size, fanouts)
