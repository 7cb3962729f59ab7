"""Studies that compare methods."""

from __future__ import annotations

from collections.abc import Sequence

from downstream.methods.importance_settings import licap_label
from downstream.methods.table import METHODS
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair, Study, against_first
from nie.vocabulary import RelationMode

MAIN_METHODS = (
    "pagerank", "ppr", "ppr-published", "linear", "ridge", "forest", "boosting", "mlp", "gcn", "graphsage", "gat",
    "sgc", "rgcn", "geni", "rgtn",
)  # fmt: skip
MODES: tuple[RelationMode, ...] = ("mul", "add", "dot", "gate")
PLUGIN_METHODS = ("linear", "mlp", "gcn", "graphsage", "rgcn", "geni", "rgtn")


def _with_and_without(settings: Settings, methods: Sequence[str]) -> list[Arm]:
    arms, licap = [], settings.licap()
    for method in methods:
        config = settings.method(method)
        arms.append(Arm(method, config))
        if config.reads_features:
            arms.append(Arm(licap_label(method), config, licap))
    return arms


def _licap_against_raw(arms: Sequence[Arm]) -> list[Pair]:
    raw = {arm.config.digest(): arm.name for arm in arms if arm.licap is None}
    return [(arm.name, raw[arm.config.digest()]) for arm in arms if arm.licap is not None]


def _main_pairs(arms: Sequence[Arm]) -> list[Pair]:
    others = [method for method in MAIN_METHODS if method != "rgtn" and not METHODS[method].sees_test_labels]
    return [*_licap_against_raw(arms), *(("rgtn", method) for method in others)]


def _relation_mode(settings: Settings) -> list[Arm]:
    return [Arm(mode, settings.method("rgtn", model={"mode": mode})) for mode in MODES]


METHOD_STUDIES = (
    Study(
        "main",
        "How good is every method, and does LICAP pretraining help it?",
        lambda settings: _with_and_without(settings, MAIN_METHODS),
        _main_pairs,
    ),
    Study(
        "plugin",
        "Does LICAP help in front of every method?",
        lambda settings: _with_and_without(settings, PLUGIN_METHODS),
        _licap_against_raw,
    ),
    Study("relation-mode", "How should the relation enter the attention of RGTN?", _relation_mode, against_first),
)
