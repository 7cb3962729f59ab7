"""Training of a neural method on one fold, on the whole graph or on sampled blocks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from downstream.methods.channel_agreement import agreement
from downstream.methods.fitted import DEVIATION_FILE, TIERS_FILE, Fitted
from downstream.methods.fold_network import FoldNetwork, folder_of_member
from downstream.methods.fold_work import FoldWork
from downstream.methods.hidden_contrast import HiddenContrast
from downstream.methods.importance_settings import NetworkConfig
from downstream.methods.predictions import Predictions
from downstream.methods.training_loss import TrainingLoss, check_losses
from downstream.metrics.fold_judge import FoldJudge
from downstream.metrics.registry import METRICS
from nie.disk.array_file import read_npy
from nie.errors import NieError
from nie.inputs.learned_weights import learned_weights
from nie.layers.graph_layer import in_chunks
from nie.runs.files import read_json, write_array, write_curves, write_json
from nie.runs.fold_folder import DONE, finish, is_complete
from nie.runs.weights import write_weights
from nie.training.checkpoint import CHECKPOINT
from nie.training.loop import fit, seeded
from nie.training.memory_plan import VALUES
from pretrain.cross_validation import fold_seed

MEMBER_SEEDS = 100  # distance of the seeds of members, more than there are folds


def check_network(work: FoldWork) -> FoldNetwork:
    """What the network reads on the fold, after checking that a network can be built and its epoch be chosen.

    Raises:
        NieError: the settings do not go together, or not with the graph or the labels.
    """
    check_selection(work.network, work.judge)
    given = FoldNetwork.of(work, by_rows=work.network.reads_rows)
    beside = work.network.loss.of_channels
    if beside is not None and beside.alignment_weight > 0 and len(given.feats) < 2:
        raise NieError(
            f"loss.alignment_weight draws the channels of a node together, but {work.network.dataset} has the channel "
            f"{next(iter(given.feats))} alone; leave loss.alignment_weight and model.projection_size out."
        )
    with seeded(0):
        model = given.build()  # built only to see that the settings go together
    hops: Any = getattr(model, "num_hops", None)
    if hops is None and (asked := work.network.asks_for_batches):
        raise NieError(
            f"{asked} needs a network that says how many hops it reads, as num_hops; {work.network.method} does not."
        )
    if hops != 0 and not (work.inputs.kg.num_edges or work.network.graph.self_loops):
        raise NieError(
            f"{work.network.dataset} has no edges, along which {work.network.method} passes messages; let "
            "graph.self_loops give every node one of its own, or use a method that reads none, such as mlp."
        )
    if work.of_labels and hops != 0:
        raise NieError(
            f"The feature {next(iter(work.of_labels))} would tell a node its own label by way of its neighbours, from "
            f"whom {work.network.method} passes messages; leave it out, and use shown_labels for labels as an input."
        )
    check_losses(given)
    _ = given.teachers, given.groups  # read before training, so that what cannot be had is told first
    _check_batches(given)
    _check_fed(given)
    if work.network.loss.contrast_weight:
        HiddenContrast.of(work)  # made only to see that the labels leave something to contrast
        _check_hidden(model, given, "loss.contrast_weight contrasts")
    if work.network.loss.teacher_cka.weight:
        _check_hidden(model, given, "loss.teacher_cka aligns")
    return given


def _check_batches(given: FoldNetwork) -> None:
    """Raise where batches, which are of training nodes alone, would miss what is to be learned at others, too."""
    config, signals, teachers = given.config, given.signals, given.teachers
    asked = config.asks_for_batches
    if asked and signals is not None and signals.beyond(given.train):
        raise NieError(
            f"{asked} learns from training nodes alone, and signals are seen at others, too, from which "
            f"{config.method} learns on the whole graph; leave it out, or set model.signals.names to label."
        )
    if asked and teachers is not None and (teachers.weight or teachers.rank_weight):
        raise NieError(
            f"{asked} learns from training nodes alone, and teachers say what all others are worth, too, from which "
            f"{config.method} learns on the whole graph; leave {asked} or teachers out."
        )


def _check_fed(given: FoldNetwork) -> None:
    """Raise where what each epoch is to be fed in another way leaves nothing to learn from, or is not there."""
    config, shown = given.config, given.shown
    if shown is not None and given.signals is not None:
        raise NieError(
            f"{config.method} learns from all training labels in every step, so that shown_labels would give it what "
            "it is to predict; set shown_labels to 0."
        )
    if shown is not None and (hidden := len(shown.train) - shown.count) < 2:
        raise NieError(
            f"An epoch learns from the training labels that are not shown, at least 2, and shown_labels "
            f"{config.shown_labels:g} leaves {hidden} of {len(shown.train)}; give a smaller share."
        )
    if config.unseen_nodes and given.unseen is None:
        raise NieError(
            "unseen_nodes feeds nodes without what is learned of the whole graph, such as node2vec, and no feature "
            "here is of that kind; leave it out."
        )


def _check_hidden(model: Any, given: FoldNetwork, reads: str) -> None:
    """Raise where a network has none of the vectors that a loss reads."""
    with torch.no_grad(), in_chunks(VALUES if given.config.asks_for_batches else None):
        outputs = given.outputs(model.eval(), given.predicting)
    if outputs.hidden is None:
        raise NieError(
            f"{reads} the vectors that scores are read from, and {given.config.method} has none; leave it out."
        )


def check_selection(config: NetworkConfig, judge: FoldJudge) -> None:
    """Raise if the validation labels of a fold cannot choose an epoch.

    Raises:
        NieError: they are too few or all equal for a metric that chooses, or the training labels make no tiers.
    """
    fold = judge.fold
    labels = judge.targets[fold.val]
    for name in config.selecting:
        metric = METRICS[name]
        if metric.of_tiers:
            judge.tiers_of(fold.train)
        if metric.min_nodes > len(labels):
            others = [other for other, known in METRICS.items() if known.selectable and not known.of_tiers]
            fitting = [other for other in others if METRICS[other].min_nodes <= len(labels)]
            raise NieError(
                f"Epochs are chosen by {name}, which needs {metric.min_nodes} validation nodes, but fold {fold.index} "
                f"of {config.dataset} has {len(labels)} validation nodes; choose by one of {', '.join(fitting)}."
            )
        if metric.needs_different_labels and len(np.unique(labels)) < 2:
            raise NieError(
                f"The validation labels of fold {fold.index} of {config.dataset} are all equal ({len(labels)} nodes), "
                f"so {name} is not defined on them; give more labels or choose epochs by rmse."
            )


def fit_network(work: FoldWork, given: FoldNetwork, folder: Path) -> Fitted:
    """Train the configured network, or ``members`` of them, write weights and curves, and predict every node.

    Epochs are chosen on the validation nodes: by ``select`` for the scores, by ``select_value`` for the predictions.
    The members differ in their seed; their outputs are averaged. A member that is finished is not trained again. All
    of them read what `check_network` ``given``.
    """
    if work.network.members == 1:
        return _fit_member(given, folder, 0)
    fits = []
    for member in range(work.network.members):
        own = folder / folder_of_member(work.network, member)
        own.mkdir(exist_ok=True)
        fitted = _stored(own)
        if fitted is None:
            fitted = _fit_member(given, own, member)
            _store(own, fitted)
        fits.append(fitted)
    probabilities = [one.probability for one in fits if one.probability is not None]
    deviations = [one.deviation for one in fits if one.deviation is not None]
    return Fitted(
        score=np.mean([one.score for one in fits], axis=0),
        prediction=np.mean([one.prediction for one in fits], axis=0),
        probability=np.mean(probabilities, axis=0) if probabilities else None,
        deviation=np.sqrt(np.mean(np.square(deviations), axis=0)) if deviations else None,
        agreement={name: float(np.mean([one.agreement[name] for one in fits])) for name in fits[0].agreement},
        facts={f"member{member}": one.facts for member, one in enumerate(fits)},
        timing={name: sum(one.timing[name] for one in fits) for name in fits[0].timing},
    )


# Long because its functions share one network, one generator and one place in torch's random state.
def _fit_member(given: FoldNetwork, folder: Path, member: int) -> Fitted:
    work, config, fold = given.work, given.config, given.work.fold
    shown, train, unseen = given.shown, given.train, given.unseen
    seed = fold_seed(config.seed, fold.index) + MEMBER_SEEDS * member
    generator = torch.Generator().manual_seed(seed)
    label = f"{config.run_label()} fold {fold.index}" + (f" member {member}" if config.members > 1 else "")
    with seeded(seed):
        model = given.build()

        def predictions() -> Predictions:
            with in_chunks(planned.values):
                return Predictions.of(given.outputs(model, given.predicting), given)

        def judged() -> Predictions:
            if read_to_judge is None:
                return predictions()
            outputs = read_to_judge.outputs(model, given.predicting, given.given_masks)
            return Predictions.of(outputs, given).placed(fold.val, len(given.known))

        def losses() -> Iterator[Tensor]:
            fed = unseen.draw(given.feats, generator) if unseen else given.feats
            feats, rows = shown.draw(fed, generator) if shown else (fed, everyone)
            if batches is None:
                yield loss(given.outputs(model, feats), feats, rows)
                return
            for batch, outputs in batches.epoch(model, feats, rows, generator, given.given_masks):
                nodes = train[batch]
                yield loss(outputs, {name: feat[nodes] for name, feat in feats.items()}, batch, nodes)

        def before_step() -> None:
            if batches is not None:
                batches.share_gradients(model)

        def monitor() -> dict[str, float]:
            made = judged()
            return work.judge(fold.val, made.prediction, probability=made.probability)

        everyone, planned = torch.arange(len(train), device=train.device), given.plan(model, label)
        given = given.for_plan(planned)
        batches, loss = given.batches(model, planned), TrainingLoss(given, generator)
        read_to_judge = batches.whole_of(torch.from_numpy(fold.val)) if batches and batches.at_once else None
        history, states = fit(
            model,
            losses,
            monitor,
            optim=config.optim,
            select={name: bool(METRICS[name].higher_is_better) for name in config.selecting},
            label=label,
            checkpoint=folder / CHECKPOINT,
            generators=[generator],
            before_epoch=loss.begin,
            before_step=before_step,
            also_log=lambda: learned_weights(model, list(given.feats)),
        )
        write_weights(folder / "model.safetensors", model)
        with torch.no_grad():
            chosen = value = predictions()
            if config.select_value not in (None, config.select):
                model.load_state_dict(states[config.select_value])
                write_weights(folder / "model_value.safetensors", model)
                value = predictions()
    write_curves(folder / "curves.csv", history.rows)
    return Fitted(
        score=chosen.prediction,
        prediction=value.prediction,
        probability=chosen.probability,
        deviation=value.deviation,
        agreement=agreement(chosen.states, fold.test, given.masks) if chosen.states else {},
        facts={
            "centre": given.centre,
            "best_epoch": history.best_epoch,
            "epochs": history.epochs,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
        },
        timing={
            "seconds_per_epoch": history.train_seconds / max(history.epochs, 1),
            "train_seconds": history.train_seconds,
        },
    )


def _store(folder: Path, fitted: Fitted) -> None:
    write_array(folder / "outputs.npy", np.stack([fitted.score, fitted.prediction]))
    if fitted.probability is not None:
        write_array(folder / TIERS_FILE, fitted.probability)
    if fitted.deviation is not None:
        write_array(folder / DEVIATION_FILE, fitted.deviation)
    write_json(folder / "member.json", {"agreement": fitted.agreement, "facts": fitted.facts, **fitted.timing})
    finish(folder)


def _stored(folder: Path) -> Fitted | None:
    """A member that was finished in an earlier sitting."""
    if not (folder / DONE).exists():
        return None
    if not is_complete(folder):
        raise NieError(f"A file in {folder} is damaged; remove that folder and run the same command again.")
    tiers, document = folder / TIERS_FILE, read_json(folder / "member.json")
    score, prediction = read_npy(folder / "outputs.npy", mapped=False)
    probability = read_npy(tiers, mapped=False) if tiers.exists() else None
    agreed, facts = document.pop("agreement"), document.pop("facts")
    deviation = read_npy(own, mapped=False) if (own := folder / DEVIATION_FILE).exists() else None
    return Fitted(score, prediction, probability, deviation, agreed, facts, document)
