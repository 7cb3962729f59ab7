"""pretrain.taught_labels: stage 1 that learns at nodes without a label what finished runs predict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import SMALL, SMALL_FLAGS, pretrained_on, run_quietly, small, store_synthetic

from downstream.stages.estimation import estimate
from nie.errors import NieError
from nie.runs.run import Run
from pretrain.contrast_sets import contrast_sets
from pretrain.inputs import prepare
from pretrain.stage import PRETRAINING
from pretrain.taught_labels import labels_to_learn


def taught_by(root: Path, method: str, **changes: Any) -> Run:
    store_synthetic(root)
    return estimate(small(method, **changes), data_root=root, run_root=root / "runs")


def test_training_nodes_keep_their_label_and_others_have_the_mean_of_predictions(tmp_path: Path) -> None:
    teachers = [taught_by(tmp_path, method) for method in ("ridge", "degree")]
    folders = tuple(str(run.path) for run in teachers)
    config = PRETRAINING.recipes.resolve(overrides={**SMALL, "teachers": folders})
    inputs = prepare(config, data_root=tmp_path)
    fold = inputs.folds[1]
    learned, labels = labels_to_learn(config, inputs, fold)
    assert learned.train.tolist() == list(range(300))
    np.testing.assert_array_equal(labels[fold.train], inputs.kg.targets[fold.train])
    others = np.setdiff1d(np.arange(300), fold.train)
    mean = np.mean([run.predictions(1, 300) for run in teachers], axis=0)
    np.testing.assert_allclose(labels[others], mean[others])
    alone = config.model_copy(update={"teachers": ()})
    assert labels_to_learn(alone, inputs, fold)[0] is fold
    # The contrast of LICAP is drawn among all nodes, then.
    assert len(contrast_sets(config, inputs, fold).top) > len(contrast_sets(alone, inputs, fold).top)


@pytest.mark.parametrize("objective", ["licap", "regression", "y-aware"])
@pytest.mark.parametrize("size", [None, 64])
def test_an_encoder_learns_from_teachers(objective: str, size: int | None, tmp_path: Path) -> None:
    teacher = taught_by(tmp_path, "ridge")
    own = {"loss": {"objective": objective, "gamma": 0.2}, "batch": {"size": size}}
    made = [pretrained_on(tmp_path, **own, teachers=names) for names in ((), (str(teacher.path),))]
    assert made[1].path.name.startswith(f"{objective}-taught-")
    one, two = (np.load(run.path / "fold0" / "structural" / "embeddings.npy") for run in made)
    assert np.isfinite(two).all()
    assert not np.allclose(one, two)
    student = estimate(
        small("mlp", pretrained=str(made[1].path), folds={"run": [0]}), data_root=tmp_path, run_root=tmp_path
    )
    assert student.is_done(0)


def test_teachers_that_cannot_teach_are_refused(tmp_path: Path) -> None:
    teacher = taught_by(tmp_path, "ridge", folds={"run": [1]})
    with pytest.raises(NieError, match="has no finished fold 0 to teach; run it first"):
        pretrained_on(tmp_path, teachers=(str(teacher.path),))
    other = taught_by(tmp_path, "ridge", folds={"run": [0], "train_share": 0.5})
    with pytest.raises(NieError, match="is of another dataset or fold"):
        pretrained_on(tmp_path, teachers=(str(other.path),))
    with pytest.raises(NieError, match="stage"):
        pretrained_on(tmp_path, teachers=(str(pretrained_on(tmp_path).path),))


def test_one_that_has_seen_test_labels_teaches_nobody_by_way_of_stage_1(tmp_path: Path) -> None:
    leaking = taught_by(tmp_path, "ppr-published", folds={"run": [0]})
    encoder = pretrained_on(tmp_path, teachers=(str(leaking.path),), loss={"objective": "regression"})
    student = small("mlp", pretrained=str(encoder.path), folds={"run": [0]})
    with pytest.raises(NieError, match="sees the test labels; mlp would see them by it"):
        estimate(student, data_root=tmp_path, run_root=tmp_path / "runs")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--loss.objective", "untrained"], "the objective untrained reads none"),
        (["--cross_fit", "2"], "cross_fit keeps labels from an encoder which teachers have seen"),
    ],
)
def test_what_does_not_go_with_teachers_is_refused(tmp_path: Path, flags: list[str], said: str) -> None:
    command = [
        "pretrain",
        "--recipe",
        "fast",
        "--dataset",
        "synthetic",
        *SMALL_FLAGS,
        "--teachers",
        "somewhere",
        *flags,
    ]
    code, _, error = run_quietly(command, tmp_path, tmp_path / "runs")
    assert (code, said in error) == (2, True)
