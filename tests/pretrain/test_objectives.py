"""pretrain.objectives, pretrain.contrast_sets, pretrain.probe and pretrain.encoder_training: what stage 1 can learn."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stage_helpers import SMALL, store_synthetic, with_labels

import pretrain.licap
from nie.data import KnowledgeGraph
from nie.data.store import save
from nie.errors import NieError
from nie.runs.run import Run
from pretrain.contrast import Contrast
from pretrain.contrast_sets import contrast_sets
from pretrain.inputs import prepare
from pretrain.objectives import LabelObjective, Summed, regression
from pretrain.stage import PRETRAINING

OBJECTIVES = ("licap", "rank-n-contrast", "y-aware", "regression", "untrained")


def run(root: Path, loss: dict[str, Any], folder: str = "runs", **changes: Any) -> Run:
    settings = {**SMALL, "folds": {"run": [0]}, "channels": ["structural"], **changes, "loss": {"gamma": 0.2, **loss}}
    config = PRETRAINING.recipes.resolve(overrides=settings)
    return pretrain.licap.pretrain(config, data_root=root / "data", run_root=root / folder)


def embedding(result: Run) -> Any:
    return np.load(result.fold_path(0) / "structural" / "embeddings.npy")


@pytest.fixture
def kg(tmp_path: Path) -> KnowledgeGraph:
    return store_synthetic(tmp_path / "data")


@pytest.mark.parametrize("batch", [{}, {"size": 60, "fanout": 3}])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_trains_and_names_its_run(
    objective: str, batch: dict[str, int], kg: KnowledgeGraph, tmp_path: Path
) -> None:
    result = run(tmp_path, {"objective": objective}, batch=batch)
    assert result.path.name.startswith(f"{objective}-")
    assert np.isfinite(embedding(result)).all()
    fit = result.metrics(0)["fit"]["structural"]
    assert (fit["epochs"] == 0) == (objective == "untrained")
    if objective != "untrained":
        rows = (result.fold_path(0) / "structural" / "curves.csv").read_text().splitlines()
        place = rows[0].split(",").index(objective)
        contrast = [float(row.split(",")[place]) for row in rows[1:]]
        assert min(contrast) < contrast[0]


def test_objectives_start_from_the_same_encoder(kg: KnowledgeGraph, tmp_path: Path) -> None:
    made = {
        name: embedding(run(tmp_path, {"objective": name}, optim={"max_epochs": 1, "lr": 1e-12})) for name in OBJECTIVES
    }
    for name, values in made.items():
        np.testing.assert_allclose(values, made["untrained"], atol=1e-5, err_msg=name)


@pytest.mark.parametrize("objective", ["rank-n-contrast", "regression"])
def test_labels_outside_the_training_nodes_change_no_embedding(
    objective: str, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    first = run(tmp_path, {"objective": objective})
    split, labels = np.load(first.fold_path(0) / "split.npz"), kg.labels.copy()
    outside = np.concatenate([split["val"], split["test"]])
    labels[outside] = labels[outside][::-1] * 7 + 1
    save(with_labels(kg, labels), tmp_path / "other" / "data" / kg.name / "processed")
    assert np.array_equal(embedding(first), embedding(run(tmp_path / "other", {"objective": objective})))


@pytest.mark.parametrize(("bins", "ordered"), [("top", "top"), ("top-quantiles", "top"), ("quantiles", "train")])
@pytest.mark.parametrize("size", [40, 90, 1000])
def test_bins_order_the_nodes_that_they_say(
    bins: str, ordered: str, size: int, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    settings = {**SMALL, "loss": {"gamma": 0.2, "bins": bins, "num_bins": 4}}
    config = PRETRAINING.recipes.resolve(overrides=settings)
    inputs = prepare(config, data_root=tmp_path / "data")
    sets, labels = contrast_sets(config, inputs, inputs.folds[0]), inputs.kg.targets
    assert set(sets.ordered) == set(sets.top if ordered == "top" else inputs.folds[0].train)
    groups = [labels[sets.ordered[sets.bin == number]] for number in range(sets.num_bins)]
    filled = [group for group in groups if len(group)]
    assert all(low.max() <= high.min() for low, high in itertools.pairwise(filled))
    if bins != "top":
        assert max(map(len, filled)) - min(map(len, filled)) <= 2
    contrast, seen = Contrast.of(sets, torch.device("cpu")), []
    bin_of = dict(zip(contrast.ordered.tolist(), contrast.bin.tolist(), strict=True))
    for nodes, own in contrast.steps(size, torch.Generator().manual_seed(0)):
        assert len(nodes) <= size
        assert own.bin.tolist() == [bin_of[node] for node in nodes[own.ordered].tolist()]
        seen += nodes[own.ordered].tolist()
    assert sorted(seen) == sorted(sets.ordered.tolist())


def test_a_probe_picks_the_epoch(kg: KnowledgeGraph, tmp_path: Path) -> None:
    result = run(tmp_path, {}, select="probe", optim={"max_epochs": 12, "patience": 12})
    rows = [row.split(",") for row in (result.fold_path(0) / "structural" / "curves.csv").read_text().splitlines()]
    probed = [float(row[rows[0].index("probe")]) for row in rows[1:]]
    fit = result.metrics(0)["fit"]["structural"]
    assert fit["probe"] == pytest.approx(max(probed))
    assert fit["best_epoch"] == 1 + int(np.argmax(probed))


def test_a_probe_on_constant_validation_labels_is_refused_before_anything_is_written(
    kg: KnowledgeGraph, tmp_path: Path
) -> None:
    fold = prepare(PRETRAINING.recipes.resolve(overrides=SMALL), data_root=tmp_path / "data").folds[0]
    labels = kg.labels.copy()
    labels[fold.val] = 3.0
    save(with_labels(kg, labels), tmp_path / "flat" / "data" / kg.name / "processed")
    with pytest.raises(NieError, match=r"validation labels of fold 0 are all equal, so that no probe can choose"):
        run(tmp_path / "flat", {}, select="probe")
    assert not (tmp_path / "flat" / "runs").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"loss": {"bins": "quantiles", "num_bins": 500}}, "Fold 0 of synthetic: num_bins = 500 bins of equal"),
        ({"loss": {"bins": "quantiles", "sampling": "random"}}, "sampling random draws the top bin"),
        ({"loss": {"objective": "untrained"}, "cross_fit": 2}, "cross_fit keeps labels from an encoder"),
        ({"loss": {"objective": "licapp"}}, "loss.objective"),
    ],
)
def test_settings_that_make_no_sense_are_one_sentence(
    changes: dict[str, Any], sentence: str, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    with pytest.raises(NieError, match=sentence):
        run(tmp_path, **changes)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("objective", ["rank-n-contrast", "regression"])
def test_constant_training_labels_are_refused(objective: str, kg: KnowledgeGraph, tmp_path: Path) -> None:
    labels = np.where(np.isnan(kg.labels), np.nan, 2.0)
    save(with_labels(kg, labels), tmp_path / "flat" / "data" / kg.name / "processed")
    with pytest.raises(NieError, match="training labels of fold 0 are equal"):
        run(tmp_path / "flat", {"objective": objective})


@pytest.mark.parametrize("objective", ["licap", "rank-n-contrast"])
def test_a_contrast_takes_a_squared_error_beside_it(objective: str, kg: KnowledgeGraph, tmp_path: Path) -> None:
    once = {"max_epochs": 1}
    plain, with_error = (
        run(tmp_path, {"objective": objective, "squared_error": weight}, optim=once) for weight in (0.0, 2.0)
    )
    assert with_error.path.name.startswith(f"{objective}-regression-")
    assert not np.array_equal(embedding(plain), embedding(with_error))


def test_summed_is_the_contrast_and_its_share_of_the_regression() -> None:
    rows, labels = torch.arange(6), torch.arange(6.0) - 2.5
    error = regression(rows, labels, 3)
    contrast = LabelObjective(rows, labels, lambda nodes, own: nodes.sum())
    both, nodes = Summed(contrast, error, 0.5, ("sum", "error")), torch.randn(6, 3)
    torch.testing.assert_close(both(nodes), nodes.sum() + 0.5 * error(nodes))
    (_, step), *others = both.epoch(None, torch.Generator().manual_seed(0))
    assert not others
    torch.testing.assert_close(step(nodes), both(nodes))
    assert both.head is error.head


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"loss": {"objective": "regression", "squared_error": 1.0}}, "stands beside a contrast, and the objective"),
        ({"loss": {"squared_error": 1.0}, "batch": {"size": 60}}, "reads the whole graph in one step"),
        ({"loss": {"squared_error": -1.0}}, "greater than or equal to 0"),
    ],
)
def test_a_squared_error_that_has_no_place_is_refused(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(NieError, match=what):
        PRETRAINING.recipes.resolve(overrides={**SMALL, "channels": ["structural"], **changes})
