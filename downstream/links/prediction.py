"""The stage of link prediction: train on a graph's edges, choose the epoch on valid triples, rank test triples once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from downstream.links.known import KnownTriples
from downstream.links.losses import self_adversarial_loss
from downstream.links.negatives import draw_negatives, head_share
from downstream.links.parts import parts_of
from downstream.links.ranking import SIDES, Ranks, filtered_ranks
from nie.data import KnowledgeGraph, load
from nie.errors import NieError
from nie.fit import fit, seeded
from nie.link_config import LinkConfig
from nie.models.kge import RotatE
from nie.progress import log
from nie.provenance import sitting
from nie.runs import Run, open_run, run_folds, write_array, write_curves, write_json, write_weights
from pretrain.inputs import fold_seed

SPLITS = ("valid", "test")


def predict_links(
    config: LinkConfig, *, data_root: str | Path = "datasets", run_root: str | Path = "checkpoints"
) -> Run:
    """Train and test on the graph's own splits, once for each of ``repeats``; finished ones are kept.

    A repetition stands in the run as a fold does: ``fold0`` is that of the number 0.

    Raises:
        NieError: the graph has no held-out triples, or other bad input, in one sentence.
    """
    kg = load(config.dataset, data_root)
    for name in SPLITS:
        if not len(kg.held_out.get(name, ())):
            raise NieError(
                f"The graph {kg.name} has no {name} triples to predict its links on; use db15k, mkg-w or fb15k-lp."
            )
    if config.negatives.count > kg.num_nodes:
        raise NieError(f"negatives.count is {config.negatives.count}, but {kg.name} has {kg.num_nodes} entities.")
    run = open_run("links", config, root=run_root, made_from={"dataset_sha256": kg.digest})
    run_folds(run, config.repeats, lambda repeat, folder: _repeat(config, kg, repeat, folder))
    return run


def _repeat(config: LinkConfig, kg: KnowledgeGraph, repeat: int, folder: Path) -> None:
    started = time.monotonic()
    train, valid, test = (torch.from_numpy(np.array(part)) for part in (kg.triples, *(kg.held_out[s] for s in SPLITS)))
    every = np.concatenate([kg.triples, *kg.held_out.values()])
    known, seen = (KnownTriples(part, kg.num_nodes, kg.num_relations) for part in (every, kg.triples))
    seed = fold_seed(config.seed, repeat)
    generator = torch.Generator().manual_seed(seed)
    share = head_share(train, kg.num_relations)
    if config.negatives.corruption == "uniform":
        share = torch.full_like(share, 0.5)
    with seeded(seed):
        model = RotatE(num_entities=kg.num_nodes, num_relations=kg.num_relations, **config.model.model_dump())

        def losses() -> Iterator[Tensor]:
            for batch in torch.split(train[torch.randperm(len(train), generator=generator)], config.batch_size):
                yield _loss(model, batch, seen, share, config, generator)

        def monitor() -> dict[str, float]:
            return filtered_ranks(model.against, valid, known).metrics()

        history, _ = fit(
            model,
            losses,
            monitor,
            optim=config.optim,
            select={"mrr": True},
            label=f"{config.run_label()} repeat {repeat}",
            checkpoint=folder / "checkpoint.pt",
            generators=[generator],
        )
    write_weights(folder / "model.safetensors", model)
    write_curves(folder / "curves.csv", history.rows)
    ranks = filtered_ranks(model.against, test, known)
    figures = {"val": filtered_ranks(model.against, valid, known).metrics(), "test": ranks.metrics()}
    write_array(folder / "ranks.npy", ranks.realistic)
    facts = {
        "best_epoch": history.best_epoch,
        "epochs": history.epochs,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    write_json(
        folder / "metrics.json",
        {
            "binding": {"dataset": kg.name, "dataset_sha256": kg.digest},
            **figures,
            "ties": {kind: ranks.metrics(kind)["mrr"] for kind in ("optimistic", "pessimistic")},
            "parts": _by_part(ranks, kg),
            "fit": facts,
        },
    )
    write_json(folder / "timing.json", {"train_seconds": history.train_seconds, **sitting(started)})
    log.info("%s repeat %d: validation mrr %.4f", config.run_label(), repeat, figures["val"]["mrr"])


def _loss(
    model: RotatE, batch: Tensor, seen: KnownTriples, share: Tensor, config: LinkConfig, generator: torch.Generator
) -> Tensor:
    """Of one step: every triple with its head and with its tail corrupted, each side by its share."""
    positive: Tensor = model(batch)
    drawn = draw_negatives(seen.num_entities, config.negatives.count, generator)
    total = positive.new_zeros(())
    for side in SIDES:
        weight = share[batch[:, 1]] if side == "head" else 1 - share[batch[:, 1]]
        total = total + weight.mean() * self_adversarial_loss(
            positive,
            model.against(batch, side, drawn),
            seen.mask(batch, side, drawn),
            temperature=config.negatives.temperature,
            weight=weight,
        )
    return total


def _by_part(ranks: Ranks, kg: KnowledgeGraph) -> dict[str, dict[str, float]]:
    parts: dict[str, npt.NDArray[np.bool_]] = parts_of(kg.held_out["test"], kg.triples, kg.relation_names, kg.num_nodes)
    return {
        name: {"triples": int(rows.sum()), **ranks.metrics(rows=rows)} for name, rows in parts.items() if rows.any()
    }
