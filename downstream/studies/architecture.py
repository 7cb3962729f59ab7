"""The studies of what a network is built like: how deep it is, and which nodes it attends to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from downstream.studies.pretrainings import pretrained_arm
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair, Study, against
from nie.later import later

DEPTHS = (1, 2, 3, 4, 6, 8)
WITHOUT_RESIDUAL = (2, 4, 8)
JUMPING = (4, 8)
PREGAT_DEPTHS = (1, 2, 4, 8)
PREGAT_JUMPING = (4, 8)
PUBLISHED = 3
LOCAL = "local"


def deep(layers: int, further: str = "", model: str = "rgtn") -> str:
    """Name of an arm.

    >>> deep(2), deep(4, "jumping max"), deep(1, model="pregat")
    ('rgtn, 2 layers', 'rgtn, 4 layers, jumping max', 'pregat, 1 layer')
    """
    return ", ".join([model, f"{layers} layer{'s' * (layers > 1)}", *([further] if further else [])])


def _depth(settings: Settings) -> list[Arm]:
    def rgtn(layers: int, further: str = "", **model: Any) -> Arm:
        return Arm(deep(layers, further), settings.method("rgtn", model={"num_layers": layers, **model}))

    def pregat(layers: int, further: str = "", **model: Any) -> Arm:
        graphsage = Arm("graphsage", settings.method("graphsage"))
        made = pretrained_arm(graphsage, "regression", settings, model={"num_layers": layers, **model})
        return Arm(deep(layers, further, "pregat"), made.config, made.licap)

    return [
        *(rgtn(layers) for layers in DEPTHS),
        *(rgtn(layers, "no residual", residual=False) for layers in WITHOUT_RESIDUAL),
        *(rgtn(layers, f"jumping {kind}", jumping=kind) for layers in JUMPING for kind in ("max", "concat")),
        *(pregat(layers) for layers in PREGAT_DEPTHS),
        *(pregat(layers, "norm, jumping max", norm=True, jumping="max") for layers in PREGAT_JUMPING),
    ]


def _depth_pairs(arms: Sequence[Arm]) -> list[Pair]:
    """Every depth against the published one, and every way of being deep against the plain one of that depth."""
    published = {"rgtn": deep(PUBLISHED), "pregat": deep(2, model="pregat")}
    names = {arm.name for arm in arms}
    pairs = []
    for arm in arms:
        model, layers, *further = arm.name.split(", ")
        plain = f"{model}, {layers}"
        others = [plain] if further else [published[model]]
        pairs += [(arm.name, other) for other in others if other in names and other != arm.name]
    return pairs


def _attention(settings: Settings) -> list[Arm]:
    heads = settings.method("rgtn").model_dump()["model"]["num_heads"]

    def rgtn(attention: str, **model: Any) -> Any:
        # Attention over all nodes reads the whole graph, so all rows do.
        return settings.method("rgtn", model={"attention": attention, **model}, batch={"size": None})

    return [
        Arm(LOCAL, settings.method("rgtn")),
        Arm("both", rgtn("both")),
        Arm("global", rgtn("global")),
        # the control of "both": as many parameters again, without a look at all nodes
        Arm("local, twice as many heads", settings.method("rgtn", model={"num_heads": 2 * heads})),
    ]


GENI_VARIANTS: dict[str, dict[str, Any]] = {
    "one embedding for all predicates": {"shared_relations": True},
    "fixed centrality": {"fixed_scale": True},
    "no centrality": {"centrality_scale": False},
}
GENI_SIZES = {"num_layers": (1, 2, 3), "num_heads": (1, 4), "rel_size": (5, 10, 20), "score_layers": (1, 2, 3)}


def _geni(settings: Settings) -> list[Arm]:
    """GENI as the recipe has it, and with one setting changed."""
    plain = settings.method("geni")
    sizes = [(name, value) for name, values in GENI_SIZES.items() for value in values]
    recipe = plain.model_dump()["model"]
    changed = {f"{name} {value}": {name: value} for name, value in sizes if recipe[name] != value}
    variants = {**GENI_VARIANTS, **changed}
    return [Arm("geni", plain), *(Arm(name, settings.method("geni", model=model)) for name, model in variants.items())]


ARCHITECTURE = (
    Study(
        "geni",
        "What is each part of GENI worth: predicates, flexible centrality, layers, heads?",
        _geni,
        against("geni"),
    ),
    Study(
        "depth",
        "How many layers do RGTN and PreGAT need, and what keeps a deep one from smoothing nodes away?",
        _depth,
        _depth_pairs,
        also=later("downstream.studies.smoothing:smoothing_report"),
        note="Rows of pregat are GraphSAGE behind an encoder that was pretrained by regression.",
    ),
    Study(
        "global",
        "Should the graph transformer attend to neighbours, to all nodes, or to both?",
        _attention,
        against(LOCAL),
    ),
)
