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

from downstream.agreement import agreement
from downstream.batches import NeighbourBatches
from downstream.evaluation import HIGHER_IS_BETTER, FoldJudge
from downstream.metrics import METRICS
from downstream.network_inputs import NetworkInputs
from downstream.step_loss import StepLoss
from downstream.tiers import TIER_METRICS, tier_borders, tier_means, tier_probabilities
from nie.config import ChannelLossConfig
from nie.data import MessageGraph
from nie.errors import NieError
from nie.fit import fit, seeded
from nie.method_config import GENIMethod, NetworkConfig, RGTNMethod
from nie.models import ChannelStates, ImportanceScores
from nie.runs import read_json, write_array, write_curves, write_json, write_weights
from pretrain.cross_validation import Fold
from pretrain.inputs import Parts, StageInputs, fold_seed
from pretrain.relations import relation_weights

Floats: TypeAlias = npt.NDArray[np.float64]
TIERS_FILE = "tiers.npy"
MEMBER_SEEDS = 100  # between the seeds of members: more than there are folds


def check_selection(config: NetworkConfig, inputs: StageInputs, fold: Fold) -> None:
    """Raise if the validation labels of a fold cannot choose an epoch."""
    labels = inputs.kg.targets[fold.val]
    for metric in _selecting(config):
        if metric in TIER_METRICS:
            tier_borders(inputs.kg.targets[fold.train])
        elif METRICS[metric].min_nodes > len(labels):
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
        probability: (N, C) of every tier, where the network learns them.
        agreement: of its channels on the test nodes, by key of `downstream.agreement.AGREEMENT_METRICS`.
        facts: worth keeping in ``metrics.json``.
        seconds_per_epoch: of training and evaluation.
        train_seconds: of all epochs, over all sittings.
    """

    score: Floats
    prediction: Floats
    probability: Floats | None
    agreement: dict[str, float]
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
    probabilities = [one.probability for one in fits if one.probability is not None]
    return NetworkFit(
        score=score,
        prediction=prediction,
        probability=np.mean(probabilities, axis=0) if probabilities else None,
        agreement={name: float(np.mean([one.agreement[name] for one in fits])) for name in fits[0].agreement},
        facts={f"member{member}": one.facts for member, one in enumerate(fits)},
        seconds_per_epoch=sum(one.seconds_per_epoch for one in fits),
        train_seconds=sum(one.train_seconds for one in fits),
    )


def _fit_member(
    config: NetworkConfig, inputs: StageInputs, channels: Mapping[str, Parts], fold: Fold, folder: Path, member: int
) -> NetworkFit:
    given = NetworkInputs.of(config, inputs, channels, fold)
    judge, shown, train = FoldJudge(inputs.kg.targets, fold), given.shown, given.train
    seed = fold_seed(config.seed, fold.index) + MEMBER_SEEDS * member
    generator = torch.Generator().manual_seed(seed)
    with seeded(seed):
        model = given.build()

        def outputs() -> Outputs:
            return Outputs.of(given.scores(model, given.predicting), given)

        def losses() -> Iterator[Tensor]:
            feats, rows = shown.draw(given.feats, generator) if shown else (given.feats, everyone)
            if batches is None:
                yield loss(given.scores(model, feats), feats, rows)
                return
            for batch, scores in batches.epoch(model, feats, rows, generator, given.masks_of(model)):
                nodes = train[batch]
                yield loss(scores, {name: feat[nodes] for name, feat in feats.items()}, batch, nodes)

        def monitor() -> dict[str, float]:
            made = outputs()
            return judge(fold.val, made.prediction, probability=made.probability)

        everyone = torch.arange(len(train), device=inputs.device)
        batches, loss = _batches(config, inputs.message, fold), StepLoss(given, generator)
        history, states = fit(
            model,
            losses,
            monitor,
            optim=config.optim,
            select={metric: bool(HIGHER_IS_BETTER[metric]) for metric in _selecting(config)},
            label=f"{config.run_label()} fold {fold.index}" + (f" member {member}" if config.members > 1 else ""),
            checkpoint=folder / "checkpoint.pt",
            generators=[generator],
            also_log=lambda: relation_weights(model),
        )
        write_weights(folder / "model.safetensors", model)
        with torch.no_grad():
            chosen = value = outputs()
            if config.select_value not in (None, config.select):
                model.load_state_dict(states[config.select_value])
                write_weights(folder / "model_value.safetensors", model)
                value = outputs()
    write_curves(folder / "curves.csv", history.rows)
    facts = {
        "centre": given.centre, "best_epoch": history.best_epoch, "epochs": history.epochs,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }  # fmt: skip
    seconds = history.train_seconds / max(history.epochs, 1), history.train_seconds
    agreed = agreement(chosen.states, fold.test, given.masks) if chosen.states else {}
    return NetworkFit(chosen.prediction, value.prediction, chosen.probability, agreed, facts, *seconds)


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a network says about all nodes.

    Attributes:
        prediction: (N,) on the label scale.
        probability: (N, C) of every tier, where it learns them.
        states: of its channels, where it has such.
    """

    prediction: Floats
    probability: Floats | None
    states: ChannelStates | None

    @classmethod
    def of(cls, scores: ImportanceScores, given: NetworkInputs) -> Outputs:
        """Take them from a model's scores.

        Where tiers alone are learned, the prediction is the mean training label of the tiers, by their probabilities.

        Raises:
            NieError: they are not finite.
        """
        loss, score = given.config.loss, scores.score
        probability = None
        if scores.tier_logits is not None and isinstance(loss, ChannelLossConfig):
            probability = tier_probabilities(loss.tier_loss, scores.tier_logits.double())
            if loss.importance_weight == 0 and given.tiers is not None:  # its own head has learned nothing
                score = probability @ tier_means(given.labels.double(), given.tiers, probability.shape[1])
        prediction: Floats = score.cpu().numpy().astype(np.float64) + given.centre
        if not np.isfinite(prediction).all():
            raise NieError("The scores became infinite or nan; lower optim.lr or set optim.clip_norm.")
        return cls(prediction, None if probability is None else probability.cpu().numpy(), scores.states)


def _store(folder: Path, fitted: NetworkFit) -> None:
    write_array(folder / "outputs.npy", np.stack([fitted.score, fitted.prediction]))
    if fitted.probability is not None:
        write_array(folder / TIERS_FILE, fitted.probability)
    write_json(folder / "member.json", {
        "agreement": fitted.agreement,
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
    tiers = folder / TIERS_FILE
    probability = np.load(tiers, allow_pickle=False) if tiers.exists() else None
    return NetworkFit(score, prediction, probability, **document)


def _batches(config: NetworkConfig, message: MessageGraph, fold: Fold) -> NeighbourBatches | None:
    """The batches that a method trains on, or None for the whole graph."""
    if not isinstance(config, RGTNMethod | GENIMethod) or config.batch.size is None:
        return None
    fanouts = [config.batch.fanout] * config.model.num_layers
    return NeighbourBatches(message, torch.from_numpy(fold.train), config.batch.size, fanouts)
