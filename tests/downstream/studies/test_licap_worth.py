"""downstream.studies.licap_worth: what LICAP is compared with, by depth of its encoder and by strength of RGTN."""

from __future__ import annotations

from downstream.studies.catalogue import STUDIES
from downstream.studies.settings import Settings


def test_a_deeper_encoder_stands_against_none_its_shallow_self_and_the_controls_of_its_depth() -> None:
    depth = STUDIES["licap-depth"]
    arms = {arm.name: arm for arm in depth.arms(Settings("fb15k"))}
    deep = arms["rgcn+licap (structural), 3 layers"]
    assert deep.licap is not None
    assert (deep.licap.model.num_layers, deep.config) == (3, arms["rgcn"].config)
    pairs = depth.pairs(list(arms.values()))
    assert [theirs for ours, theirs in pairs if ours == deep.name] == [
        "rgcn", "rgcn+licap (structural)", "rgcn+untrained, 3 layers", "rgcn+regression, 3 layers",
    ]  # fmt: skip
    assert [theirs for ours, theirs in pairs if ours == "rgtn+untrained, 4 layers"] == ["rgtn", "rgtn+untrained"]


def test_no_pair_of_a_study_of_licap_is_tested_twice() -> None:
    for name in ("licap", "licap-forms", "licap-depth", "licap-shares", "licap-strength"):
        study = STUDIES[name]
        pairs = study.pairs(study.arms(Settings("fb15k")))
        assert len({frozenset(pair) for pair in pairs}) == len(pairs) > 0, name


def test_strength_weakens_rgtn_alone_and_never_its_pretraining() -> None:
    arms = {arm.name: arm for arm in STUDIES["licap-strength"].arms(Settings("fb15k"))}
    weak, strong = (arms[f"rgtn, {name}+licap (structural)"] for name in ("5 epochs", "all epochs"))
    assert weak.config.model_dump()["optim"]["max_epochs"] == 5
    assert weak.licap == strong.licap
    own = arms["rgtn, published-licap+licap (structural)"]
    assert own.licap != strong.licap  # the profile's own stage 1
