"""Studies that compare methods."""

from __future__ import annotations

from collections.abc import Sequence

from downstream.methods.table import METHODS
from downstream.studies.pretrainings import BY_CHANNEL, CONTROLS, against_raw_and_controls, with_pretrainings
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair, Study, against_first
from nie.vocabulary import RelationMode

MAIN_METHODS = (
    "pagerank", "ppr", "ppr-published", "linear", "ridge", "forest", "boosting", "mlp", "gcn", "graphsage", "gat",
    "sgc", "rgcn", "geni", "rgtn",
)  # fmt: skip
MODES: tuple[RelationMode, ...] = ("mul", "add", "dot", "gate")
PLUGIN_METHODS = ("linear", "mlp", "gcn", "graphsage", "rgcn", "geni", "rgtn")


def raw_arms(settings: Settings, methods: Sequence[str]) -> list[Arm]:
    """A row for each method, on raw features."""
    return [Arm(method, settings.method(method)) for method in methods]


def _main_pairs(arms: Sequence[Arm]) -> list[Pair]:
    others = [method for method in MAIN_METHODS if method != "rgtn" and not METHODS[method].sees_test_labels]
    return [*against_raw_and_controls(arms), *(("rgtn", method) for method in others)]


def _relation_mode(settings: Settings) -> list[Arm]:
    return [Arm(mode, settings.method("rgtn", model={"mode": mode})) for mode in MODES]


WALKS = ("degree", "in-degree", "pagerank", "ppr", "har")


def _walk_pairs(arms: Sequence[Arm]) -> list[Pair]:
    """HAR against the walk that restarts where it does and sees no relations, and every walk against the degree."""
    return [("har", "ppr"), ("ppr", "pagerank"), *((name, "degree") for name in ("pagerank", "ppr", "har"))]


METHOD_STUDIES = (
    Study(
        "main",
        "How good is every method, and does LICAP pretraining help it?",
        lambda settings: with_pretrainings(settings, raw_arms(settings, MAIN_METHODS), (*CONTROLS, *BY_CHANNEL)),
        _main_pairs,
    ),
    Study(
        "plugin",
        "Does LICAP help in front of every method?",
        lambda settings: with_pretrainings(settings, raw_arms(settings, PLUGIN_METHODS), (*CONTROLS, *BY_CHANNEL)),
        against_raw_and_controls,
    ),
    Study(
        "walks",
        "What does a random walk know without features, and do relations help it?",
        lambda settings: raw_arms(settings, WALKS),
        _walk_pairs,
        tested=("spearman", "ndcg@100"),
    ),
    Study("relation-mode", "How should the relation enter the attention of RGTN?", _relation_mode, against_first),
)
