"""downstream.studies.catalogue, and the arms of every study."""

from __future__ import annotations

from pathlib import Path

import pytest

from downstream.losses.table import TIER_LOSSES
from downstream.methods.table import METHODS
from downstream.studies.catalogue import STUDIES, find_study
from downstream.studies.channels import CHANNEL_STUDIES
from downstream.studies.ground import FOLDS, REPETITIONS
from downstream.studies.link_settings import LinkSettings
from downstream.studies.settings import Settings
from nie.__main__ import main
from nie.errors import NieError
from nie.vocabulary import FUSIONS

FLAGS = ["--features.structural", "structural", "--features.semantic", "semantic", "--folds.run", "0,1"]


CHANNELS = {study.name for study in CHANNEL_STUDIES}
PLAIN = [
    name for name, study in STUDIES.items()
    if study.ground is FOLDS and study.run is None and name not in {"best", "missing", "tiers", *CHANNELS}
]  # fmt: skip


def settings() -> Settings:
    return Settings("synthetic", flags=FLAGS)


@pytest.mark.parametrize("name", PLAIN)
def test_the_arms_of_a_study_share_all_but_one_thing(name: str) -> None:
    study = find_study(name)
    arms = study.arms(settings())
    names = [arm.name for arm in arms]
    assert len(set(names)) == len(names)
    runs = [(arm.config.digest(), arm.licap.digest() if arm.licap else None) for arm in arms]
    assert len(set(runs)) == len(runs)
    for arm in arms:
        assert (arm.config.folds.run, arm.config.seed, arm.config.dataset) == ((0, 1), 0, "synthetic")
        if arm.licap is not None:
            assert (arm.licap.features, arm.licap.folds) == (arm.config.features, arm.config.folds)
    for ours, theirs in study.pairs(arms):
        assert {ours, theirs} <= set(names)


@pytest.mark.parametrize("name", [name for name, study in STUDIES.items() if study.ground is REPETITIONS])
def test_the_arms_of_a_study_of_links_are_runs_of_their_own(name: str) -> None:
    study = find_study(name)
    arms = study.arms(LinkSettings("db15k", flags=["--repeats", "0,1"]))
    names = [arm.name for arm in arms]
    assert len(set(names)) == len(names) == len({arm.config.digest() for arm in arms})
    assert {arm.config.fold_numbers for arm in arms} == {(0, 1)}
    for ours, theirs in study.pairs(arms):
        assert {ours, theirs} <= set(names)


def test_the_main_study_has_every_method_and_licap_before_each_that_reads_features() -> None:
    names = [arm.name for arm in STUDIES["main"].arms(settings())]
    assert {name for name in names if not name.endswith("+licap")} <= set(METHODS)
    assert "pagerank+licap" not in names
    assert {"linear+licap", "gcn+licap", "rgtn+licap"} <= set(names)


def test_studies_reuse_each_others_runs() -> None:
    def runs(name: str) -> dict[str, str]:
        return {arm.name: arm.settings_in("runs").digest() for arm in STUDIES[name].arms(settings())}

    main, plugin, losses = runs("main"), runs("plugin"), runs("losses")
    assert plugin.items() <= main.items()
    assert losses["none"] == main["rgtn"] == runs("relation-mode")["mul"]
    assert losses["L1 + L2"] == main["rgtn+licap"] == runs("channels")["both"] == runs("encoder")["PreGAT"]


def test_a_smaller_budget_holds_for_every_network_and_changes_nothing_else() -> None:
    full, short = settings(), Settings("synthetic", flags=FLAGS, epochs=3)
    expected = full.method("gcn").model_dump()
    expected["optim"]["max_epochs"] = 3
    assert short.method("gcn").model_dump() == expected
    assert short.method("ridge") == full.method("ridge")
    assert short.licap() == full.licap()
    with pytest.raises(NieError, match=r"max_epochs"):
        Settings("synthetic", epochs=0).method("gcn")


def test_unknown_names_are_hinted_at() -> None:
    with pytest.raises(NieError, match=r"no study 'mian'.*did you mean 'main'"):
        find_study("mian")
    with pytest.raises(NieError, match=r"Unknown flag '--optim.lr'"):
        Settings("synthetic", flags=["--optim.lr", "1"])
    with pytest.raises(NieError, match="--dataset has no place"):
        Settings("synthetic", flags=["--dataset", "other"])
    with pytest.raises(NieError, match=r"no method 'gatt'.*did you mean 'gat'"):
        settings().method("gatt")


@pytest.mark.parametrize("dataset", ["fb15k", "tmdb5k"])
def test_the_ladder_leads_from_the_fast_recipe_to_the_best(dataset: str) -> None:
    arms = {arm.name: arm for arm in STUDIES["best"].arms(Settings(dataset))}
    methods = list(dict.fromkeys(name.split()[0] for name in arms))
    assert methods[0] == "rgtn"
    assert {"boosting", "ridge", "blend"} <= set(methods)
    fast, best = Settings(dataset), Settings(dataset, "best")
    last = {}
    for method in methods[:-1]:
        first, *_, last[method] = [name for name in arms if name.split()[0] == method]
        assert first == f"{method} fast"
        assert arms[first].config == fast.method(method)
        assert arms[last[method]].config == best.method(method)
    assert [part.name for part in arms["blend"].parts] == list(last.values())
    paths = arms["blend"].settings_in("runs").parts
    assert [Path(path).name.rsplit("-", 1)[0] for path in paths] == [f"{method}-best" for method in last]
    pairs = STUDIES["best"].pairs(list(arms.values()))
    assert pairs[0] == (list(arms)[1], "rgtn fast")
    assert pairs[-1] == ("blend", last["ridge"])


def test_a_dataset_without_a_best_recipe_says_so() -> None:
    with pytest.raises(NieError, match=r"needs a recipe synthetic-best\.yaml"):
        STUDIES["best"].arms(settings())


def test_the_help_names_every_study(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["study", "--help"])
    shown = capsys.readouterr().out
    assert [name for name in STUDIES if name not in shown] == []


@pytest.mark.parametrize("name", [name for name in STUDIES if name != "best"])
def test_a_new_method_fusion_or_loss_adds_no_row_to_a_study(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    study = find_study(name)

    def rows() -> list[str]:
        return [arm.name for arm in study.arms(study.ground.settings("fb15k", "fast", [], None))]

    before = rows()
    monkeypatch.setitem(METHODS, "new", METHODS["ridge"])
    monkeypatch.setitem(FUSIONS, "new", FUSIONS["concat"])
    monkeypatch.setitem(TIER_LOSSES, "new", TIER_LOSSES["focal"])
    assert rows() == before
