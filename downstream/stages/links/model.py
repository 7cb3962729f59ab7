"""The model of link prediction: built for its inputs, and loaded from a finished run."""

from __future__ import annotations

import math
from typing import Any

import torch

from downstream.stages.links.inputs import LinkInputs
from downstream.stages.links.settings import LinkConfig
from nie.errors import NieError
from nie.layers.relation import RelationFusion
from nie.models.kge import MultiModalRotatE, RotatE
from nie.runs.run import Run, read_run
from nie.runs.weights import read_weights
from nie.settings.sections import RelationsConfig

PHASES = math.pi / math.sqrt(3)
"""Standard deviation of uniform phases, with which RotatE begins."""


def build_model(config: LinkConfig, inputs: LinkInputs) -> RotatE | MultiModalRotatE:
    """A new model, with parameters of torch's random state."""
    sizes: dict[str, Any] = {"num_entities": inputs.kg.num_nodes, "num_relations": inputs.kg.num_relations}
    if not inputs.channels:
        rotate = RotatE(
            **sizes, size=config.model.size, margin=config.model.margin, relations=_relations(config, inputs),
            handicap=inputs.likeness is not None,
        )  # fmt: skip
        return rotate.to(inputs.device)
    settings = config.model.model_dump(exclude={"relations"})
    settings["extract_after"] *= math.ceil(len(inputs.train) / config.batch_size)  # the model counts steps
    return MultiModalRotatE(**sizes, channels=inputs.channels, masks=inputs.masks, **settings).to(inputs.device)


def _relations(config: LinkConfig, inputs: LinkInputs) -> RelationFusion | None:
    if config.model.relations == RelationsConfig():
        return None
    settings = config.model.relations.model_dump(exclude={"text"})
    return RelationFusion(
        inputs.kg.num_relations, config.model.size, text=inputs.relation_text, context=inputs.relation_context,
        deviation=PHASES, **settings,
    )  # fmt: skip


def start_from(model: MultiModalRotatE, config: LinkConfig, inputs: LinkInputs, repeat: int) -> None:
    """Set a model's embeddings of entities and relations to those of the run ``start_from``, of the same repetition.

    Raises:
        NieError: it is no finished run of a model without channels and ``unseen.features``, of another size, or of
            another graph or split.
    """
    assert config.start_from is not None
    run = read_run(config.start_from, LinkConfig.stage)
    if not run.is_done(repeat):
        raise NieError(f"{run.path} has no finished repetition {repeat} to start from; run it first.")
    if run.metrics(repeat).get("binding") != binding_of(inputs):
        raise NieError(
            f"{run.path} is of another graph or split; start from a run of {inputs.kg.name} on the same split."
        )
    begun = RotatE(
        num_entities=inputs.kg.num_nodes, num_relations=inputs.kg.num_relations, size=config.model.size
    )  # fmt: skip
    try:
        read_weights(run.file(repeat, "model.safetensors"), begun)
    except NieError as error:
        raise NieError(
            f"{run.path} cannot be started from: it must be a run without channels and unseen.features, with "
            f"model.size {config.model.size} and free relations."
        ) from error
    assert begun.phases is not None
    with torch.no_grad():
        model.entities.copy_(begun.entities)
        model.phases.copy_(begun.phases)


def binding_of(inputs: LinkInputs) -> dict[str, str]:
    """What the figures of a run belong to: the graph, with its splits."""
    return {"dataset": inputs.kg.name, "dataset_sha256": inputs.kg.digest}


def trained_model(config: LinkConfig, inputs: LinkInputs, run: Run, repeat: int) -> RotatE | MultiModalRotatE:
    """The trained model of a finished repetition, in eval mode.

    Raises:
        NieError: its weights are missing or do not fit.
    """
    path = run.file(repeat, "model.safetensors")
    model = build_model(config, inputs)
    try:
        read_weights(path, model)
    except NieError as error:
        raise run.damaged(path, repeat) from error
    return model.eval()
