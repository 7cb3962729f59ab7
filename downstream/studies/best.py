"""The study of the steps from the fast recipe to the best one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.table import METHODS
from downstream.metrics.importance import COLUMNS
from downstream.stages.importance import IMPORTANCE
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair, Study
from nie.errors import NieError
from nie.settings.sections import CHANNELS, FeaturesConfig


def _best(settings: Settings) -> list[Arm]:
    """From the fast recipe to the best one, a setting at a time, then blended with the recipe's others."""
    if settings.profile != "fast":
        raise NieError("The study best leads from the fast recipe to the best one; leave --profile out.")
    name = IMPORTANCE.recipes.own(settings.dataset, "best")
    if name == "best":
        raise NieError(f"The study best needs a recipe {settings.dataset}-best.yaml in downstream/stages/recipes.")
    best = Settings(settings.dataset, "best", settings.flags, settings.epochs)
    named = IMPORTANCE.recipes.read(name).get("methods", {})
    methods = ["rgtn", *(method for method in named if not METHODS[method].made_of_runs)]
    ladders = [_ladder(method, settings.method(method), best.method(method)) for method in methods]
    if len(methods) == 1:
        return ladders[0]
    blend = best.method("blend", parts=methods, skip_unfinished=True)  # paths of the parts are known when they run
    return [*itertools.chain(*ladders), Arm("blend", blend, parts=tuple(ladder[-1] for ladder in ladders))]


def _ladder(method: str, config: ImportanceConfig, goal: ImportanceConfig) -> list[Arm]:
    """From the fast settings of a method to its best ones; the average of several networks, the dearest, comes last."""
    arms = [Arm(f"{method} fast", config)]
    fields = set(type(goal).model_fields)
    others = [*sorted(fields - {"features", "members"}), *(fields & {"members"})]
    steps: list[tuple[str, dict[str, Any]]] = [
        *((name, {"features": step}) for name, step in _feature_steps(config.features, goal.features)),
        *((name, {name: getattr(goal, name)}) for name in others),
    ]
    for name, change in steps:
        before, config = config, config.model_copy(update=change)
        if config.digest() != before.digest():
            arms.append(Arm(f"{method} + {name}", config))
    arms[-1] = Arm(arms[-1].name, goal)
    return arms


def _feature_steps(features: FeaturesConfig, goal: FeaturesConfig) -> list[tuple[str, FeaturesConfig]]:
    """From some features to others, one name of those that are joined by + at a time, in the place of what goes.

    >>> have, want = FeaturesConfig(semantic="minilm"), FeaturesConfig(structural="node2vec+facts", semantic="minilm")
    >>> [(name, step.structural) for name, step in _feature_steps(have, want)]
    [('facts', 'node2vec+facts')]
    >>> have, want = FeaturesConfig(semantic="minilm"), FeaturesConfig(semantic="mpnet+tfidf")
    >>> [(name, step.semantic) for name, step in _feature_steps(have, want)]
    [('mpnet', 'mpnet'), ('tfidf', 'mpnet+tfidf')]
    >>> have = FeaturesConfig(semantic="minilm+tfidf")
    >>> [(name, step.semantic) for name, step in _feature_steps(have, want)]
    [('mpnet', 'mpnet+tfidf')]
    """
    steps: list[tuple[str, FeaturesConfig]] = []
    for channel in CHANNELS:
        first, *others = getattr(goal, channel).split("+")
        have = [first] if getattr(features, channel) == "auto" else getattr(features, channel).split("+")
        for name in [first, *others]:
            if name not in have:
                have = [kept for kept in (first, *others) if kept in (*have, name)]
                features = features.model_copy(update={channel: "+".join(have)})
                told = f"{name} of {channel}" if any(name == before for before, _ in steps) else name
                steps.append((told, features))
    return steps if features == goal else [*steps, ("other features", goal)]


def _each_against_the_step_before(arms: Sequence[Arm]) -> list[Pair]:
    """Each step against the one before, and the blend against the last step of each method."""
    blends = [arm for arm in arms if arm.parts]
    last = [part.name for blend in blends for part in blend.parts]
    steps = [arm for arm in arms if arm not in blends]
    pairs = [(arm.name, before.name) for before, arm in itertools.pairwise(steps) if before.name not in last]
    return [*pairs, *((blend.name, name) for blend in blends for name in last)]


BEST = Study(
    "best",
    "What is each step from the fast recipe to the best one worth?",
    _best,
    _each_against_the_step_before,
    columns=COLUMNS,
)
