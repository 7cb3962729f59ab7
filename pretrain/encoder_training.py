"""Training of one channel's encoder in stage 1, and the embedding that it gives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from nie.arrays import Array
from nie.inputs.learned_weights import learned_weights
from nie.layers.graph_layer import in_chunks
from nie.layers.rows import held
from nie.models import PreGAT
from nie.progress import log
from nie.runs.files import write_array, write_curves
from nie.runs.weights import write_weights
from nie.training.checkpoint import CHECKPOINT
from nie.training.loop import History, fit, seeded
from nie.training.memory_plan import plan
from nie.training.neighbourhood import Neighbourhood
from pretrain.contrast import Contrast
from pretrain.contrast_sets import contrast_sets
from pretrain.cross_fit import cross_fitted, parts_of
from pretrain.cross_validation import Fold, fold_seed
from pretrain.inputs import NodeInputs
from pretrain.label_scale import learned_labels
from pretrain.licap_settings import LicapConfig
from pretrain.objectives import BinContrast, Objective, Summed, label_objective, regression, same_nodes
from pretrain.probe import probe_of
from pretrain.snapshots import Earlier, snapshots_of
from pretrain.taught_labels import labels_to_learn


def embedding_size(config: LicapConfig, channel: str) -> int:
    """The size of a channel's embedding."""
    return {"structural": config.model.structural_size, "semantic": config.model.semantic_size}[channel]


def _features(config: LicapConfig, inputs: NodeInputs, channel: str) -> Tensor:
    """(N, d) what an encoder reads; where it may train on batches, only the rows that are read are made."""
    made = inputs.tensor if config.batch.size is None and config.memory is None else inputs.rows
    return made(inputs.channels[channel])


def new_encoder(config: LicapConfig, inputs: NodeInputs, channel: str) -> PreGAT:
    """A new encoder of a channel, with parameters of torch's random state."""
    feat = _features(config, inputs, channel)
    settings = config.model.model_dump(exclude={"structural_size", "semantic_size", "relations"})
    settings["relations"] = inputs.relations(config.model.relations, {channel: feat}).vectors(config.model.rel_size)
    model = PreGAT(
        feat.shape[1], embedding_size(config, channel), num_relations=inputs.message.num_relations, **settings
    )
    return model.to(inputs.device)


def pretrain_channel(
    config: LicapConfig, inputs: NodeInputs, fold: Fold, channel: str, folder: Path
) -> tuple[History, float]:
    """Train one channel's encoder and write its weights, curves and embeddings to ``folder``.

    Returns:
        How it was trained, and the seconds of all encoders that were trained for the embeddings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    label = f"{config.run_label()} {channel} fold {fold.index}"
    model, embedding, trained = train_through_time(config, inputs, fold, channel, folder, label)
    history = trained[-1]

    def embed(rest: Fold, number: int) -> Array:
        part = folder / f"part{number}"
        part.mkdir(exist_ok=True)
        _, made, further = train_through_time(config, inputs, rest, channel, part, f"{label} without part {number}")
        trained.extend(further)
        return made

    write_array(folder / "embeddings.npy", cross_fitted(embedding, parts_of(config, fold), embed, fold))
    write_weights(folder / "model.safetensors", model)
    if history.epochs:
        write_curves(folder / "curves.csv", history.rows)
        found = ", ".join(
            f"{name} {value:.4f} in epoch {history.best_epoch[name]}" for name, value in history.best.items()
        )
        seconds = history.train_seconds / history.epochs
        log.info("%s: %s of %d (%.2f s each)", label, found, history.epochs, seconds)
    return history, sum(one.train_seconds for one in trained)


Trained = tuple[PreGAT, Array, History]
"""A trained encoder, its (N, d) embedding of all nodes, and how it was trained."""


def train_through_time(
    config: LicapConfig, inputs: NodeInputs, fold: Fold, channel: str, folder: Path, label: str
) -> tuple[PreGAT, Array, list[History]]:
    """Train an encoder on each of the earlier snapshots of ``config``, if there are any, and then on the graph.

    Returns:
        The last encoder, its (N, d) embedding, and how all were trained, in the order of their days.
    """
    earlier, histories = None, []
    for snapshot in snapshots_of(config, inputs, fold):
        own = folder / f"until-{snapshot.date}"
        own.mkdir(parents=True, exist_ok=True)
        said = f"{label} until {snapshot.date}"
        model, embedding, history = train_encoder(config, snapshot.inputs, snapshot.fold, channel, own, said, earlier)
        histories.append(history)
        earlier = Earlier(model, embedding, snapshot.known)
    model, embedding, history = train_encoder(config, inputs, fold, channel, folder, label, earlier)
    return model, embedding, [*histories, history]


def train_encoder(
    config: LicapConfig, inputs: NodeInputs, fold: Fold, channel: str, folder: Path, label: str,
    earlier: Earlier | None = None,
) -> Trained:  # fmt: skip
    """Train an encoder on one graph.

    Args:
        config: the settings.
        inputs: the graph and its features.
        fold: the nodes.
        channel: which features are read.
        folder: where its checkpoint is kept.
        label: what is trained, for the progress line.
        earlier: the encoder of the snapshot before.
    """
    feat = _features(config, inputs, channel)
    seed = fold_seed(config.seed, fold.index)
    generator = torch.Generator().manual_seed(seed)
    with seeded(seed):
        model, history = _started(new_encoder(config, inputs, channel), config, earlier), History()

        def embedding() -> Tensor:
            with in_chunks(planned.values):
                return inputs.embedding(model, feat)

        def sampled(found: Neighbourhood) -> Tensor:
            made: Tensor = model(found.blocks, feat[found.nodes.to(feat.device)], found.etypes)
            return made

        def losses() -> Iterator[Tensor]:
            for nodes, loss in objective.epoch(batch.size, generator):
                if nodes is None or batches is None:
                    yield loss(embedding())
                    continue
                yield loss(batches.computed(nodes.cpu(), sampled, generator))

        def before_step() -> None:
            if batches is not None:
                batches.share_gradients(model, objective.head)

        def monitor() -> dict[str, float]:
            made = embedding()
            figures = {config.loss.name: objective(made).item()}
            return figures if probe is None else {**figures, "probe": probe(made.cpu().numpy())}

        train = torch.from_numpy(labels_to_learn(config, inputs, fold)[0].train)
        planned = plan(config.memory, config.batch, inputs.message, {channel: feat}, model, train, sampled, label)
        batch = planned.batch
        if batch.size is None:
            feat = held(feat)
        if config.loss.objective != "untrained":
            learned = learned_labels(config.learned_labels, inputs, fold)
            probe = probe_of(learned, fold) if config.select == "probe" else None
            objective = _objective(config, inputs, fold, embedding_size(config, channel), generator, earlier)
            batches = None if batch.size is None else inputs.sampled(batch, model.num_hops)
            inputs.share_checkpoint(folder)
            history, _ = fit(
                model if objective.head is None else nn.ModuleList([model, objective.head]),
                losses,
                monitor,
                optim=config.optim,
                select={"probe": True} if config.select == "probe" else {config.loss.name: False},
                label=label,
                checkpoint=folder / CHECKPOINT,
                generators=[generator],
                before_step=before_step,
                also_log=lambda: learned_weights(model),
            )
        model.eval()
        with torch.no_grad():
            return model, embedding().cpu().numpy(), history


def _started(model: PreGAT, config: LicapConfig, earlier: Earlier | None) -> PreGAT:
    """A new encoder, or where training starts warm, as that of the snapshot before ended."""
    if earlier is not None and config.snapshots.warm_start:
        model.load_state_dict(earlier.model.state_dict())
    return model


def _objective(
    config: LicapConfig, inputs: NodeInputs, fold: Fold, size: int, generator: torch.Generator, earlier: Earlier | None
) -> Objective:
    learned, known = labels_to_learn(config, inputs, fold)
    train = torch.from_numpy(learned.train).to(inputs.device)
    labels = torch.from_numpy(known[learned.train]).float().to(inputs.device)
    objective: Objective
    if config.loss.objective == "licap":
        bins = contrast_sets(config, inputs, fold)
        objective = BinContrast(Contrast.of(bins, inputs.device, config.loss.repel), config.loss)
    else:
        objective = label_objective(config.loss, train, labels, size, generator)
    if weight := config.loss.squared_error:
        beside = regression(train, labels - labels.mean(), size)
        objective = Summed(objective, beside, weight, (config.loss.objective, "regression"))
    if earlier is not None and (weight := config.snapshots.temporal_weight):
        order = torch.from_numpy(earlier.known)[torch.randperm(len(earlier.known), generator=generator)]
        before = torch.from_numpy(earlier.embedding)[order.roll(1) if config.snapshots.shuffled else order]
        beside = same_nodes(order.to(inputs.device), before.to(inputs.device), config.loss.temperature)
        objective = Summed(objective, beside, weight, (config.loss.name, "temporal"))
    return objective
