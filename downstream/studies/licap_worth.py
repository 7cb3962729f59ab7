"""The studies that ask whether LICAP helps: over methods and seeds, by share of labels, by strength of the method."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from downstream.metrics.registry import title
from downstream.reports import figures
from downstream.reports.results import Results
from downstream.stages.importance import IMPORTANCE
from downstream.studies.methods import raw_arms
from downstream.studies.pretrainings import CONTROLS, against_raw_and_controls, with_pretrainings
from downstream.studies.settings import Settings
from downstream.studies.shares import SHARES_NOTE, by_share, curves_of_shares
from downstream.studies.study import Arm, Pair, Study

METHODS = ("mlp", "graphsage", "rgcn", "geni", "rgtn")
SEEDS = (0, 1, 2)
LICAP = "licap (structural)"
WAYS = (
    *CONTROLS, LICAP, "licap 1-beta", "licap by contrast", "licap as published", "licap beside", "untrained beside",
    "licap (both)",
)  # fmt: skip
FORM_METHODS = ("graphsage", "rgcn", "rgtn")
FORMS = (
    *CONTROLS, LICAP, "licap, equal bins", "licap 1-beta", "rank-n-contrast", "y-aware", "licap cross-fitted",
    "licap fine-tuned", "licap and regression", "regression cross-fitted",
)  # fmt: skip
JOINT_WEIGHT = 0.1

DEEPER = (3, 4)
DEEP_WAYS = (*CONTROLS, LICAP, "rank-n-contrast")

SHARES = (1, 2, 5, 10, 30, 70)
SHARE_METHODS = ("mlp", "graphsage", "rgtn")
SHARE_WAYS = (*CONTROLS, LICAP, "licap 1-beta")

STRENGTHS: dict[str, dict[str, Any]] = {
    "5 epochs": {"optim": {"max_epochs": 5, "patience": 5, "eval_every": 1}},
    "15 epochs": {"optim": {"max_epochs": 15, "patience": 15}},
    "40 epochs": {"optim": {"max_epochs": 40, "patience": 40}},
    "4 wide": {"model": {"num_heads": 4, "head_size": 1}},
    "all epochs": {},
}
"""RGTN from weak to strong: epochs of the fast recipe's one-cycle schedule, and a width of 4 as in LICAP's program."""
PUBLISHED = ("published-licap", "published-rgtn")


def _worth(settings: Settings) -> list[Arm]:
    return with_pretrainings(settings, raw_arms(settings, METHODS), WAYS)


def _forms(settings: Settings) -> list[Arm]:
    joint = {"contrast_weight": JOINT_WEIGHT}
    return [
        *with_pretrainings(settings, raw_arms(settings, FORM_METHODS), FORMS),
        *(Arm(f"{method}, joint", settings.method(method, loss=joint)) for method in FORM_METHODS),
    ]


def _form_pairs(arms: Sequence[Arm]) -> list[Pair]:
    joint = [(f"{method}, joint", method) for method in FORM_METHODS]
    return [*against_raw_and_controls(arms), *joint]


def _depths(settings: Settings) -> list[Arm]:
    """Every way behind the recipe's encoder, and behind deeper ones."""
    raw = raw_arms(settings, FORM_METHODS)
    arms = with_pretrainings(settings, raw, DEEP_WAYS)
    for layers in DEEPER:
        deep = with_pretrainings(settings, raw, DEEP_WAYS, model={"num_layers": layers})
        arms += [replace(arm, name=deeper(arm.name, layers)) for arm in deep if arm.licap is not None]
    return arms


def deeper(pretrained: str, layers: int) -> str:
    """Name of a row whose encoder has more layers than the recipe's.

    >>> deeper("rgtn+regression", 3)
    'rgtn+regression, 3 layers'
    """
    return f"{pretrained}, {layers} layers"


def _depth_pairs(arms: Sequence[Arm]) -> list[Pair]:
    """A deeper encoder against none, against the recipe's depth, and against the controls of its own depth."""
    names = {arm.name for arm in arms}
    pairs = against_raw_and_controls(arms)
    for method, way, layers in itertools.product(FORM_METHODS, DEEP_WAYS, DEEPER):
        before = DEEP_WAYS[: DEEP_WAYS.index(way)]  # controls come first, so that no pair is tested twice
        controls = (deeper(f"{method}+{control}", layers) for control in before if control in CONTROLS)
        shallow = f"{method}+{way}"
        own = deeper(shallow, layers)
        pairs += [(own, other) for other in (method, shallow, *controls) if {own, other} <= names]
    return pairs


def _by_share(settings: Settings) -> list[Arm]:
    return by_share(settings, SHARES, dict.fromkeys(SHARE_METHODS, SHARE_WAYS))


def _by_strength(settings: Settings) -> list[Arm]:
    arms = []
    for name, changes in STRENGTHS.items():
        raw = Arm(f"rgtn, {name}", settings.method("rgtn", **changes))
        arms += with_pretrainings(settings, [raw], ("untrained", LICAP))
    for profile in PUBLISHED:
        if IMPORTANCE.recipes.has(settings.dataset, profile):
            own = Settings(settings.dataset, profile, settings.flags, settings.epochs)
            arms += with_pretrainings(own, [Arm(f"rgtn, {profile}", own.method("rgtn"))], ("untrained", LICAP))
    return arms


def _gains(arms: Sequence[Arm], results: Results) -> dict[str, Any]:
    """What LICAP adds to RGTN, and what an untrained encoder adds, by how good RGTN is without."""
    drawn = {}
    for metric in figures.DRAWN:
        gains: dict[str, dict[float, float]] = {}
        for arm in arms:
            raw, _, way = arm.name.partition("+")
            pair = [results.summary(row, metric)["mean"] for row in (raw, arm.name) if row in results.rows]
            if way and len(pair) == 2 and None not in pair:
                before, after = (float(value or 0) for value in pair)
                gains.setdefault(way, {})[before] = after - before
        if gains:
            ordered = {way: dict(sorted(points.items())) for way, points in gains.items()}
            drawn[f"gain {metric}"] = figures.lines(
                ordered, f"{title(metric)} of RGTN on raw features", f"difference in {title(metric)}"
            )
    return drawn


LICAP_WORTH = (
    Study(
        "licap",
        "Does LICAP help, and is it the contrast that helps? Five methods, three seeds, with controls.",
        _worth,
        against_raw_and_controls,
        seeds=SEEDS,
    ),
    Study(
        "licap-forms",
        "Which form of pretraining by labels is best? Other bins, other contrasts, cross-fitted, fine-tuned, joint.",
        _forms,
        _form_pairs,
    ),
    Study(
        "licap-depth",
        "Is a deeper encoder of stage 1 worth more, and is it the depth alone?",
        _depths,
        _depth_pairs,
        seeds=SEEDS,
    ),
    Study(
        "licap-shares",
        "Does LICAP help where few labels are known?",
        _by_share,
        against_raw_and_controls,
        seeds=SEEDS,
        drawn=curves_of_shares,
        note=SHARES_NOTE,
    ),
    Study(
        "licap-strength",
        "Does LICAP help a strong RGTN, or only a weak one?",
        _by_strength,
        against_raw_and_controls,
        seeds=SEEDS,
        drawn=_gains,
    ),
)
