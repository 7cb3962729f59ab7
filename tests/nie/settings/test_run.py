"""nie.settings.run and the settings of every stage and method."""

import functools
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

import nie
from downstream.methods.table import METHODS
from downstream.stages.importance import IMPORTANCE
from downstream.stages.links.settings import LinkConfig
from nie.errors import NieError
from nie.settings.flags import field_names
from nie.settings.run import RunConfig
from nie.settings.sections import FeaturesConfig
from pretrain.licap_settings import LicapConfig
from pretrain.stage import PRETRAINING

GEO = {"dataset": "geo"}
SETTINGS = (LicapConfig, LinkConfig, *dict.fromkeys(method.settings for method in METHODS.values()))


def test_the_digest_covers_what_changes_results_and_nothing_else(tmp_path: Path) -> None:
    config = IMPORTANCE.recipes.resolve(overrides=GEO)
    other_run = config.folds.model_copy(update={"run": (0,)})
    same = [{"label": "x"}, {"reported": {"PR": {"rmse": 1.0}}}, {"folds": other_run}]
    other = [{"seed": 1}, {"folds": config.folds.model_copy(update={"seed": 1})}, {"pretrained": "x"}]
    assert {config.model_copy(update=update).digest() for update in same} == {config.digest()}
    assert config.digest() not in {config.model_copy(update=update).digest() for update in other}
    (tmp_path / "x").mkdir()
    (tmp_path / "latest").symlink_to(tmp_path / "x")
    paths = str(tmp_path / "x"), str(tmp_path / "latest"), str(tmp_path / "x" / ".")
    assert len({config.model_copy(update={"pretrained": path}).digest() for path in paths}) == 1
    here, there, else_ = (config.model_copy(update={"pretrained": path}).digest() for path in ("a/x", "b/x", "a/y"))
    assert here == there != else_


def test_a_config_is_frozen() -> None:
    with pytest.raises(ValidationError):
        PRETRAINING.recipes.resolve(overrides=GEO).seed = 1  # type: ignore[misc]


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_field_is_read_somewhere(settings: type[RunConfig]) -> None:
    for name in field_names(settings):
        assert is_read(name.rsplit(".", maxsplit=1)[-1]), f"nothing reads the setting {name}"


@functools.cache
def is_read(leaf: str) -> bool:
    root = Path(nie.__file__).parent.parent
    # A model's settings are passed on by name, so its own signature reads them.
    reads = re.compile(rf"\.{leaf}\b|\[\"{leaf}\"\]|get\(\"{leaf}\"|\b{leaf}: [^=\n]+ = ", re.MULTILINE)
    return any(
        reads.search(path.read_text())
        for package in ("nie", "pretrain", "downstream") for path in (root / package).rglob("*.py")
        if path.parent.name != "settings" and not path.name.endswith("settings.py")
    )  # fmt: skip


def test_a_run_is_called_what_it_is() -> None:
    config = IMPORTANCE.recipes.resolve(overrides=GEO)
    assert config.run_label() == "rgtn"
    assert config.model_copy(update={"pretrained": "x"}).run_label() == "rgtn+licap"
    assert IMPORTANCE.recipes.resolve(overrides={**GEO, "method": "ridge"}).run_label() == "ridge"
    assert IMPORTANCE.recipes.resolve(overrides={**GEO, "method": "pagerank"}).run_label() == "pagerank"
    assert config.model_copy(update={"label": "mine"}).run_label() == "mine"
    assert PRETRAINING.recipes.resolve(overrides=GEO).run_label() == "licap"


def test_nothing_to_learn_is_refused() -> None:
    with pytest.raises(NieError, match="nothing to learn"):
        PRETRAINING.recipes.resolve(overrides={**GEO, "loss": {"eta1": 0, "eta2": 0}})


def test_a_setting_at_its_default_does_not_change_the_digest() -> None:
    plain = IMPORTANCE.recipes.resolve(overrides=GEO)
    spelled = IMPORTANCE.recipes.resolve(overrides={**GEO, "members": 1, "optim": {"lr": plain.optim.lr}})
    assert spelled.digest() == plain.digest()
    # LICAP's own defaults of a section are not the section's.
    licap = PRETRAINING.recipes.resolve(overrides=GEO)
    plainer = PRETRAINING.recipes.resolve(overrides={**GEO, "optim": {"patience": 100, "clip_norm": None}})
    assert licap.digest() != plainer.digest()


def test_a_limit_of_what_is_not_standardised_is_refused() -> None:
    with pytest.raises(ValidationError, match="limit is for standardised features"):
        FeaturesConfig(standardize=False, limit=2.0)
