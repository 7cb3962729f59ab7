"""The same seed gives the same bits with several threads: with enough labels that torch would add up in any order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from faults.repeats import many_labels

from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner

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
    folder = tmp_path_factory.mktemp("many")
    many_labels(folder)
    return folder / "data"


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
