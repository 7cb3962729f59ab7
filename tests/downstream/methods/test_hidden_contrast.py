"""downstream.methods.hidden_contrast: LICAP's contrast as one more loss of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reference.graphs import normal
from stage_helpers import small, store_synthetic, with_labels

from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.hidden_contrast import HiddenContrast
from downstream.methods.importance_settings import NetworkConfig
from downstream.methods.table import METHODS
from downstream.methods.training_loss import TrainingLoss
from downstream.stages.estimation import estimate
from nie.data import synthetic
from nie.data.store import save
from nie.errors import NieError
from nie.models import ImportanceScores
from nie.runs.files import read_json
from pretrain.inputs import prepare
from pretrain.losses import finer_bin_loss, top_bin_loss
from pretrain.sampling import draw_non_top

N = 300  # nodes of the synthetic graph
WEIGHT = {"contrast_weight": 1.0}


def work(root: Path, method: str = "graphsage", **changes: Any) -> FoldWork:
    store_synthetic(root)
    config = small(method, device="cpu", **changes)
    assert isinstance(config, NetworkConfig)
    inputs = prepare(config, data_root=root)
    return FoldWork.of(METHODS[method], config, inputs, inputs.folds[0])


def run(root: Path, method: str = "graphsage", **changes: Any) -> Any:
    store_synthetic(root / "data")
    config = small(method, device="cpu", **{"folds": {"run": [0]}, **changes})
    return estimate(config, data_root=root / "data", run_root=root / "runs")


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_it_is_the_loss_of_stage_1_on_the_training_nodes(tmp_path: Path) -> None:
    loss = {**WEIGHT, "contrast": {"gamma": 0.2, "width": 0.5, "eta2": 0.5, "temperature": 0.1}}
    given = work(tmp_path, seed=3, loss=loss)
    contrast, hidden = HiddenContrast.of(given), normal(N, 6)
    train, labels = given.fold.train, given.inputs.kg.targets[given.fold.train]
    border = np.sort(labels)[::-1][round(0.2 * len(train))]
    top = train[labels >= border]
    pool = draw_non_top(train[labels < border], np.random.default_rng(3000))  # five times gamma is all of them
    bins = torch.from_numpy(np.maximum(np.ceil((given.inputs.kg.targets[top] - border) / 0.5) - 1, 0).astype(int))
    expected = top_bin_loss(hidden[top], hidden[pool], temperature=0.1)
    expected = expected + 0.5 * finer_bin_loss(hidden[top], bins, contrast.whole.weight, temperature=0.1)
    nodes = torch.from_numpy(train)
    torch.testing.assert_close(contrast(hidden[nodes], nodes), expected, rtol=1e-5, atol=1e-5)


def test_a_batch_contrasts_its_own_nodes(tmp_path: Path) -> None:
    contrast = HiddenContrast.of(work(tmp_path, loss={**WEIGHT, "contrast": {"eta2": 0.0}}))
    top, pool = contrast.whole.top[[3, 0]], contrast.whole.pool[[5, 1, 2]]
    other = torch.tensor([node for node in range(N) if contrast.place[node] < 0 and not contrast.in_pool[node]][:4])
    nodes = torch.cat([pool[:1], other, top, pool[1:]])
    hidden = normal(len(nodes), 6)
    expected = top_bin_loss(hidden[[5, 6]], hidden[[0, 7, 8]], temperature=0.05)
    torch.testing.assert_close(contrast(hidden, nodes), expected)
    for few in (torch.cat([top[:1], pool]), torch.cat([top, other]), other, other[:0]):
        assert contrast(normal(len(few), 6), few) == 0


def test_the_term_has_its_weight_and_draws_nothing(tmp_path: Path) -> None:
    weighed = FoldNetwork.of(work(tmp_path, loss={"contrast_weight": 3.0}))
    plain = FoldNetwork.of(work(tmp_path))
    outputs = ImportanceScores.of(normal(N), hidden=normal(N, 6, seed=1))
    rows, drawn = torch.arange(5, len(plain.train)), [generator(), generator()]
    with_it, without = (
        TrainingLoss(given, one)(outputs, plain.feats, rows) for given, one in zip((weighed, plain), drawn, strict=True)
    )
    assert outputs.hidden is not None
    nodes = plain.train[rows]
    term = HiddenContrast.of(weighed.work)(outputs.hidden[nodes], nodes)
    torch.testing.assert_close(with_it - without, 3 * term, rtol=1e-4, atol=1e-4)
    assert torch.equal(*(one.get_state() for one in drawn))


def test_labels_of_other_nodes_are_not_read(tmp_path: Path) -> None:
    known = HiddenContrast.of(work(tmp_path / "one", loss=WEIGHT))
    kg, fold = synthetic(0), work(tmp_path / "two").fold
    labels = kg.labels.copy()
    rest = np.concatenate([fold.val, fold.test])
    labels[rest] = labels[rest][::-1]
    save(with_labels(kg, labels), tmp_path / "three" / kg.name / "processed")
    config = small("graphsage", device="cpu", loss=WEIGHT)
    inputs = prepare(config, data_root=tmp_path / "three")
    other = HiddenContrast.of(FoldWork.of(METHODS["graphsage"], config, inputs, inputs.folds[0]))
    for name in ("top", "pool", "bin"):
        assert torch.equal(getattr(known.whole, name), getattr(other.whole, name))


@pytest.mark.parametrize("method", ["rgtn", "mlp", "gcn", "graphsage", "gat", "rgcn"])
def test_a_network_learns_with_it(method: str, tmp_path: Path) -> None:
    few = {"optim": {"max_epochs": 2}}
    runs = [run(tmp_path, method, **few), run(tmp_path, method, **few, loss=WEIGHT)]
    assert runs[0].path != runs[1].path
    plain, contrasted = (one.predictions(0, N) for one in runs)
    assert not np.allclose(plain, contrasted)


@pytest.mark.parametrize("more", [{"batch": {"size": 60, "fanout": 3}}, {"shown_labels": 0.5}, {"members": 2}], ids=str)
def test_it_goes_together_with_other_ways_of_training(more: dict[str, Any], tmp_path: Path) -> None:
    made = run(tmp_path, loss=WEIGHT, optim={"max_epochs": 2}, **more)
    assert np.isfinite(read_json(made.fold_path(0) / "metrics.json")["val"]["spearman"])


@pytest.mark.parametrize("method", ["geni", "sgc"])
def test_a_network_without_hidden_vectors_is_refused(method: str, tmp_path: Path) -> None:
    with pytest.raises(
        NieError, match=f"contrasts the vectors that scores are read from, and {method} has none; leave"
    ):
        run(tmp_path, method, loss=WEIGHT)
    assert not (tmp_path / "runs").exists()


def test_labels_that_leave_nothing_to_contrast_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"Fold 0 of synthetic: gamma must leave at least 1 top node and 1 other; 0.001"):
        run(tmp_path, loss={**WEIGHT, "contrast": {"gamma": 0.001}})
    assert not (tmp_path / "runs").exists()


def test_a_contrast_without_a_weight_is_refused() -> None:
    with pytest.raises(NieError, match="contrast says how hidden vectors are contrasted; give contrast_weight too"):
        small("rgtn", loss={"contrast": {"gamma": 0.2}})
