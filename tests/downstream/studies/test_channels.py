"""downstream.studies.channels."""

from __future__ import annotations

import pytest

from downstream.studies.catalogue import find_study
from downstream.studies.channels import FUSIONS
from downstream.studies.settings import Settings
from nie.errors import NieError

LADDER = find_study("channels-ladder")


def test_the_ladder_has_every_fusion_on_the_same_channels_and_controls() -> None:
    arms = {arm.name: arm.config for arm in LADDER.arms(Settings("fb15k"))}
    assert len({config.digest() for config in arms.values()}) == len(arms) == 3 + 2 * len(FUSIONS) + 10
    for fusion in FUSIONS:
        two, three = (arms[f"{channels} {fusion}"].model_dump() for channels in ("S+T", "S+T+N"))
        assert three["features"]["more"] == {"numeric": "facts"}
        for config in (two, three):
            assert config["model"]["head"] == "vector"
            assert config["model"].pop("fusion") == fusion
            del config["model"]["encoders"], config["features"]["more"]
        assert two == three
    assert arms["T"].model_dump()["features"]["structural"] == "none"


def test_the_numbers_are_tested_against_each_control() -> None:
    pairs = LADDER.pairs(LADDER.arms(Settings("fb15k")))
    assert ("S+T+N concat", "S+T concat") in pairs
    controls = ("S+T+N~shuffled attention", "S+T+N~flags attention", "S+T+N, mlp", "degrees only, mlp")
    for control in controls:
        assert ("S+T+N attention", control) in pairs
    assert ("S+T+N cross_modal_transformer, literal", "S+T+N cross_modal_transformer") in pairs
    assert ("S+T+N uncertainty, with its loss", "S+T+N uncertainty") in pairs


def test_a_flag_for_what_a_study_varies_is_refused() -> None:
    with pytest.raises(NieError, match=r"sets --features\.structural itself"):
        LADDER.arms(Settings("fb15k", flags=["--features.structural", "node2vec"]))


def test_the_interaction_is_tested_both_ways() -> None:
    study = find_study("interaction")
    pairs = study.pairs(study.arms(Settings("fb15k")))
    assert ("alignment 0.1", "alignment 0") in pairs
    assert ("alignment 0.1 + licap", "alignment 0 + licap") in pairs
    assert ("alignment 0.1 + licap", "alignment 0.1") in pairs
    assert len(pairs) == len(set(pairs)) == 3 + 3 + 4


def test_text_that_can_be_missing_does_not_read_the_graph() -> None:
    for arm in find_study("missing").arms(Settings("fb15k")):
        document = arm.config.model_dump()
        if document["features"]["semantic"] != "none":
            assert document["model"]["encoders"]["semantic"] == "variational"
