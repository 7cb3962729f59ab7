"""downstream.studies.catalogue: what holds for all studies, and those of methods, LICAP and the best recipe."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from stage_helpers import store_synthetic

from downstream.metrics.registry import METRICS
from downstream.stages.runner import Runner
from downstream.studies.catalogue import STUDIES, find_study
from downstream.studies.settings import FED, Settings
from downstream.studies.study import Arm, Study
from nie.__main__ import main
from nie.errors import NieError

FLAGS = ["--features.structural", "structural", "--features.semantic", "semantic", "--folds.run", "0,1"]


def settings() -> Settings:
    return Settings("synthetic", flags=FLAGS)


def with_arms(study: Study, *flags: str) -> list[Arm]:
    return study.arms(study.ground.settings("fb15k", "fast", flags, None))


@pytest.mark.parametrize("study", [study for study in STUDIES.values() if study.run is None], ids=lambda one: one.name)
def test_the_arms_of_a_study_are_runs_of_their_own_on_the_same_ground(study: Study) -> None:
    arms = with_arms(study)
    names = [arm.name for arm in arms]
    runs = {(arm.config.digest(), arm.licap.digest() if arm.licap else None) for arm in arms}
    assert len(set(names)) == len(names) == len(runs)
    assert {(arm.config.fold_numbers, arm.config.seed, arm.config.dataset) for arm in arms} == {
        (arms[0].config.fold_numbers, 0, "fb15k")
    }
    for arm in arms:
        if arm.licap is not None:
            stages = [config.model_dump(include={"features", "folds"}) for config in (arm.licap, arm.config)]
            for stage in stages:
                for fed in FED:  # each stage's own recipe says how its networks are fed
                    del stage["features"][fed]
            assert stages[0] == stages[1]
    pairs = study.pairs(arms)
    assert pairs
    assert len(set(pairs)) == len(pairs)
    for ours, theirs in pairs:
        assert ours != theirs
        assert {ours, theirs} <= set(names)
    assert {*study.tested, *study.columns} <= set(METRICS)


NEWCOMERS = """
import downstream.losses.table as losses
import downstream.metrics.registry as registry
import nie.fusions as fusions
from downstream.methods.table import METHODS

METHODS["newcomer"] = METHODS["gcn"]
fusions.FUSIONS["newcomer"] = fusions.Fusion("nowhere:Newcomer", needs_logvar=True)
losses.TIER_LOSSES["newcomer"] = losses.TIER_LOSSES["focal"]
registry.METRICS["newcomer"] = registry.METRICS["macro_f1"]
for module in (fusions, losses, registry):
    for name, value in list(vars(module).items()):
        if isinstance(value, tuple) and value and all(isinstance(word, str) for word in value):
            setattr(module, name, (*value, "newcomer"))

from downstream.studies.catalogue import STUDIES

for study in STUDIES.values():
    arms = study.arms(study.ground.settings("fb15k", "fast", (), None))
    print(study.name, [arm.name for arm in arms], study.columns, study.pairs(arms) if arms else [])
"""


def test_a_new_method_fusion_loss_or_metric_changes_no_table() -> None:
    """In a process of its own, where they are registered before the studies are imported."""
    made = subprocess.run([sys.executable, "-c", NEWCOMERS], capture_output=True, text=True, check=True).stdout
    assert "newcomer" not in made
    expected = []
    for study in STUDIES.values():
        arms = with_arms(study)
        pairs = study.pairs(arms) if arms else []
        expected.append(f"{study.name} {[arm.name for arm in arms]} {study.columns} {pairs}")
    assert made.splitlines() == expected


def test_studies_reuse_each_others_runs(tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    runner = Runner(data_root=tmp_path, run_root="runs")

    def runs(name: str) -> dict[str, str]:
        return {arm.name: arm.settings_in(runner).digest() for arm in STUDIES[name].arms(settings())}

    main, plugin, losses = runs("main"), runs("plugin"), runs("losses")
    assert plugin.items() <= main.items()
    assert losses["none"] == main["rgtn"] == runs("relation-mode")["mul"]
    licap = main["rgtn+licap (structural)"]
    assert losses["L1 + L2"] == licap == runs("channels")["structural"] == runs("encoder")["PreGAT"]
    assert runs("channels")["both"] == main["rgtn+licap (both)"]


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
    with pytest.raises(NieError, match="leave --dataset out"):
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
    paths = arms["blend"].settings_in(Runner(data_root="datasets", run_root="runs")).parts
    assert [Path(path).name.rsplit("-", 1)[0] for path in paths] == [f"{method}-best" for method in last]
    pairs = STUDIES["best"].pairs(list(arms.values()))
    assert pairs[0] == (list(arms)[1], "rgtn fast")
    assert pairs[-1] == ("blend", last[methods[-2]])


def test_a_best_recipe_without_other_methods_leads_to_itself() -> None:
    arms = STUDIES["best"].arms(Settings("geo"))
    assert [arms[0].name, arms[-1].config] == ["rgtn fast", Settings("geo", "best").method("rgtn")]
    names = [arm.name for arm in arms]
    assert STUDIES["best"].pairs(arms) == list(zip(names[1:], names, strict=False))


def test_a_dataset_without_a_best_recipe_says_so() -> None:
    with pytest.raises(NieError, match=r"needs a recipe synthetic-best\.yaml"):
        STUDIES["best"].arms(settings())


def test_the_help_names_every_study_and_its_question(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["study", "--help"])
    shown = capsys.readouterr().out
    assert [study for study in STUDIES.values() if study.question not in shown or study.name not in shown] == []
    assert "--folds.run" in shown
    assert "--optim.lr" not in shown  # of single methods, which studies set themselves
