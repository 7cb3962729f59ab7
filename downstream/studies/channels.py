"""Studies of channels: what further ones are worth, and how they are best fused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from downstream.metrics.importance import COLUMNS
from downstream.metrics.registry import title
from downstream.reports.page import Table
from downstream.reports.results import Results
from downstream.stages.runner import Runner
from downstream.studies.needs import FACTS, SEMANTIC, Need
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair, Study, against
from nie.runs.run import Run
from nie.settings.sections import FusionName

SETS = {"S": ("S",), "T": ("T",), "N": ("N",), "S+T": ("S", "T"), "S+T+N": ("S", "T", "N")}
"""Sets of channels by name; the letters are structural, text (semantic) and numeric."""

FUSIONS: tuple[FusionName, ...] = (
    "concat", "sum", "softmax", "attention", "co_attention", "uncertainty", "inverse_variance", "gated_uncertainty",
    "proxy_attention", "cross_modal_transformer",
)  # fmt: skip
WITH_VARIANCES: tuple[FusionName, ...] = ("uncertainty", "inverse_variance", "gated_uncertainty")

NUMERIC = "facts"
CONTROLLED: FusionName = "attention"
"""The fusion that the controls are run with."""

CONTROLS = ("~shuffled", "~noise", "~flags")

MATCHED_SIZE = 384
"""Hidden size that gives an MLP on S+T+N of FB15K about as many parameters as the controlled fusion's model has."""

MATCHED, DEGREES = "S+T+N, mlp", "degrees only, mlp"
LITERAL = "S+T+N cross_modal_transformer, literal"
UNCERTAIN_WEIGHT = 0.01


def channel_features(channels: Sequence[str], control: str = "") -> dict[str, Any]:
    """The features of some channels; ``control`` takes the place of the numbers' meaning.

    >>> channel_features(["T", "N"], "~shuffled")["more"]
    {'numeric': 'facts~shuffled'}
    """
    features: dict[str, Any] = {} if "S" in channels else {"structural": "none"}
    if "T" not in channels:
        features["semantic"] = "none"
    return features | ({"more": {"numeric": NUMERIC + control}} if "N" in channels else {})


def channel_needs(channels: Sequence[str]) -> tuple[Need, ...]:
    """What a graph must have for a row of these channels.

    >>> [need.what for need in channel_needs(("S", "T"))]
    ['a semantic channel']
    """
    return tuple(need for channel, need in (("T", SEMANTIC), ("N", FACTS)) if channel in channels)


def _ladder(settings: Settings) -> list[Arm]:
    def fused(channels: Sequence[str], fusion: str, control: str = "", loss: Any = None, **more: Any) -> Any:
        encoders = {"encoders": {"numeric": "variational"}} if "N" in channels else {}
        model = {"fusion": fusion, "head": "vector", **encoders, **more}
        extra = {"loss": loss} if loss else {}
        return settings.method("rgtn", features=channel_features(channels, control), model=model, **extra)

    def arm(name: str, channels: Sequence[str], fusion: str, control: str = "", **more: Any) -> Arm:
        return Arm(name, fused(channels, fusion, control, **more), needs=channel_needs(channels))

    arms = [arm(name, channels, CONTROLLED) for name, channels in SETS.items() if len(channels) == 1]
    for name, channels in SETS.items():
        if len(channels) > 1:
            arms += [arm(f"{name} {fusion}", channels, fusion) for fusion in FUSIONS]
    whole = SETS["S+T+N"]
    arms += [arm(f"S+T+N{control} {CONTROLLED}", whole, CONTROLLED, control) for control in CONTROLS]
    arms.append(arm(LITERAL, whole, "cross_modal_transformer", fusion_settings={"literal": True}))
    divergence = {"variational_weight": UNCERTAIN_WEIGHT}
    arms += [
        arm(f"S+T+N {fusion}, with its loss", whole, fusion, loss=divergence, reconstruct=True)
        for fusion in WITH_VARIANCES
    ]
    degrees = {"structural": "degrees", "semantic": "none", "degrees": False}
    matched = {"hidden_size": MATCHED_SIZE}
    perceptron = settings.method("mlp", features=channel_features(whole), model=matched)
    return [
        *arms,
        Arm("S+T, RGTN's own head", settings.method("rgtn"), needs=channel_needs(SETS["S+T"])),
        Arm(DEGREES, settings.method("mlp", features=degrees, model=matched)),
        Arm(MATCHED, perceptron, needs=channel_needs(whole)),
    ]


def _ladder_pairs(_arms: Sequence[Arm]) -> list[Pair]:
    """What the numbers add in each fusion and beyond what a control adds, and each fusion against the plainest."""
    real = f"S+T+N {CONTROLLED}"
    return [
        *((f"S+T+N {fusion}", f"S+T {fusion}") for fusion in FUSIONS),
        *((real, other) for other in (*(f"S+T+N{control} {CONTROLLED}" for control in CONTROLS), DEGREES, MATCHED)),
        (LITERAL, "S+T+N cross_modal_transformer"),
        *((f"S+T+N {fusion}, with its loss", f"S+T+N {fusion}") for fusion in WITH_VARIANCES),
        *((f"S+T+N {fusion}", "S+T+N concat") for fusion in FUSIONS if fusion != "concat"),
    ]


PROJECTION = 64
ALIGNMENTS: tuple[str, ...] = ("combined", "neighbourhood", "contrastive", "cosine_mse")
ALIGNMENT_WEIGHTS = (0.0, 0.01, 0.1, 1.0)
RETRIEVED = ("recall@1", "recall@10", "recall@50", "mrr", "mrr over chance", "median rank")
BY_CHANCE = tuple(name for name in RETRIEVED if name != "mrr over chance")


def _retrieval(settings: Settings) -> list[Arm]:
    def aligned(name: str, kind: str, weight: float = 0.1, control: str = "", encoder: str = "variational") -> Arm:
        text = settings.method("rgtn").features.semantic
        features = {"features": {"semantic": text + control}} if control else {}
        model = {"encoders": {"semantic": encoder}, "projection_size": PROJECTION}
        loss = {"alignment_weight": weight, "alignment": kind}
        return Arm(name, settings.method("rgtn", model=model, loss=loss, **features), needs=(SEMANTIC,))

    return [
        *(aligned(kind, kind) for kind in ALIGNMENTS),
        aligned("combined, weight 1", "combined", 1.0),
        aligned("combined, text through the graph", "combined", encoder="transformer"),
        aligned("combined, shuffled text", "combined", control="~shuffled"),
    ]


def _chance(_arms: Sequence[Arm], runs: Mapping[str, Run], _runner: Runner) -> tuple[list[Table], dict[str, Any]]:
    """What retrieval gives by chance on as many nodes."""
    results = Results.of(runs, tuple(f"chance {name}" for name in BY_CHANCE))
    row = next(iter(results.rows))
    means = [results.summary(row, metric)["mean"] for metric in results.metrics]
    cells = ["—" if mean is None else f"{mean:.4f}" for mean in means]
    note = "Of text to structure, among the test nodes of a fold, which the alignment has not seen."
    return [Table("Chance", list(map(title, BY_CHANCE)), [cells], note)], {}


def _interaction(settings: Settings) -> list[Arm]:
    arms = []
    for weight in ALIGNMENT_WEIGHTS:
        model = {"model": {"projection_size": PROJECTION}} if weight else {}
        config = settings.method("rgtn", loss={"alignment_weight": weight}, **model)
        needs = (SEMANTIC,) if weight else ()
        arms += [
            Arm(f"alignment {weight:g}", config, needs=needs),
            Arm(f"alignment {weight:g} + licap", config, settings.licap(), needs=needs),
        ]
    return arms


def _interaction_pairs(arms: Sequence[Arm]) -> list[Pair]:
    """Each weight against none, without and with LICAP, and LICAP against raw features at each weight."""
    names = {(arm.config.digest(), arm.licap is not None): arm.name for arm in arms}
    without = next(iter(names))[0]
    return [
        *((name, names[without, licap]) for (weight, licap), name in names.items() if weight != without),
        *((name, names[weight, False]) for (weight, licap), name in names.items() if licap),
    ]


CHANNEL_STUDIES = (
    Study(
        "channels-ladder",
        "What is each channel worth, and which fusion makes the most of them?",
        _ladder,
        _ladder_pairs,
    ),
    Study(
        "retrieval",
        "Does the text of an entity find its structure, and which alignment helps?",
        _retrieval,
        against("combined"),
        tested=("mrr", "spearman"),
        columns=(*RETRIEVED, "spread", "spearman"),
        also=_chance,
    ),
    Study(
        "interaction",
        "Do LICAP pretraining and the alignment of channels add up?",
        _interaction,
        _interaction_pairs,
        columns=(*COLUMNS, "cka"),
    ),
)
