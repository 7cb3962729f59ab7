"""downstream.methods.teacher_layers, downstream.methods.layer_outputs and downstream.studies.cka_maps."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stage_helpers import SMALL, pretrained_on, small, store_synthetic

from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.table import METHODS
from downstream.methods.teacher_layers import TeacherInputs, layers_of_run, with_teacher_layers
from downstream.methods.training_loss import TrainingLoss
from downstream.stages.estimation import checked_folds, estimate
from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner
from downstream.studies.cka_maps import cka_report
from downstream.studies.study import Arm
from nie.cka import linear_cka
from nie.errors import NieError
from nie.runs.run import Run
from pretrain.inputs import NodeInputs, prepare

ONE_FOLD: dict[str, Any] = {"folds": {"run": [0]}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("layers")
    store_synthetic(root / "data")
    return root


@pytest.fixture(scope="module")
def teachers(root: Path) -> dict[str, Run]:
    return {
        method: estimate(small(method, **ONE_FOLD), data_root=root / "data", run_root=root / "runs")
        for method in ("ridge", "rgcn", "rgtn")
    }


def work_of(root: Path, method: str, **changes: Any) -> FoldWork:
    config = small(method, **ONE_FOLD, **changes)
    inputs = prepare(config, data_root=root / "data")
    return FoldWork.of(METHODS[method], config, inputs, inputs.folds[0])


def taught(*runs: Run, **cka: Any) -> dict[str, Any]:
    return {"teachers": tuple(str(run.path) for run in runs), "loss": {"teacher_cka": {"weight": 0.5, **cka}}}


def test_layers_are_those_that_the_scores_are_made_of(root: Path, teachers: dict[str, Run]) -> None:
    work = work_of(root, "mlp")
    first, *_, last = layers_of_run(teachers["rgcn"], work, TeacherInputs(work.inputs))
    given = FoldNetwork.of(work_of(root, "rgcn"))
    model = given.trained(teachers["rgcn"], 0)
    with torch.no_grad():
        hidden = given.outputs(model, given.predicting).hidden
    assert hidden is not None
    np.testing.assert_allclose(last.clip(min=0), hidden.numpy(), atol=1e-6)
    assert len(first) == len(last) == 300
    transformers = layers_of_run(teachers["rgtn"], work, TeacherInputs(work.inputs))
    assert len(transformers) == teachers["rgtn"].config["model"]["num_layers"]


def test_the_loss_has_the_mean_of_all_layers_beside_the_rest(root: Path, teachers: dict[str, Run]) -> None:
    values = []
    for weight in (0.0, 0.5):
        asked = taught(*teachers.values())
        asked["loss"] = {"teacher_weight": 1.0, "listwise_weight": 0.0, "teacher_cka": {"weight": weight}}
        work = work_of(root, "mlp", **asked)
        given = FoldNetwork.of(with_teacher_layers(work, TeacherInputs(work.inputs)))
        torch.manual_seed(0)
        outputs = given.outputs(given.build().eval(), given.predicting)
        loss = TrainingLoss(given, torch.Generator().manual_seed(0))
        values.append(loss(outputs, given.feats, torch.arange(len(given.train))).item())
    assert given.teachers is not None
    assert len(given.teachers.layers) == 2  # ridge has none
    assert outputs.hidden is not None
    apart = [1 - linear_cka(outputs.hidden.detach(), layer) for layer in given.teachers.layers]
    assert values[1] == pytest.approx(values[0] + 0.5 * float(np.mean(apart)), rel=1e-4)


@pytest.mark.parametrize("batch", [None, 64])
def test_a_student_is_aligned_on_the_whole_graph_and_on_batches(
    batch: int | None, root: Path, teachers: dict[str, Run]
) -> None:
    asked = taught(teachers["rgcn"])
    asked["loss"]["teacher_weight"] = 0.0
    config = small("graphsage", **ONE_FOLD, **asked, batch={"size": batch})
    run = estimate(config, data_root=root / "data", run_root=root / "runs")
    assert np.isfinite(run.predictions(0, 300)).all()


def test_a_fine_tuned_teacher_gives_the_layers_of_the_network_behind_its_encoders(root: Path) -> None:
    stage1 = pretrained_on(root / "data")
    tuned: dict[str, Any] = {"pretrained": str(stage1.path), "fine_tune": True}
    teacher = estimate(small("rgcn", **ONE_FOLD, **tuned), data_root=root / "data", run_root=root / "runs")
    work = work_of(root, "mlp", **taught(teacher))
    layers = layers_of_run(teacher, work, TeacherInputs(work.inputs))
    given = FoldNetwork.of(work_of(root, "rgcn", **tuned))
    with torch.no_grad():
        hidden = given.outputs(given.trained(teacher, 0), given.predicting).hidden
    assert hidden is not None
    assert len(layers) == 2
    np.testing.assert_allclose(layers[-1].clip(min=0), hidden.numpy(), atol=1e-6)
    with_layers = with_teacher_layers(work, TeacherInputs(work.inputs))
    np.testing.assert_array_equal(with_layers.teacher_layers[0], layers[-1])


def test_what_teachers_read_is_prepared_once_for_all_folds_and_not_kept(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both: dict[str, Any] = {"graph": {"inverse_relations": True}}
    where = {"data_root": root / "data", "run_root": root / "runs"}
    runs = [estimate(small(method, **both), **where) for method in ("rgcn", "graphsage")]
    config = small("mlp", **taught(*runs))
    inputs = prepare(config, data_root=root / "data")
    made = []

    def counted(*given: Any, **further: Any) -> NodeInputs:
        made.append(weakref.ref(found := prepare(*given, **further)))
        return found

    monkeypatch.setattr("downstream.methods.teacher_layers.prepare", counted)
    ready = checked_folds(config, inputs)
    assert [len(work.teacher_layers) for work, _ in ready.values()] == [2, 2]
    (read,) = made
    gc.collect()
    assert read() is None


def test_layers_of_features_that_have_changed_are_refused(root: Path, teachers: dict[str, Run]) -> None:
    work = work_of(root, "mlp", **taught(teachers["rgcn"]))
    inputs = TeacherInputs(work.inputs)
    assert len(with_teacher_layers(work, inputs).teacher_layers) == 1
    work.inputs.made_from["features_sha256"] = "0" * 64
    with pytest.raises(NieError, match="read other features than there are now"):
        with_teacher_layers(work, inputs)


def test_what_cannot_be_aligned_is_refused(root: Path, teachers: dict[str, Run]) -> None:
    def refused(words: str, method: str, changes: dict[str, Any]) -> None:
        with pytest.raises(NieError, match=words):
            estimate(small(method, **ONE_FOLD, **changes), data_root=root / "data", run_root=root / "runs")

    refused("none of these is a network", "mlp", taught(teachers["ridge"]))
    refused(r"counts them from the last, -1, to -\d+, and got -9", "mlp", taught(teachers["rgcn"], layers=(-9,)))
    refused("sgc has none; leave it out", "sgc", taught(teachers["rgcn"]))
    with pytest.raises(NieError, match="name finished runs as teachers"):
        small("mlp", loss={"teacher_cka": {"weight": 1.0}})
    with pytest.raises(NieError, match="layers says what hidden vectors are aligned with; give weight, too"):
        small("mlp", loss={"teacher_cka": {"layers": (-2,)}})


def test_the_report_maps_students_on_their_teachers(root: Path) -> None:
    runner = Runner(data_root=root / "data", run_root=root / "runs")

    def arm(name: str, parts: tuple[Arm, ...] = (), **changes: Any) -> Arm:
        overrides = {**SMALL, **ONE_FOLD, **changes}
        return Arm(name, IMPORTANCE.recipes.resolve(overrides=overrides), parts=parts)

    teacher = arm("rgcn", method="rgcn")
    student = arm("mlp taught by all", (teacher,), method="mlp", teachers=("rgcn",))
    runs = {}
    for one in (teacher, student):
        (runs[one.name],) = runner.run([one.settings_in(runner)])
    (table,), figures = cka_report([teacher, student], runs, runner)
    assert table.headers == ["row", "rgcn"]
    assert [row[0] for row in table.rows] == ["rgcn", "mlp taught by all"]
    assert 0 <= float(table.rows[1][1]) <= 1
    assert list(figures) == ["CKA of mlp taught by all with rgcn"]
