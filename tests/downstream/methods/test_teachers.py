"""downstream.methods.teachers: a network that learns from finished runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stage_helpers import small, store_synthetic, with_labels

from downstream.losses.importance import listwise_loss
from downstream.losses.lists import draw_lists
from downstream.methods.fitted import DEVIATION_FILE
from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.table import METHODS
from downstream.methods.teachers import Teachers
from downstream.methods.training_loss import TrainingLoss
from downstream.stages.estimation import estimate
from nie.data import KnowledgeGraph
from nie.data.store import save
from nie.errors import NieError
from nie.runs.run import Run
from pretrain.inputs import prepare


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("taught")
    store_synthetic(root / "data")
    return root


def run(root: Path, method: str, **changes: Any) -> Run:
    changes = {"folds": {"run": [0]}, **changes}
    return estimate(small(method, **changes), data_root=root / "data", run_root=root / "runs")


@pytest.fixture(scope="module")
def teachers(root: Path) -> tuple[str, ...]:
    return tuple(str(run(root, method).path) for method in ("linear", "ridge"))


def taught(root: Path, teachers: tuple[str, ...], **changes: Any) -> FoldNetwork:
    config = small("mlp", teachers=teachers, **changes)
    inputs = prepare(config, data_root=root / "data")
    return FoldNetwork.of(FoldWork.of(METHODS["mlp"], config, inputs, inputs.folds[0]))


def test_the_target_is_the_mean_prediction_on_the_scale_of_the_labels(root: Path, teachers: tuple[str, ...]) -> None:
    given = taught(root, teachers)
    assert given.teachers is not None
    mean = np.mean([Run(Path(path), {}).predictions(0, 300) for path in teachers], axis=0)
    np.testing.assert_allclose(given.teachers.target.numpy() + given.centre, mean, atol=1e-4)


def test_the_loss_is_that_without_teachers_and_theirs(root: Path, teachers: tuple[str, ...]) -> None:
    values = []
    for names, weights in (((), {}), (teachers, {"teacher_weight": 0.5})):
        given = taught(root, names, loss={"listwise_weight": 0.0, **weights})
        torch.manual_seed(0)
        outputs = given.outputs(given.build().eval(), given.predicting)
        loss = TrainingLoss(given, torch.Generator().manual_seed(0))
        values.append(loss(outputs, given.feats, torch.arange(len(given.train))).item())
    assert given.teachers is not None
    error = (outputs.score - given.teachers.target).square().mean().item()
    assert values[1] == pytest.approx(values[0] + 0.5 * error, rel=1e-5)


def test_ranks_are_compared_in_lists_of_drawn_nodes() -> None:
    target, score = torch.arange(8.0), torch.randn(8, generator=torch.Generator().manual_seed(1))
    made = Teachers(target, 0.0, 2.0).loss(score, None, 3, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randperm(8, generator=generator)
    expected = 2 * listwise_loss(score[drawn], target[drawn], draw_lists(8, 3, generator))
    torch.testing.assert_close(made, expected)


@pytest.mark.parametrize("changes", [{}, {"members": 2}])
def test_a_student_is_nearer_to_its_teachers(root: Path, teachers: tuple[str, ...], changes: dict[str, Any]) -> None:
    optim = {"max_epochs": 40, "lr": 0.02}
    alone = run(root, "mlp", optim=optim, **changes)
    student = run(root, "mlp", optim=optim, teachers=teachers, loss={"teacher_weight": 5.0}, **changes)
    assert student.path.name.startswith("mlp-taught-")
    mean = np.mean([Run(Path(path), {}).predictions(0, 300) for path in teachers], axis=0)
    far, near = (np.mean((one.predictions(0, 300) - mean) ** 2) for one in (alone, student))
    assert near < far


def test_a_student_answers_when_its_teachers_are_gone(root: Path, tmp_path: Path, teachers: tuple[str, ...]) -> None:
    moved = tuple(str(shutil.copytree(path, tmp_path / Path(path).name)) for path in teachers)
    student = run(root, "mlp", teachers=moved)
    for path in moved:
        shutil.rmtree(path)
    given = taught(root, moved)
    with torch.no_grad():
        score = given.outputs(given.trained(student, 0), given.predicting).score
    np.testing.assert_allclose(score.double() + given.centre, student.ranking_scores(0, 300), atol=1e-4)


def test_what_cannot_teach_is_told_before_training(root: Path, tmp_path: Path, teachers: tuple[str, ...]) -> None:
    def refused(match: str, *, at: Path = root, **changes: Any) -> None:
        with pytest.raises(NieError, match=match):
            run(at, "mlp", **changes)

    refused("To teach, there must be different runs", teachers=(teachers[0], teachers[0]))
    refused("sees the test labels", teachers=(str(run(root, "ppr-published").path),))
    refused("no finished fold 1 to teach", teachers=teachers, folds={"run": [1]})
    refused("does not say how sure it is", teachers=teachers, loss={"teacher_certainty": True})
    for asked in ({"batch": {"size": 60, "fanout": 3}}, {"memory": "1G"}):
        for weights in ({}, {"teacher_weight": 0.0, "teacher_rank_weight": 1.0}):
            refused("teachers say what all others are worth", teachers=teachers, loss=weights, **asked)
    refused("is not a run directory", teachers=(str(tmp_path / "nowhere"),))
    kg: KnowledgeGraph = store_synthetic(tmp_path / "first")
    save(with_labels(kg, 2 * kg.labels), tmp_path / "data" / kg.name / "processed")
    refused("of another dataset or fold", at=tmp_path, teachers=teachers)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"loss": {"teacher_weight": 2.0}}, "name finished runs as teachers"),
        ({"loss": {"teacher_rank_weight": 2.0}}, "name finished runs as teachers"),
        ({"loss": {"teacher_certainty": True}}, "name finished runs as teachers"),
        ({"teachers": ("a",), "loss": {"teacher_certainty": True, "teacher_weight": 0.0}}, "whose teacher_weight is 0"),
        ({"teachers": ("a",), "loss": {"teacher_weight": 0.0}}, "would teach nothing"),
    ],
)
def test_weights_and_teachers_go_together(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(NieError, match=what):
        small("mlp", **changes)


def test_sure_teachers_count_for_more(root: Path) -> None:
    unsure = run(root, "mlp", loss={"value": "gaussian"})
    given = taught(root, (str(unsure.path),), loss={"teacher_certainty": True})
    assert given.teachers is not None
    assert given.teachers.certainty is not None
    variance = unsure.array(0, DEVIATION_FILE, (300,)) ** 2
    np.testing.assert_allclose(given.teachers.certainty, 1 / variance / np.mean(1 / variance), rtol=1e-5)


def test_certainty_weighs_the_squared_error() -> None:
    score, target, certainty = torch.tensor([1.0, 2.0]), torch.zeros(2), torch.tensor([1.5, 0.5])
    teachers = Teachers(target, 3.0, 0.0, certainty)
    for nodes, expected in ((None, 3 * (1.5 + 4 * 0.5) / 2), (torch.tensor([1, 0]), 3 * (0.5 + 4 * 1.5) / 2)):
        assert teachers.loss(score, nodes, 2, torch.Generator()).item() == pytest.approx(expected)
