"""downstream.studies.pretrainings: rows of LICAP, and the controls beside them."""

from pathlib import Path

import pytest
from stage_helpers import SMALL, store_synthetic

from downstream.methods.fold_work import FoldWork
from downstream.methods.row_names import pretrained_label
from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from downstream.stages.importance import IMPORTANCE
from downstream.studies.methods import raw_arms
from downstream.studies.pretrainings import BY_CHANNEL, CONTROLS, against_raw_and_controls, with_pretrainings
from downstream.studies.settings import Settings
from nie.errors import NieError
from pretrain.inputs import prepare
from pretrain.licap import pretrain
from pretrain.stage import PRETRAINING


def test_every_row_of_licap_stands_against_raw_features_and_both_controls() -> None:
    settings = Settings("fb15k")
    arms = with_pretrainings(settings, raw_arms(settings, ["pagerank", "rgtn"]), (*CONTROLS, *BY_CHANNEL))
    assert [arm.name for arm in arms] == [
        "pagerank", "rgtn", "rgtn+untrained", "rgtn+regression", "rgtn+licap (structural)", "rgtn+licap (semantic)",
        "rgtn+licap (both)",
    ]  # fmt: skip
    pairs = against_raw_and_controls(arms)
    for row in ("rgtn+licap (structural)", "rgtn+licap (semantic)", "rgtn+licap (both)"):
        assert [theirs for ours, theirs in pairs if ours == row] == ["rgtn", "rgtn+untrained", "rgtn+regression"]
    channels = {arm.name: arm.licap.channels for arm in arms if arm.licap}
    assert channels["rgtn+licap (semantic)"] == ("semantic",)
    assert channels["rgtn+untrained"] == ("structural",)


def test_replaced_says_which_channels_the_other_studies_pretrain() -> None:
    assert Settings("fb15k").licap().channels == ("structural",)
    settings = Settings("fb15k", flags=["--replaced", "semantic", "--folds.run", "0"])
    assert settings.licap(loss={"eta2": 0.0}).channels == ("semantic",)
    assert settings.method("pagerank").folds.run == (0,)  # which knows no such setting
    with pytest.raises(NieError, match="replaced"):
        Settings("fb15k", flags=["--replaced", "semantics"])
    with pytest.raises(NieError, match="which channels it pretrains; leave --replaced out"):
        with_pretrainings(settings, raw_arms(settings, ["rgtn"]), BY_CHANNEL)


def test_each_stage_feeds_its_networks_as_its_own_recipe_says() -> None:
    settings = Settings("fb15k", flags=["--features.structural", "node2vec+facts"])
    stage1, stage2 = settings.licap(), settings.method("rgtn")
    assert stage1.features.structural == stage2.features.structural == "node2vec+facts"
    assert (stage1.features.degrees, stage1.features.standardize) == (True, False)
    assert (stage2.features.degrees, stage2.features.standardize) == (True, True)


def test_channels_that_are_joined_are_pretrained_as_one(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    joined = {"structural": "structural+semantic", "semantic": "none"}
    shared = {**SMALL, "folds": {"run": [0]}, "features": joined}
    stage1 = PRETRAINING.recipes.resolve(overrides={**shared, "loss": {"gamma": 0.2}})
    path = str(pretrain(stage1, data_root=tmp_path / "data", run_root=tmp_path / "runs").path)
    ridge = {"dataset": "synthetic", "method": "ridge", "folds": {"run": [0]}, "features": joined}
    config = IMPORTANCE.recipes.resolve(overrides={**ridge, "pretrained": path})
    inputs = prepare(config, data_root=tmp_path / "data")
    work = FoldWork.of(METHODS["ridge"], config, inputs, inputs.folds[0])
    assert {name: parts[0].features.shape[1] for name, parts in work.channels.items()} == {"structural": 64}
    assert estimate(config, data_root=tmp_path / "data", run_root=tmp_path / "runs").is_done(0)


@pytest.mark.parametrize(
    ("folder", "label"),
    [
        ("checkpoints/pretrain/fb15k/licap-0a1b2c3d", "rgtn+licap"),
        ("regression-0a1b2c3d", "rgtn+regression"),
        ("my-own-0a1b2c3d/", "rgtn+my-own"),
        ("moved", "rgtn+licap"),
    ],
)
def test_a_run_is_called_by_what_pretrained_its_features(folder: str, label: str) -> None:
    assert pretrained_label("rgtn", folder) == label


def test_the_label_of_a_run_says_which_form_it_is() -> None:
    settings, run = Settings("synthetic"), "runs/licap-far-0a1b2c3d"
    assert settings.licap(loss={"repel": "far", "bins": "quantiles"}).run_label() == "licap-quantiles-far"
    assert settings.method("rgtn", pretrained=run, pretrained_as="addition").run_label() == (
        "rgtn+licap-far-as-addition"
    )
    assert settings.method("rgtn", pretrained=run, fine_tune=True).run_label() == "rgtn+licap-far-fine-tuned"
    assert settings.method("rgcn", loss={"contrast_weight": 0.1}).run_label() == "rgcn-joint"


def test_a_channel_that_is_named_twice_is_refused() -> None:
    with pytest.raises(NieError, match=r"'channels' .* names a channel twice; got structural, structural"):
        Settings("synthetic").licap(channels=("structural", "structural"))
