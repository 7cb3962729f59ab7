"""The stage of link prediction: train on a graph's edges, choose the epoch on valid triples, rank test triples once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from downstream.losses.alignment import projection_spread
from downstream.losses.tried import try_alignment
from downstream.stages.links.inputs import LinkInputs
from downstream.stages.links.loss import LinkStep
from downstream.stages.links.model import binding_of, build_model, start_from
from downstream.stages.links.ranking import Ranks, filtered_ranks
from downstream.stages.links.settings import AUXILIARY, LinkConfig
from downstream.stages.links.triple_groups import groups_of
from downstream.stages.links.unseen_entities import check_unseen, place_unseen
from downstream.stages.links.zero_shot import zero_shot_figures
from nie.data import KnowledgeGraph
from nie.inputs.learned_weights import learned_weights
from nie.models.kge import MultiModalRotatE, RotatE
from nie.progress import log
from nie.runs.files import write_array, write_curves, write_json
from nie.runs.folds import run_folds
from nie.runs.provenance import sitting
from nie.runs.run import Run, open_run
from nie.runs.weights import write_weights
from nie.training.checkpoint import CHECKPOINT
from nie.training.loop import fit, seeded
from pretrain.cross_validation import fold_seed


def predict_links(
    config: LinkConfig, *, data_root: str | Path = "datasets", run_root: str | Path = "checkpoints",
    inputs: LinkInputs | None = None,
) -> Run:  # fmt: skip
    """Train and test on the graph's own splits, once for each of ``repeats``; finished ones are kept.

    Of a graph without splits, a share of the triples is held out. A repetition stands in the run as a fold does:
    ``fold0`` is repetition 0.

    Args:
        config: the resolved settings.
        data_root: folder of the datasets.
        run_root: folder of the runs.
        inputs: what `LinkInputs.of` returned, when several runs share it.

    Raises:
        NieError: the graph or its splits do not fit the settings, or other bad input, in one sentence.
    """
    inputs = inputs or LinkInputs.of(config, data_root=data_root)
    if config.loss.auxiliary_settings:
        try_alignment("auxiliary_settings", AUXILIARY[config.loss.auxiliary].function, config.loss.auxiliary_settings)
    if inputs.likeness_features is not None:
        check_unseen(inputs, config.unseen)
    with seeded(0):  # what cannot work is refused before anything is written
        model = build_model(config, inputs)
        for repeat in config.repeats:
            _begin(model, config, inputs, repeat)
    run = open_run(config, root=run_root, made_from=inputs.made_from)
    run_folds(run, config.repeats, lambda repeat, folder: _repeat(config, inputs, repeat, folder))
    return run


def _repeat(config: LinkConfig, inputs: LinkInputs, repeat: int, folder: Path) -> None:
    started = time.monotonic()
    seed = fold_seed(config.seed, repeat)
    generator = torch.Generator().manual_seed(seed)
    with seeded(seed):
        model = build_model(config, inputs)
        _begin(model, config, inputs, repeat)
        step = LinkStep(config, inputs, model, generator)

        def losses() -> Iterator[Tensor]:
            order = torch.randperm(len(inputs.train), generator=generator).to(inputs.device)
            for rows in torch.split(order, config.batch_size):
                yield step(inputs.train[rows])

        history, _ = fit(
            model,
            losses,
            lambda: filtered_ranks(model.scorer(), inputs.valid, inputs.known).metrics(),
            optim=config.optim,
            select={"mrr": True},
            label=f"{config.run_label()} repeat {repeat}",
            checkpoint=folder / CHECKPOINT,
            generators=[generator],
            also_log=lambda: learned_weights(model, ["structural", *config.channels]),
        )
    if isinstance(model, RotatE) and model.handicap is not None:
        place_unseen(model, inputs, config.unseen, generator)
    write_weights(folder / "model.safetensors", model)
    write_curves(folder / "curves.csv", history.rows)
    with torch.no_grad():
        ranks = filtered_ranks(model.scorer(), inputs.test, inputs.known)
        others = _zero_shot(model, inputs, generator) if config.hold_out_relations else {}
    best = history.rows[history.best_epoch["mrr"] - 1]
    figures, by_group = ranks.metrics(), _by_group(ranks, inputs.kg)
    write_array(folder / "ranks.npy", ranks.realistic)
    write_json(
        folder / "metrics.json",
        {
            "binding": binding_of(inputs),
            "val": {name: best[name] for name in figures},
            "test": {**figures, **_shown_groups(by_group), **others},
            "ties": {kind: ranks.metrics(kind)["mrr"] for kind in ("optimistic", "pessimistic")},
            "parts": by_group,  # groups; finished runs have this key
            "fit": {"best_epoch": history.best_epoch, "epochs": history.epochs, **_facts(model)},
        },
    )
    seconds = {"train_seconds": history.train_seconds, "seconds_per_epoch": history.train_seconds / history.epochs}
    write_json(folder / "timing.json", {**seconds, **sitting(started)})
    log.info("%s repeat %d: validation mrr %.4f", config.run_label(), repeat, best["mrr"])


def _begin(model: RotatE | MultiModalRotatE, config: LinkConfig, inputs: LinkInputs, repeat: int) -> None:
    if config.start_from is not None and isinstance(model, MultiModalRotatE):
        start_from(model, config, inputs, repeat)


def _zero_shot(
    model: RotatE | MultiModalRotatE, inputs: LinkInputs, generator: torch.Generator
) -> dict[str, float]:  # fmt: skip
    assert isinstance(model, RotatE)
    trained = torch.zeros(inputs.kg.num_relations, dtype=torch.bool, device=inputs.device)
    trained[inputs.train[:, 1]] = True
    return zero_shot_figures(model, inputs.test, inputs.known, trained, generator)


@torch.no_grad()
def _facts(model: RotatE | MultiModalRotatE) -> dict[str, Any]:
    facts: dict[str, Any] = {"parameters": sum(p.numel() for p in model.parameters() if p.requires_grad)}
    if isinstance(model, MultiModalRotatE) and len(model.projections):
        known = model.refined(torch.arange(len(model.entities), device=model.entities.device))
        assert known.projected is not None
        facts["spread"] = float(projection_spread(known.projected, known.mask))
    return facts


def _by_group(ranks: Ranks, kg: KnowledgeGraph) -> dict[str, dict[str, float]]:
    groups: dict[str, npt.NDArray[Any]] = groups_of(kg.held_out["test"], kg.triples, kg.relation_names, kg.num_nodes)
    return {
        name: {"triples": int(rows.sum()), **ranks.metrics(rows=rows)} for name, rows in groups.items() if rows.any()
    }


def _shown_groups(by_group: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """MRR of the groups that tables show beside the whole."""
    return {f"mrr, {name}": by_group[name]["mrr"] for name in ("unseen entity",) if name in by_group}
