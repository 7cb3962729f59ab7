"""The study of groups: should a loss look at nodes by group, and is it the groups that help?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from downstream.methods.importance_settings import NetworkConfig
from downstream.metrics.importance import rmse
from downstream.reports.page import Table
from downstream.stages.runner import Runner
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair, Study
from nie.arrays import Bools, Ints
from nie.data.node_groups import node_groups
from nie.runs.run import Run
from nie.vocabulary import GroupingName

METHOD = "graphsage"
KINDS: tuple[GroupingName, ...] = ("predicates", "louvain", "k-core", "centrality")
USES: dict[str, dict[str, Any]] = {
    "inverse size": {"weight": "inverse_size"},
    "inverse error": {"weight": "inverse_error"},
    "local lists": {"local_list": True},
    "gate": {"heads": 4},
}
SHUFFLED = "shuffled"
NONE = "none"
SMALL = 0.25
NOTE = (
    "RMSE on the test nodes of the smallest groups that hold at most a quarter of all nodes, and of the other groups, "
    "mean over the finished folds that have some; beside it that of the network without groups on the same nodes."
)


def _arms(settings: Settings) -> list[Arm]:
    arms = [Arm(NONE, settings.method(METHOD))]
    whole: dict[str, Any] = {"batch": {"size": None}}  # a gate reads all nodes in every step
    for by in KINDS:
        for use, changes in USES.items():
            name = f"{by}, {use}"
            for end, shuffled in (("", False), (f", {SHUFFLED}", True)):
                groups = {"by": by, "shuffled": shuffled, **changes}
                further = whole if "heads" in changes else {}
                arms.append(Arm(name + end, settings.method(METHOD, loss={"groups": groups}, **further)))
    return arms


def _pairs(arms: Sequence[Arm]) -> list[Pair]:
    """Every use of groups against none, and against the same use of groups of the same sizes at random."""
    real = [arm.name for arm in arms if arm.name != NONE and not arm.name.endswith(SHUFFLED)]
    return [(name, other) for name in real for other in (NONE, f"{name}, {SHUFFLED}")]


def small_groups(groups: Ints) -> Bools:
    """(N,) whether a node is in one of the smallest groups, of which there are as many as hold a quarter at most.

    >>> small_groups(np.array([0, 0, 0, 0, 0, 0, 1, 2])).tolist()
    [False, False, False, False, False, False, True, True]
    """
    sizes = np.bincount(groups)
    order = np.argsort(sizes, kind="stable")
    few = order[np.cumsum(sizes[order]) <= SMALL * len(groups)]
    small: Bools = np.isin(groups, few)
    return small


def _by_size(arms: Sequence[Arm], runs: Mapping[str, Run], runner: Runner) -> tuple[list[Table], dict[str, Any]]:
    if NONE not in runs:
        return [], {}
    made: dict[tuple[str, int, int], Bools] = {}
    rows = []
    for arm in arms:
        if arm.name == NONE or arm.name.endswith(SHUFFLED) or arm.name not in runs:
            continue
        config = cast(NetworkConfig, arm.config)
        inputs, asked = runner.inputs(config), config.loss.groups
        assert asked.by is not None, "every row but the first has groups"
        key = (asked.by, asked.count, config.seed)
        if key not in made:
            made[key] = small_groups(node_groups(inputs.kg, asked.by, asked.count, seed=config.seed))
        folds = sorted(set(runs[arm.name].finished_folds()) & set(runs[NONE].finished_folds()))
        cells = []
        for small in (True, False):
            for name in (arm.name, NONE):
                errors = []
                for number in folds:
                    test = inputs.folds[number].test
                    nodes = test[made[key][test] == small]
                    if len(nodes):
                        predicted = runs[name].predictions(number, inputs.kg.num_nodes)
                        errors.append(rmse(inputs.kg.targets[nodes], predicted[nodes]))
                cells.append(f"{np.mean(errors):.4f}" if errors else "—")
        rows.append([arm.name, *cells])
    columns = ["row", "small groups", "none there", "other groups", "none there"]
    return ([Table("Small groups and others", columns, rows, NOTE)] if rows else []), {}


GROUPS = Study(
    "groups",
    "Should loss or heads look at nodes by group (predicates, communities, cores), and is it the groups that help?",
    _arms,
    _pairs,
    also=_by_size,
)
