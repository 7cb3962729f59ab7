"""A small graph of which links can be predicted, and settings that do so in a moment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nie.data import KnowledgeGraph
from nie.data.store import save

TINY: dict[str, Any] = {
    "dataset": "links",
    "model": {"size": 8, "margin": 6.0},
    "negatives": {"count": 20},
    "batch_size": 200,
    "optim": {"lr": 0.05, "max_epochs": 10, "eval_every": 2, "patience": 10},
}


def ring(root: Path) -> KnowledgeGraph:
    """Entities on a ring, with relations that go 1, 2 and 3 steps on: what rotations are made for."""
    triples = np.array([[i, r, (i + r + 1) % 40] for i in range(40) for r in range(3)])
    order = np.random.default_rng(0).permutation(len(triples))
    test, valid, train = np.split(triples[order], [12, 24])
    kg = KnowledgeGraph(
        "links", train[:, 0], train[:, 2], train[:, 1], [np.nan] * 40, [False] * 40, [f"e{i}" for i in range(40)],
        ["one", "two", "three"], [f"entity place{i // 4}" for i in range(40)], held_out={"valid": valid, "test": test},
    )  # fmt: skip
    save(kg, root / "links" / "processed")
    return kg


def ring_of_many(root: Path) -> None:
    """Twenty relations, so that a tenth of them are two."""
    kg = ring(root)
    triples = np.array([[i, r, (i + r + 1) % 40] for i in range(40) for r in range(20)])
    train, valid, test = np.split(triples[np.random.default_rng(0).permutation(800)], [600, 700])
    names = [f"/on/{word} steps" for word in "abcdefghijklmnopqrst"]
    changed = replace(
        kg, src=train[:, 0], dst=train[:, 2], etype=train[:, 1], held_out={"valid": valid, "test": test},
        relation_names=[f"{name} {name[4] * 2}" for name in names],
    )  # fmt: skip
    save(changed, root / "links" / "processed")
