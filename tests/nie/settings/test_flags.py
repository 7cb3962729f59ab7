"""nie.settings.flags."""

from collections.abc import Iterator
from typing import Any

import pytest

from downstream.methods.importance_settings import SearchRange
from downstream.methods.table import METHODS
from downstream.stages.importance import IMPORTANCE
from downstream.stages.table import STAGES
from nie.runs.stage import Stage
from nie.settings.flags import field_names, flags_help, is_section
from nie.settings.run import RunConfig
from nie.settings.sections import Section
from pretrain.stage import PRETRAINING

GEO = {"dataset": "geo"}


def test_flags_of_every_kind() -> None:
    flags = ["--optim.lr", "1e-3", "--no-model.residual", "--folds.run", "0,1", "--optim.clip_norm=2"]
    config = IMPORTANCE.recipes.resolve(overrides=GEO, flags=flags)
    assert config.optim.lr == 0.001
    assert config.model.residual is False
    assert config.folds.run == (0, 1)
    assert config.optim.clip_norm == 2.0


@pytest.mark.parametrize("said", ["none", "None", "null"])
def test_a_number_that_may_be_absent_takes_the_word_of_its_help(said: str) -> None:
    flags = ["--model.num_bases", said, "--optim.clip_norm", said]
    config = IMPORTANCE.recipes.resolve(overrides={**GEO, "method": "rgcn"}, flags=flags)
    assert config.model.num_bases is None
    assert config.optim.clip_norm is None


def test_the_environment_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEED", "5")
    monkeypatch.setenv("DEVICE", "cuda")
    config = PRETRAINING.recipes.resolve(overrides=GEO, flags=["--optim.lr", "1e-3"])
    assert (config.seed, config.device) == (0, "auto")


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_help_has_a_line_for_every_setting(stage: Stage[Any]) -> None:
    for settings in _classes(stage):
        assert len(flags_help(settings).splitlines()) == len(list(field_names(settings)))


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_every_setting_has_a_description(stage: Stage[Any]) -> None:
    assert [name for settings in (*_classes(stage), SearchRange) for name in _undescribed(settings)] == []


def _classes(stage: Stage[Any]) -> list[type[RunConfig]]:
    methods = METHODS if stage.recipes.methods else [None]
    return list(dict.fromkeys(map(stage.recipes.settings_of, methods)))


def _undescribed(section: type[Section], prefix: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        if is_section(field.annotation):
            yield from _undescribed(field.annotation, f"{prefix}{name}.")
        elif not field.description:
            yield f"{section.__name__}: {prefix}{name}"
