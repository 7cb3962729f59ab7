"""downstream.methods.fold_network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stage_helpers import SMALL, store_synthetic

from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import NetworkConfig
from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from downstream.stages.importance import IMPORTANCE
from nie.errors import NieError
from nie.runs.run import Run
from pretrain.inputs import prepare


def trained(root: Path, **changes: Any) -> tuple[Run, FoldNetwork]:
    store_synthetic(root / "data")
    config = IMPORTANCE.recipes.resolve(overrides={**SMALL, "folds": {"run": [0]}, **changes})
    assert isinstance(config, NetworkConfig)
    inputs = prepare(config, data_root=root / "data")
    run = estimate(config, data_root=root / "data", run_root=root / "runs", inputs=inputs)
    return run, FoldNetwork.of(FoldWork.of(METHODS[config.method], config, inputs, inputs.folds[0]))


@pytest.mark.parametrize("changes", [{}, {"shown_labels": 0.5}, {"select_value": "rmse"}, {"method": "gcn"}])
def test_a_loaded_network_predicts_what_the_trained_one_did(changes: dict[str, Any], tmp_path: Path) -> None:
    run, given = trained(tmp_path, **changes)
    with torch.no_grad():
        for value, stored in ((True, run.predictions(0, 300)), (False, run.ranking_scores(0, 300))):
            score = given.outputs(given.trained(run, 0, value=value), given.predicting).score
            np.testing.assert_allclose(score.double().cpu() + given.centre, stored, rtol=1e-5)


def test_other_masks_take_the_place_of_the_own(tmp_path: Path) -> None:
    more = {**SMALL["features"], "more": {"numeric": "relations"}}
    run, given = trained(tmp_path, features=more, model={"encoders": {"numeric": "variational"}})
    model = given.trained(run, 0)
    hidden = {**given.masks, "numeric": torch.zeros_like(given.masks["numeric"])}
    with torch.no_grad():
        one, two = (given.outputs(model, given.predicting, masks).score for masks in (None, hidden))
    assert not torch.allclose(one, two)


def test_every_member_can_be_loaded(tmp_path: Path) -> None:
    run, given = trained(tmp_path, members=2)
    first, second = (given.trained(run, 0, member=member) for member in range(2))
    assert any((first.state_dict()[name] != tensor).any() for name, tensor in second.state_dict().items())


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    run, given = trained(tmp_path)
    for damage in (lambda path: path.write_bytes(b"junk"), Path.unlink):
        damage(run.fold_path(0) / "model.safetensors")
        with pytest.raises(NieError, match=r"model.safetensors is missing or damaged; remove the folder .*fold0 and"):
            given.trained(run, 0)
