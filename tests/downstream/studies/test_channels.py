"""downstream.studies.channels."""

from __future__ import annotations

import pytest

from downstream.metrics.registry import METRICS
from downstream.studies.catalogue import STUDIES
from downstream.studies.settings import Settings
from nie.errors import NieError
from nie.vocabulary import FUSIONS

LADDER = STUDIES["channels-ladder"]


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


def test_pairs_are_of_arms() -> None:
    arms = LADDER.arms(Settings("fb15k"))
    names, pairs = [arm.name for arm in arms], LADDER.pairs(arms)
    assert ("S+T+N concat", "S+T concat") in pairs
    controls = ("S+T+N~shuffled attention", "S+T+N~flags attention", "S+T+N, mlp", "degrees only, mlp")
    for control in controls:
        assert ("S+T+N attention", control) in pairs
    assert ("S+T+N cross_modal_transformer, literal", "S+T+N cross_modal_transformer") in pairs
    assert ("S+T+N uncertainty, with its loss", "S+T+N uncertainty") in pairs
    assert all(set(pair) <= set(names) for pair in pairs)
    assert all(ours != theirs for ours, theirs in pairs)


def test_a_flag_for_what_a_study_varies_is_refused() -> None:
    with pytest.raises(NieError, match=r"sets --features\.structural itself"):
        LADDER.arms(Settings("fb15k", flags=["--features.structural", "node2vec"]))


@pytest.mark.parametrize("name", ["missing", "tiers", "retrieval", "interaction"])
def test_arms_differ_and_pairs_are_of_arms(name: str) -> None:
    study = STUDIES[name]
    arms = study.arms(Settings("fb15k"))
    names = [arm.name for arm in arms]
    ways = {(arm.config.digest(), arm.licap.digest() if arm.licap else None) for arm in arms}
    assert len(ways) == len(set(names)) == len(arms)
    pairs = study.pairs(arms)
    assert pairs
    assert all(set(pair) <= set(names) for pair in pairs)
    assert {*study.tested, *study.columns} <= set(METRICS)


def test_the_interaction_is_tested_both_ways() -> None:
    study = STUDIES["interaction"]
    pairs = study.pairs(study.arms(Settings("fb15k")))
    assert ("alignment 0.1", "alignment 0") in pairs
    assert ("alignment 0.1 + licap", "alignment 0 + licap") in pairs
    assert ("alignment 0.1 + licap", "alignment 0.1") in pairs
    assert len(pairs) == len(set(pairs)) == 3 + 3 + 4


def test_text_that_can_be_missing_does_not_read_the_graph() -> None:
    for arm in STUDIES["missing"].arms(Settings("fb15k")):
        document = arm.config.model_dump()
        if document["features"]["semantic"] != "none":
            assert document["model"]["encoders"]["semantic"] == "variational"
