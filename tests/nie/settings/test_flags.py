"""nie.settings.flags."""

from typing import Any

import pytest

from downstream.methods.table import METHODS
from downstream.stages.importance import IMPORTANCE
from downstream.stages.table import STAGES
from nie.runs.stage import Stage
from nie.settings.flags import field_names, flags_help
from pretrain.stage import PRETRAINING

GEO = {"dataset": "geo"}


def test_flags_of_every_kind() -> None:
    flags = ["--optim.lr", "1e-3", "--no-model.residual", "--folds.run", "0,1", "--optim.clip_norm=2"]
    config = IMPORTANCE.recipes.load(overrides=GEO, flags=flags)
    assert config.optim.lr == 0.001
    assert config.model.residual is False
    assert config.folds.run == (0, 1)
    assert config.optim.clip_norm == 2.0


def test_the_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEED", "5")
    monkeypatch.setenv("DEVICE", "cuda")
    config = PRETRAINING.recipes.load(overrides=GEO, flags=["--optim.lr", "1e-3"])
    assert (config.seed, config.device) == (0, "auto")


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_help_has_a_line_a_setting(stage: Stage[Any]) -> None:
    methods = METHODS if stage.recipes.methods else [None]
    for settings in dict.fromkeys(map(stage.recipes.settings_of, methods)):
        assert len(flags_help(settings).splitlines()) == len(list(field_names(settings)))
