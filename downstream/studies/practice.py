"""The studies of somebody with a graph of their own: what is worth its cost, and how many labels are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.table import METHODS
from downstream.metrics.registry import title
from downstream.reports import figures
from downstream.reports.page import Table
from downstream.reports.results import Results
from downstream.stages.runner import Runner
from downstream.studies.cost import seconds_by_row
from downstream.studies.methods import raw_arms
from downstream.studies.pretrainings import CONTROLS, pretrained_arm
from downstream.studies.settings import Settings
from downstream.studies.shares import SHARES_NOTE, by_share, curves_of_shares, folds_of_share, named
from downstream.studies.study import Arm, Pair, Study
from nie.inputs.channels import without_labels
from nie.runs.run import Run

TABLE_WITH_NEIGHBOURS = "boosting-neighbours"
TABLES_WITH_NEIGHBOURS = (TABLE_WITH_NEIGHBOURS, "kernel-ridge-neighbours")
"""What a network must beat to be worth its trouble."""
READING_NEIGHBOURS = ("mlp", "graphsage", "rgcn", "geni", "rgtn")
"""Networks that are also given columns of these tables: a table and a network are else not compared on one input."""
WITH_LABELS = "mlp, with neighbours and labels"
FAMILIES: dict[str, tuple[str, ...]] = {
    "trivial": ("degree", "in-degree", "pagerank"),
    "tables": ("ridge", "kernel-ridge", "boosting", "lightgbm"),
    "tables with neighbours": TABLES_WITH_NEIGHBOURS,
    "networks without edges": ("mlp",),
    "plain GNNs": ("gcn", "graphsage", "gat", "rgcn"),
    "tuned GNNs": ("tuned-gcn", "tuned-graphsage", "tuned-gat", "tuned-rgcn"),
    "made for importance": ("geni", "rgtn"),
}
BLENDED = ("ridge", "boosting", TABLE_WITH_NEIGHBOURS, "rgcn", "rgtn")
LICAP = "licap (structural)"

SHARES = (1, 2, 5, 10, 20, 40, 70)
NETWORKS = ("rgcn", "rgtn")
SHARE_METHODS = {
    **dict.fromkeys(("ridge", *TABLES_WITH_NEIGHBOURS), ()),
    **dict.fromkeys(NETWORKS, (*CONTROLS, LICAP)),
}
STUDENT = "rgcn"
"""What is also taught by others, at all nodes."""
TEACHERS = (TABLE_WITH_NEIGHBOURS, *NETWORKS)
VARIANCE, PSEUDO_LABELS, TAUGHT = "with a variance head", "pseudo-labels", "taught by all"


def _families(settings: Settings) -> list[Arm]:
    arms = raw_arms(settings, [method for family in FAMILIES.values() for method in family])
    by_name = {arm.name: arm for arm in arms}
    pretrained = [pretrained_arm(by_name["rgtn"], way, settings) for way in ("untrained", LICAP)]
    parts = tuple(by_name[name] for name in BLENDED)
    blend = settings.method("blend", parts=BLENDED, skip_unfinished=True)
    return [*arms, *pretrained, *_reading_neighbours(settings), Arm("blend", blend, parts=parts)]


def _reading_neighbours(settings: Settings) -> list[Arm]:
    """Networks that read the columns of a table with neighbours, but fed as their own recipes say.

    The labels around a node are given to the MLP alone: a network that passes messages would learn a node's own label
    by way of its neighbours.
    """
    read = settings.method(TABLE_WITH_NEIGHBOURS).features
    channels = {"structural": read.structural, "semantic": read.semantic, **read.more}
    unlabelled = {channel: "+".join(without_labels(names)) for channel, names in channels.items()}

    def arm(row: str, network: ImportanceConfig, names: dict[str, str]) -> Arm:
        more = {channel: names[channel] for channel in read.more}
        columns = {"structural": names["structural"], "semantic": names["semantic"], "more": more}
        features = network.features.model_copy(update=columns)
        return Arm(row, network.model_copy(update={"features": features}))

    arms = [arm(with_neighbours(name), settings.method(name), unlabelled) for name in READING_NEIGHBOURS]
    return [*arms, arm(WITH_LABELS, settings.method("mlp"), channels)]


def with_neighbours(network: str) -> str:
    """The row of a network that also reads its neighbours' features, and its centrality, as columns.

    >>> with_neighbours("rgcn")
    'rgcn, with neighbours'
    """
    return f"{network}, with neighbours"


def _against_neighbours(arms: Sequence[Arm]) -> list[Pair]:
    """Everything that needs a network, and the blend, against tables with neighbours; LICAP against its control.

    A network that is given columns of these tables stands against itself without them, too, and if it looks at edges,
    against the MLP that is given the same: what do edges add to what was made into columns?
    """
    of_networks = [name for family in FAMILIES.values() for name in family if METHODS[name].is_network]
    networks = [arm.name for arm in arms if arm.name.partition("+")[0] in of_networks]
    reading = [with_neighbours(name) for name in READING_NEIGHBOURS]
    mlp = with_neighbours("mlp")
    pairs = [(name, table) for table in TABLES_WITH_NEIGHBOURS for name in (*networks, *reading, WITH_LABELS, "blend")]
    pairs += zip(reading, READING_NEIGHBOURS, strict=True)
    pairs += [(row, mlp) for row in (*reading, WITH_LABELS) if row != mlp]
    return [*pairs, (f"rgtn+{LICAP}", "rgtn+untrained")]


def _accuracy_and_cost(
    _arms: Sequence[Arm], runs: Mapping[str, Run], _runner: Runner
) -> tuple[list[Table], dict[str, Any]]:
    results, seconds = Results.of(runs), seconds_by_row(runs)
    drawn = {}
    for metric in figures.DRAWN:
        means = {name: results.summary(name, metric)["mean"] for name in results.rows}
        points = {name: (seconds[name], float(mean)) for name, mean in means.items() if mean and seconds.get(name)}
        drawn[f"{title(metric)} against cost"] = figures.accuracy_against_cost(points, title(metric))
    return [], drawn


def _few_labels(settings: Settings) -> list[Arm]:
    arms = by_share(settings, SHARES, SHARE_METHODS)
    raw = {arm.name: arm for arm in arms}
    for percent in SHARES:
        arms += _semi_supervised(settings, raw, percent)
    return arms


def _semi_supervised(settings: Settings, raw: Mapping[str, Arm], percent: int) -> list[Arm]:
    """The student with a variance head; taught by that, as far as it is sure; taught by all; the blend of all."""
    alone, folds = raw[named(STUDENT, percent)], folds_of_share(percent)

    def arm(way: str, parts: tuple[Arm, ...] = (), **changes: Any) -> Arm:
        teachers = {"teachers": tuple(part.name for part in parts)} if parts else {}
        config = settings.method(STUDENT, folds=folds, **teachers, **changes)
        return Arm(f"{alone.name}, {way}", config, parts=parts, needs=alone.needs)

    variance = arm(VARIANCE, loss={"value": "gaussian"})
    sure = arm(PSEUDO_LABELS, (variance,), loss={"teacher_certainty": True})
    teachers = tuple(raw[named(name, percent)] for name in TEACHERS)
    blend = settings.method("blend", folds=folds, parts=TEACHERS, skip_unfinished=True)
    blended = Arm(named("blend", percent), blend, parts=teachers, needs=alone.needs)
    return [variance, sure, arm(TAUGHT, teachers), blended]


def _few_labels_pairs(arms: Sequence[Arm]) -> list[Pair]:
    pairs = []
    for percent in SHARES:
        tables = [named(table, percent) for table in TABLES_WITH_NEIGHBOURS]
        for network in (named(method, percent) for method in NETWORKS):
            licap, untrained, regression = (f"{network}+{way}" for way in (LICAP, "untrained", "regression"))
            pairs += [(network, table) for table in tables]
            pairs += [(licap, other) for other in (*tables, network, untrained, regression)]
            pairs += [(regression, other) for other in (*tables, network, untrained)]
        alone, blend = named(STUDENT, percent), named("blend", percent)
        variance, sure, taught = (f"{alone}, {way}" for way in (VARIANCE, PSEUDO_LABELS, TAUGHT))
        pairs += [(way, alone) for way in (variance, sure, taught)]
        pairs += [(sure, variance), *((taught, other) for other in (f"{alone}+regression", *tables, blend))]
    return pairs


PRACTICE = (
    Study(
        "practitioner",
        "What is each family of methods worth, at what cost, and what does a network add to tables with neighbours?",
        _families,
        _against_neighbours,
        also=_accuracy_and_cost,
    ),
    Study(
        "few-labels",
        "What do a graph, a network and pretraining by labels add where few labels are known?",
        _few_labels,
        _few_labels_pairs,
        seeds=(0, 1, 2),
        drawn=curves_of_shares,
        note=f"{SHARES_NOTE} The regime of EASING, not its splits.",
    ),
)
