"""downstream.methods.registration: what is registered works like nie's own, and a bad one is refused in a sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from stage_helpers import SMALL, small, store_synthetic
from torch import nn

import nie
from downstream.losses.table import ALIGNMENTS, IMPORTANCE_LOSSES, TIER_LOSSES
from downstream.methods.fitted import Fitted
from downstream.methods.importance_settings import ModelConfig
from downstream.methods.table import METHODS
from downstream.metrics.registry import METRICS
from downstream.reports.results import Results, named
from downstream.stages.estimation import estimate
from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner
from nie.data import FEATURES, synthetic
from nie.data.store import save
from nie.errors import NieError
from nie.settings.flags import field_names


class Plain(nn.Module):
    """A linear network that gives scores alone."""

    def __init__(
        self, *, channel_sizes: dict[str, int], num_relations: int, hidden: int = 4, drop: float = 0.1
    ) -> None:
        super().__init__()
        self.channels = tuple(channel_sizes)
        sizes = sum(channel_sizes.values())
        self.layers = nn.Sequential(nn.Dropout(drop), nn.Linear(sizes, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, graph: Any, feats: Any, etype: Any) -> torch.Tensor:
        scores: torch.Tensor = self.layers(torch.cat([feats[name] for name in self.channels], dim=1)).squeeze(1)
        return scores


def first_feature(given: Any, *, factor: float = 1.0) -> Any:
    return factor * given.features[:, 0]


def cubed(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (prediction - target).abs().pow(3).mean()


def hinge(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.multi_margin_loss(logits, target)


def bias(target: Any, prediction: Any) -> float:
    return float(np.mean(prediction - target))


def constant(kg: Any) -> Any:
    return np.ones((kg.num_nodes, 2))


@pytest.fixture(autouse=True)
def tables_as_before() -> Iterator[None]:
    tables: tuple[dict[str, Any], ...] = (METHODS, METRICS, FEATURES, IMPORTANCE_LOSSES, TIER_LOSSES, ALIGNMENTS)
    before = [dict(table) for table in tables]
    yield
    for table, entries in zip(tables, before, strict=True):
        table.clear()
        table.update(entries)


def test_a_network_has_settings_of_its_own_arguments_and_all_that_networks_have(tmp_path: Path) -> None:
    nie.register_method("plain", Plain)
    nie.register_loss("cubed", cubed)
    nie.register_metric("bias", bias, higher_is_better=False)
    assert {"model.hidden", "model.drop", "optim.lr", "loss.importance"} <= set(field_names(METHODS["plain"].settings))
    store_synthetic(tmp_path / "data")
    config = small("plain", model={"hidden": 3}, loss={"importance": "cubed"}, select="bias", folds={"run": [0]})
    assert list(config.plugins) == [__name__]
    (run,) = Runner(data_root=tmp_path / "data", run_root=tmp_path / "runs").run([config])
    assert run.config["model"] == {"hidden": 3, "drop": 0.1}
    assert "bias" in Results.of(named([run])).metrics


def test_a_function_has_settings_and_may_give_scores_alone(tmp_path: Path) -> None:
    nie.register_method("first", first_feature)
    nie.register_feature("constant", constant)
    kg = store_synthetic(tmp_path / "data")
    runner = Runner(data_root=tmp_path / "data", run_root=tmp_path / "runs")
    features = {"structural": "constant", "semantic": "none", "degrees": False}
    config = small("first", model={"factor": 2}, features=features, folds={"run": [0]})
    (run,) = runner.run([config])
    assert run.predictions(0, kg.num_nodes).tolist() == [2.0] * kg.num_nodes


def test_a_function_sees_no_label_that_it_is_tested_on(tmp_path: Path) -> None:
    found: list[Any] = []

    def looks(given: Any) -> Any:
        found.append(given)
        return np.zeros(given.kg.num_nodes)

    nie.register_method("looks", looks)
    kg = synthetic(0)
    signals = {"views": kg.labels, "other": np.arange(kg.num_nodes, dtype=float)}
    kg = replace(kg, signals=signals, meta={**kg.meta, "label": "views"})
    save(kg, tmp_path / "data" / kg.name / "processed")
    Runner(data_root=tmp_path / "data", run_root=tmp_path / "runs").run([small("looks", folds={"run": [0]})])
    (given,) = found
    told = np.zeros(kg.num_nodes, dtype=bool)
    told[np.concatenate([given.fold.train, given.fold.val])] = True
    assert kg.label_mask[given.fold.test].all()
    for values in (given.targets, given.kg.targets, given.kg.labels, given.kg.signals["views"]):
        assert (np.isfinite(values) == told).all()
    assert (given.kg.label_mask == told).all()
    assert np.array_equal(given.kg.labels[told], kg.labels[told])
    assert np.array_equal(given.kg.signals["other"], kg.signals["other"])


def test_what_does_not_use_it_keeps_its_name() -> None:
    before = small("gcn", loss={"tier_weight": 0.0})
    nie.register_loss("hinge", hinge, "tiers")
    nie.register_metric("bias", bias, higher_is_better=False)
    assert small("gcn").digest() == before.digest()
    nie.register_loss("cubed", cubed)
    tiers_alone = {"importance_weight": 0.0, "tier_weight": 1.0}
    unused = small("gcn", loss={"importance": "cubed", **tiers_alone}, select="macro_f1")
    assert unused.plugins == {}
    assert list(small("gcn", loss={"tier_loss": "hinge", "tier_weight": 1.0}).plugins) == [__name__]


def test_registering_again_replaces() -> None:
    nie.register_metric("bias", bias, higher_is_better=False)
    nie.register_metric("bias", bias, higher_is_better=True, title="Bias")
    assert (METRICS["bias"].title, METRICS["bias"].higher_is_better) == ("Bias", True)


def in_file(folder: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], ModuleType]:
    """A module of that name, which each call loads anew."""
    monkeypatch.syspath_prepend(folder)
    (folder / f"{name}.py").write_text(text)

    def load() -> ModuleType:
        sys.modules.pop(name, None)
        module = ModuleType(name)
        module.__file__ = str(folder / f"{name}.py")
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile((folder / f"{name}.py").read_text(), module.__file__, "exec"), module.__dict__)
        return module

    return load


def test_changed_code_gives_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "import nie\nfrom own_helper import SHIFT\n"
        "nie.register_method('mine', lambda given: given.features[:, 0] + SHIFT)\n"
    )
    (tmp_path / "own_helper.py").write_text("SHIFT = 0.0\n")
    load = in_file(tmp_path, "own_method", text, monkeypatch)
    load()
    first = IMPORTANCE.recipes.resolve(overrides={**without_optim(), "method": "mine"})
    (tmp_path / "own_helper.py").write_text("SHIFT = 1.0\n")
    load()
    second = IMPORTANCE.recipes.resolve(overrides={**without_optim(), "method": "mine"})
    assert list(first.plugins) == list(second.plugins) == ["own_method"]
    assert first.digest() != second.digest()
    with pytest.raises(NieError, match="The plugin own_method has changed since the settings were written"):
        IMPORTANCE.recipes.resolve(overrides=first.model_dump(mode="json"))
    sys.modules.pop("own_helper")


def without_optim() -> dict[str, Any]:
    return {name: value for name, value in SMALL.items() if name != "optim"}


def test_a_changed_feature_is_computed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import nie, numpy\nnie.register_feature('level', lambda kg: numpy.full((kg.num_nodes, 1), {}))\n"
    kg = nie.synthetic(0)
    for level in (1.0, 2.0):
        in_file(tmp_path, "own_feature", text.format(level), monkeypatch)()
        assert nie.features(kg, "level", root=tmp_path).features[0, 0] == level


def test_a_name_of_nie_or_of_another_plugin_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NieError, match=r"There is a method rgtn already, nie's own; register yours by another name"):
        nie.register_method("rgtn", first_feature)
    in_file(tmp_path, "earlier", "import nie\nnie.register_method('mine', lambda given: 0)\n", monkeypatch)()
    with pytest.raises(NieError, match="There is a method mine already, of the plugin earlier"):
        nie.register_method("mine", first_feature)


class NoSizes(nn.Module):
    def __init__(self, hidden: int = 4) -> None:
        super().__init__()

    def forward(self, graph: Any, feats: Any, etype: Any) -> None: ...


class NoDefault(Plain):
    def __init__(self, *, channel_sizes: Any, num_relations: Any, depth: int) -> None:
        super().__init__(channel_sizes=channel_sizes, num_relations=num_relations)


class ShortForward(Plain):
    def forward(self, graph: Any) -> None: ...  # type: ignore[override]


class WrongDefault(Plain):
    def __init__(self, *, channel_sizes: Any, num_relations: Any, depth: int = "two") -> None:  # type: ignore[assignment]
        super().__init__(channel_sizes=channel_sizes, num_relations=num_relations)


def of_lists(given: Any, *, sizes: list[int] | None = None) -> Any: ...


def of_tuples(given: Any, *, sizes=(4, 5)) -> Any:  # type: ignore[no-untyped-def]
    return np.full(given.kg.num_nodes, sum(sizes))


def test_a_setting_of_several_values_is_a_tuple_of_the_kind_of_its_default() -> None:
    nie.register_method("own", of_tuples)
    overrides = {**without_optim(), "method": "own"}
    config = IMPORTANCE.recipes.resolve(overrides=overrides, flags=["--model.sizes", "7,8"])
    assert config.model_dump()["model"]["sizes"] == (7, 8)


@pytest.mark.parametrize(
    ("register", "said"),
    [
        (lambda: nie.register_method("a b", Plain), "The name of a method must begin with a letter"),
        (lambda: nie.register_method("m", 3), "must be a class of torch.nn.Module or a function of FoldData; got 3"),
        (lambda: nie.register_method("m", dict), "must be a class of torch.nn.Module or a function"),
        (lambda: nie.register_method("m", NoSizes), "NoSizes must take channel_sizes and num_relations by keyword"),
        (lambda: nie.register_method("m", NoDefault), "The argument depth of NoDefault must have a default"),
        (lambda: nie.register_method("m", WrongDefault), "setting depth of WrongDefault has no default that fits"),
        (lambda: nie.register_method("m", ShortForward), "must be called with graph, feats and etype; .* takes graph"),
        (lambda: nie.register_method("m", lambda: 0), "must take a FoldData"),
        (
            lambda: nie.register_method("m", of_lists),
            "sizes of of_lists is a list, which no setting is; make it a tuple",
        ),
        (lambda: nie.register_method("m", lambda given, sizes=[1]: 0), "is a list, which no setting is"),
        (lambda: nie.register_method("m", Plain, dict), "settings of Plain must be a class of .*ModelConfig; got"),
        (
            lambda: nie.register_loss("l", cubed, "ranks"),
            "kind must be one of importance, tiers, alignment; got 'ranks'",
        ),
        (lambda: nie.register_loss("l", len), "must be a function that can be called with 2 arguments"),
        (lambda: nie.register_loss("l", cubed, balanced=True), "balanced and ordinal are for losses of tiers"),
        (lambda: nie.register_loss("l", cubed, needs_links=True), "needs_links is for alignments"),
        (lambda: nie.register_metric("m", bias, "up"), "higher_is_better must be True or False; got 'up'"),
        (lambda: nie.register_metric("rmse", bias, False), "There is a metric rmse already, nie's own"),
        (lambda: nie.register_feature("none", constant), "has a meaning of its own in settings"),
        (lambda: nie.register_feature("f", constant, "labels"), "reads must be 'structure' or 'text'; got 'labels'"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_registered(register: Callable[[], None], said: str) -> None:
    with pytest.raises(NieError, match=said):
        register()


def test_what_a_network_lacks_is_refused_before_training() -> None:
    nie.register_method("plain", Plain)
    with pytest.raises(NieError, match="needs a head for tiers, and the network Plain takes no tier_outputs"):
        small("plain", loss={"tier_weight": 1.0})
    with pytest.raises(NieError, match=r"batch\.size needs a forward that takes degrees, and that of Plain does not"):
        small("plain", batch={"size": 8})


def test_wrong_results_are_one_sentence(tmp_path: Path) -> None:
    kg = store_synthetic(tmp_path)
    nie.register_method("short", lambda given: np.zeros(3))
    nie.register_feature("flat", lambda kg: np.zeros(kg.num_nodes))
    runner = Runner(data_root=tmp_path, run_root=tmp_path / "runs")
    with pytest.raises(NieError, match=r"must give a finite score for each of the 300 nodes; got .* \(3,\)"):
        runner.run([small("short", folds={"run": [0]})])
    with pytest.raises(NieError, match=r"The feature flat must be a finite array \(300, d\)"):
        nie.features(kg, "flat", root=tmp_path)


class Broken(Plain):
    def forward(self, graph: Any, feats: Any, etype: Any) -> torch.Tensor:
        return super().forward(graph, feats, etype)[: len("x" + 1)]  # type: ignore[operator]


def broken(*_given: Any, **_further: Any) -> Any:
    raise KeyError("lost")


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("function", {"method": "own"}),
        ("network", {"method": "own"}),
        ("metric", {"method": "mlp"}),
        ("loss", {"method": "mlp", "loss": {"importance": "own"}}),
        ("feature", {"method": "mlp", "features": {"structural": "own", "semantic": "none"}}),
    ],
)
def test_errors_of_what_is_registered_are_told_as_its_own(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    """With the place where it failed; of a metric before anything is trained."""
    if kind == "network":
        nie.register_method("own", Broken)
    elif kind == "metric":
        nie.register_metric("own", broken, higher_is_better=True)
    else:
        {"function": nie.register_method, "loss": nie.register_loss, "feature": nie.register_feature}[kind](
            "own", broken
        )
    store_synthetic(tmp_path)
    name = {"function": "broken", "network": "Broken"}.get(kind, "own")
    config = small(settings.pop("method"), folds={"run": [0]}, **settings)
    said = rf"The {kind} {name} failed \(test_registration.py, line \d+\): (KeyError: 'lost'|TypeError: can only .*)\.$"
    with pytest.raises(NieError, match=said):
        estimate(config, data_root=tmp_path, run_root=tmp_path / "runs")
    if kind == "metric":
        assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("part", ["score", "prediction", "unseen", "deviation", "probability"])
def test_every_array_of_a_fit_is_checked(part: str, tmp_path: Path) -> None:
    wrong = np.full((300, 4) if part == "probability" else 300, np.nan)
    nie.register_method(
        "wrong", lambda given: replace(Fitted(given.features[:, 0], given.features[:, 0]), **{part: wrong})
    )
    store_synthetic(tmp_path)
    with pytest.raises(NieError, match=f"must give a finite {part}.* for each of the 300 nodes"):
        estimate(small("wrong", folds={"run": [0]}), data_root=tmp_path, run_root=tmp_path / "runs")


def test_settings_may_be_a_class() -> None:
    class Own(ModelConfig):
        hidden: int = 7

    nie.register_method("plain", Plain, Own)
    assert small("plain").model.hidden == 7
    with pytest.raises(NieError, match="hidden"):
        small("plain", model={"hidden": "x"})
