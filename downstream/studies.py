"""The studies of the papers, each as a list of arms that differ in one thing, on the same folds, seeds and features.

Arms that several studies share are the same runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from downstream import figures
from downstream.arms import Arm, Study
from downstream.channel_studies import CHANNEL_STUDIES
from downstream.jobs import Runner
from downstream.links.studies import LINK_STUDIES
from downstream.page import Table
from downstream.relation_study import RELATION_STUDY
from downstream.results import COLUMNS, Results
from downstream.settings import Settings
from nie.config import FeaturesConfig, ImportanceConfig
from nie.errors import NieError, nearest
from nie.method_config import METHOD_CONFIGS, SEES_TEST_LABELS, FeatureMethod
from nie.recipes import own_recipe, read_recipe
from nie.runs import Run

GAMMAS = (0.01, 0.05, 0.1, 0.2)  # the values of the paper
ETA2S = (0.5, 1.0, 10.0, 50.0)
PLUGIN_METHODS = ("linear", "mlp", "gcn", "graphsage", "rgcn", "geni", "rgtn")


def _with_and_without(settings: Settings, methods: Sequence[str]) -> list[Arm]:
    arms, licap = [], settings.licap()
    for method in methods:
        config = settings.method(method)
        arms.append(Arm(method, config))
        if isinstance(config, FeatureMethod):
            arms.append(Arm(f"{method}+licap", config, licap))
    return arms


def _licap_against_raw(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, name.removesuffix("+licap")) for name in names if name.endswith("+licap")]


def _main_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    raw = [name for name in names if not name.endswith("+licap") and name not in ("rgtn", *SEES_TEST_LABELS)]
    return [*_licap_against_raw(names), *(("rgtn", name) for name in raw)]


def _against_first(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, names[0]) for name in names[1:]]


def _losses(settings: Settings) -> list[Arm]:
    rgtn = settings.method("rgtn")
    variants = {
        "L1": {"eta2": 0.0},
        "L2": {"eta1": 0.0},
        "L1 + L2": {},
        "random sampling": {"sampling": "random"},
    }
    return [Arm("none", rgtn), *(Arm(name, rgtn, settings.licap(loss=loss)) for name, loss in variants.items())]


def _encoder(settings: Settings) -> list[Arm]:
    rgtn = settings.method("rgtn")
    return [
        Arm("none", rgtn),
        Arm("GAT", rgtn, settings.licap(model={"use_relations": False})),
        Arm("PreGAT", rgtn, settings.licap()),
    ]


def _channels(settings: Settings) -> list[Arm]:
    licap = settings.licap()
    replaced = {"structural": ["structural"], "semantic": ["semantic"], "both": None}
    return [
        Arm("none", settings.method("rgtn")),
        *(Arm(name, settings.method("rgtn", replaced=channels), licap) for name, channels in replaced.items()),
    ]


def _grid(settings: Settings) -> list[Arm]:
    rgtn = settings.method("rgtn")
    tried = itertools.product(GAMMAS, ETA2S)
    return [
        Arm("none", rgtn),
        *(Arm(grid_name(g, eta2), rgtn, settings.licap(loss={"gamma": g, "eta2": eta2})) for g, eta2 in tried),
    ]


def grid_name(gamma: float, eta2: float) -> str:
    """Name of an arm of the grid.

    >>> grid_name(0.1, 50.0)
    'gamma=0.1 eta2=50'
    """
    return f"gamma={gamma:g} eta2={eta2:g}"


def _heat_maps(_arms: Sequence[Arm], runs: Mapping[str, Run], _runner: Runner) -> tuple[list[Table], dict[str, Any]]:
    results, drawn = Results.of(runs), {}
    for metric in figures.DRAWN:
        means = {
            place: results.summary(grid_name(*place), metric)["mean"]
            for place in itertools.product(GAMMAS, ETA2S)
            if grid_name(*place) in results.rows
        }
        defined = {place: float(mean) for place, mean in means.items() if mean is not None}
        if defined:
            drawn[f"grid {metric}"] = figures.heat_map(defined, "gamma", "eta2", metric)
    return [], drawn


def _best(settings: Settings) -> list[Arm]:
    """From the fast recipe to the best one, a setting at a time, then blended with the recipe's other methods."""
    if settings.profile != "fast":
        raise NieError("The study best leads from the fast recipe to the best one; leave --profile out.")
    name = own_recipe(ImportanceConfig, settings.dataset, "best")
    if name == "best":
        raise NieError(f"The study best needs a recipe {settings.dataset}-best.yaml in downstream/recipes.")
    best = Settings(settings.dataset, "best", settings.flags, settings.epochs)
    methods = ["rgtn", *(method for method in read_recipe(ImportanceConfig, name)["methods"] if method != "blend")]
    ladders = [_ladder(method, settings.method(method), best.method(method)) for method in methods]
    blend = best.method("blend", parts=methods)  # paths of the parts are known when they run
    return [*itertools.chain(*ladders), Arm("blend", blend, parts=tuple(ladder[-1] for ladder in ladders))]


def _ladder(method: str, config: ImportanceConfig, goal: ImportanceConfig) -> list[Arm]:
    """From the fast settings of a method to its best ones; the average of several networks, the dearest, comes last."""
    arms = [Arm(f"{method} fast", config)]
    others = sorted(set(type(goal).model_fields) - {"features", "members"})
    steps: list[tuple[str, dict[str, Any]]] = [
        *((name, {"features": step}) for name, step in _feature_steps(config.features, goal.features)),
        *((name, {name: getattr(goal, name)}) for name in [*others, "members"] if hasattr(goal, name)),
    ]
    for name, change in steps:
        before, config = config, config.model_copy(update=change)
        if config.digest() != before.digest():
            arms.append(Arm(f"{method} + {name}", config))
    arms[-1] = Arm(arms[-1].name, goal)
    return arms


def _feature_steps(features: FeaturesConfig, goal: FeaturesConfig) -> list[tuple[str, FeaturesConfig]]:
    """From some features to others, one name of those that are joined by + at a time.

    >>> have, want = FeaturesConfig(semantic="minilm"), FeaturesConfig(structural="node2vec+facts", semantic="minilm")
    >>> [(name, step.structural) for name, step in _feature_steps(have, want)]
    [('facts', 'node2vec+facts')]
    """
    steps = []
    for channel in ("structural", "semantic"):
        first, *others = getattr(goal, channel).split("+")
        have = [first] if getattr(features, channel) == "auto" else getattr(features, channel).split("+")
        for name in [first, *others]:
            if name not in have:
                have = [*have, name]
                features = features.model_copy(update={channel: "+".join(have)})
                steps.append((name, features))
    return steps if features == goal else [*steps, ("other features", goal)]


def _each_against_the_step_before(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each step against the one before, and the blend against the last step of each method.

    >>> _each_against_the_step_before(["gcn fast", "gcn + facts", "mlp fast", "blend"])
    [('gcn + facts', 'gcn fast'), ('blend', 'gcn + facts'), ('blend', 'mlp fast')]
    """
    steps = [name for name in names if name != "blend"]
    last = {name.split()[0]: name for name in steps}
    pairs = [(name, before) for before, name in itertools.pairwise(steps) if name.split()[0] == before.split()[0]]
    return pairs + [("blend", name) for name in last.values() if "blend" in names]


def _relation_mode(settings: Settings) -> list[Arm]:
    return [Arm(mode, settings.method("rgtn", model={"mode": mode})) for mode in ("mul", "add", "dot", "gate")]


MAPS = "tsne"
"""The study that draws maps and has no arms."""

STUDIES = {
    "main": Study(
        "How good is every method, and does LICAP pretraining help it?",
        lambda settings: _with_and_without(settings, [name for name in METHOD_CONFIGS if name != "blend"]),
        _main_pairs,
    ),
    "losses": Study("Which contrastive loss of LICAP helps RGTN?", _losses, _against_first),
    "encoder": Study("Does LICAP need an encoder that sees relations?", _encoder, _against_first),
    "channels": Study("Which channel should LICAP pretrain for RGTN?", _channels, _against_first),
    "grid": Study(
        "How do the share of top nodes (gamma) and the weight of the finer bins (eta2) matter to RGTN on LICAP?",
        _grid,
        _against_first,
        also=_heat_maps,
    ),
    "plugin": Study(
        "Does LICAP help in front of every method?",
        lambda settings: _with_and_without(settings, PLUGIN_METHODS),
        _licap_against_raw,
    ),
    "best": Study(
        "What is each step from the fast recipe to the best one worth?", _best, _each_against_the_step_before, COLUMNS
    ),
    **CHANNEL_STUDIES,
    "relations": RELATION_STUDY,
    **LINK_STUDIES,
    "relation-mode": Study("How should the relation enter the attention of RGTN?", _relation_mode, _against_first),
}


def find_study(name: str) -> Study:
    """The study of this name.

    Raises:
        NieError: there is none; the nearest is named.
    """
    if name not in STUDIES:
        names = [*STUDIES, MAPS]
        hint = nearest(name, names) or f" (there are {', '.join(names)})"
        raise NieError(f"There is no study {name!r}{hint}.")
    return STUDIES[name]
