"""pretrain.encoders: the encoders of a run of stage 1 give its embeddings, and never meet another fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stage_helpers import SMALL, store_synthetic

from nie.errors import NieError
from nie.runs.run import Run
from pretrain.encoders import PretrainedEncoders
from pretrain.inputs import NodeInputs, prepare
from pretrain.licap import pretrain
from pretrain.stage import PRETRAINING

QUICK = {**SMALL, "device": "cpu", "optim": {"max_epochs": 2}, "loss": {"gamma": 0.2}}


def stage1(root: Path, **changes: Any) -> tuple[Run, NodeInputs]:
    """A run of stage 1 on fold 0, and the inputs of another stage with the settings that most tests give it."""
    store_synthetic(root / "data")
    config = PRETRAINING.recipes.resolve(overrides={**QUICK, "folds": {"run": [0]}, **changes})
    run = pretrain(config, data_root=root / "data", run_root=root / "runs")
    return run, prepare(PRETRAINING.recipes.resolve(overrides=QUICK), data_root=root / "data")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"features": {**SMALL["features"], "standardize": False, "degrees": False}},
        {"graph": {"inverse_relations": True}, "model": {"relations": {"text": "tfidf", "context_weight": 0.3}}},
    ],
    ids=str,
)
def test_they_give_the_embeddings_of_stage_1(changes: dict[str, Any], tmp_path: Path) -> None:
    run, inputs = stage1(tmp_path, **changes)
    encoders = PretrainedEncoders.of(run.path, inputs, inputs.folds[0])
    assert (encoders.inputs is inputs) == (not changes)
    for name in ("structural", "semantic"):
        model = encoders.encoder(name).eval()
        with torch.no_grad():
            made = model(encoders.message.graph, encoders.feat(name), encoders.message.etype)
        np.testing.assert_allclose(made, encoders.embeddings[name].features, rtol=1e-5, atol=1e-6)


def test_other_folds_have_none(tmp_path: Path) -> None:
    run, inputs = stage1(tmp_path)
    with pytest.raises(NieError, match="has no finished fold 1"):
        PretrainedEncoders.of(run.path, inputs, inputs.folds[1])
    others = prepare(
        PRETRAINING.recipes.resolve(overrides={**QUICK, "folds": {"seed": 1}}), data_root=tmp_path / "data"
    )
    with pytest.raises(NieError, match="belongs to another fold"):
        PretrainedEncoders.of(run.path, others, others.folds[0])


def test_features_that_have_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, inputs = stage1(tmp_path)
    monkeypatch.setitem(inputs.__dict__, "made_from", {**inputs.made_from, "features_sha256": "ab" * 32})
    with pytest.raises(NieError, match=r"read other features than there are now \(features_sha256 \w{8}, now abababab"):
        PretrainedEncoders.of(run.path, inputs, inputs.folds[0])


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    run, inputs = stage1(tmp_path, channels=["structural"])
    encoders = PretrainedEncoders.of(run.path, inputs, inputs.folds[0])
    path = run.fold_path(0) / "structural" / "model.safetensors"
    path.write_bytes(b"junk")
    with pytest.raises(NieError, match=r"model.safetensors is missing or damaged; remove the folder .*fold0 and"):
        encoders.encoder("structural")
