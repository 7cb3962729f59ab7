"""The same seed gives the same bits with several threads: with enough labels that torch would add up in any order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner
from nie.data.graph import Channel, KnowledgeGraph
from nie.data.store import save

NODES = 1_000
"""More than enough: lists of 100 nodes have 70,000 entries, and torch splits sums from 32,768 on."""

SHORT = {
    "dataset": "many",
    "optim": {"max_epochs": 2},
    "folds": {"run": [0]},
    "features": {"structural": "own", "semantic": "own"},
}


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    src, dst = rng.integers(0, NODES, (2, 6 * NODES))
    kg = KnowledgeGraph(
        name="many", src=src, dst=dst, etype=rng.integers(0, 5, len(src)),
        node_names=[f"n{i}" for i in range(NODES)], relation_names=[f"r{i}" for i in range(5)],
        labels=rng.lognormal(size=NODES), label_mask=np.ones(NODES, bool), text=[None] * NODES,
        channels={"own": Channel(rng.normal(size=(NODES, 16)).astype(np.float32), np.ones(NODES, bool))}, meta={},
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("data")
    save(kg, folder / "many" / "processed")
    return folder


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "mlp"},
        {"method": "geni", "batch": {"size": 500}, "model": {"num_layers": 2}},
    ],
    ids=["mlp", "geni on blocks"],
)
def test_a_run_made_again_has_the_same_bits(settings: dict[str, object], data: Path, tmp_path: Path) -> None:
    config = IMPORTANCE.recipes.resolve(overrides={**SHORT, **settings})
    runs = [Runner(data_root=data, run_root=tmp_path / root).run([config])[0] for root in ("one", "two")]
    for name in ("predictions.npy", "model.safetensors", "metrics.json", "curves.csv"):
        one, two = ((run.fold_path(0) / name).read_bytes() for run in runs)
        assert one == two, name
