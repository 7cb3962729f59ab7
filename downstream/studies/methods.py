"""Studies that compare methods."""

from __future__ import annotations

from collections.abc import Sequence

from downstream.methods.importance_settings import FeatureConfig
from downstream.methods.table import is_honest
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Study, against_first

MAIN_METHODS = (
    "pagerank", "ppr", "ppr-published", "linear", "ridge", "forest", "boosting", "mlp", "gcn", "graphsage", "gat",
    "sgc", "rgcn", "geni", "rgtn",
)  # fmt: skip
"""The rows of the published tables: a new method makes none of them unfinished."""

PLUGIN_METHODS = ("linear", "mlp", "gcn", "graphsage", "rgcn", "geni", "rgtn")


def _with_and_without(settings: Settings, methods: Sequence[str]) -> list[Arm]:
    arms, licap = [], settings.licap()
    for method in methods:
        config = settings.method(method)
        arms.append(Arm(method, config))
        if isinstance(config, FeatureConfig):
            arms.append(Arm(f"{method}+licap", config, licap))
    return arms


def _licap_against_raw(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, name.removesuffix("+licap")) for name in names if name.endswith("+licap")]


def _main_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    raw = [name for name in names if not name.endswith("+licap") and name != "rgtn" and is_honest(name)]
    return [*_licap_against_raw(names), *(("rgtn", name) for name in raw)]


def _relation_mode(settings: Settings) -> list[Arm]:
    return [Arm(mode, settings.method("rgtn", model={"mode": mode})) for mode in ("mul", "add", "dot", "gate")]


METHOD_STUDIES = {
    "main": Study(
        "How good is every method, and does LICAP pretraining help it?",
        lambda settings: _with_and_without(settings, MAIN_METHODS),
        _main_pairs,
    ),
    "plugin": Study(
        "Does LICAP help in front of every method?",
        lambda settings: _with_and_without(settings, PLUGIN_METHODS),
        _licap_against_raw,
    ),
    "relation-mode": Study("How should the relation enter the attention of RGTN?", _relation_mode, against_first),
}
