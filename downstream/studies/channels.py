"""Studies of channels: what further ones are worth, and how they are best fused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from downstream.losses.table import ALIGNMENTS
from downstream.metrics.registry import RETRIEVAL_METRICS, title
from downstream.reports.page import Table
from downstream.reports.results import COLUMNS, Results
from downstream.stages.runner import Runner
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Study
from nie.runs.run import Run
from nie.vocabulary import FUSION_NAMES, NEEDS_LOGVAR

SETS = {"S": ("S",), "T": ("T",), "N": ("N",), "S+T": ("S", "T"), "S+T+N": ("S", "T", "N")}
"""Structural, text (semantic) and numeric."""

NUMERIC = "facts"
CONTROLLED = "attention"
"""The fusion that the controls are run with."""

MATCHED_SIZE = 384
"""Hidden size that gives an MLP on S+T+N of FB15K about as many parameters as the controlled fusion's model has."""

MATCHED, DEGREES = "S+T+N, mlp", "degrees only, mlp"
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


def _ladder(settings: Settings) -> list[Arm]:
    def fused(channels: Sequence[str], fusion: str, control: str = "", loss: Any = None, **more: Any) -> Any:
        encoders = {"encoders": {"numeric": "variational"}} if "N" in channels else {}
        model = {"fusion": fusion, "head": "vector", **encoders, **more}
        extra = {"loss": loss} if loss else {}
        return settings.method("rgtn", features=channel_features(channels, control), model=model, **extra)

    arms = [Arm(name, fused(channels, CONTROLLED)) for name, channels in SETS.items() if len(channels) == 1]
    for name, channels in SETS.items():
        if len(channels) > 1:
            arms += [Arm(f"{name} {fusion}", fused(channels, fusion)) for fusion in FUSION_NAMES]
    controls = ("~shuffled", "~noise", "~flags")
    arms += [Arm(f"S+T+N{control} {CONTROLLED}", fused(SETS["S+T+N"], CONTROLLED, control)) for control in controls]
    whole = SETS["S+T+N"]
    literal = fused(whole, "cross_modal_transformer", fusion_settings={"literal": True})
    arms.append(Arm("S+T+N cross_modal_transformer, literal", literal))
    divergence = {"variational_weight": UNCERTAIN_WEIGHT}
    arms += [
        Arm(f"S+T+N {fusion}, with its loss", fused(whole, fusion, loss=divergence, reconstruct=True))
        for fusion in NEEDS_LOGVAR
    ]
    degrees = {"structural": "degrees", "semantic": "none", "degrees": False}
    matched = {"hidden_size": MATCHED_SIZE}
    return [
        *arms,
        Arm("S+T, RGTN's own head", settings.method("rgtn")),
        Arm(DEGREES, settings.method("mlp", features=degrees, model=matched)),
        Arm(MATCHED, settings.method("mlp", features=channel_features(whole), model=matched)),
    ]


def _ladder_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """What the numbers add in each fusion and beyond what a control adds, and each fusion against the plainest."""
    fusions = [f"S+T+N {fusion}" for fusion in FUSION_NAMES]
    pairs = [(name, name.replace("S+T+N", "S+T")) for name in fusions]
    real = f"S+T+N {CONTROLLED}"
    pairs += [(real, name) for name in names if name.startswith("S+T+N~") or name in (MATCHED, DEGREES)]
    pairs += [(name, name.partition(",")[0]) for name in names if name.endswith((", with its loss", ", literal"))]
    pairs += [(name, "S+T+N concat") for name in fusions if name != "S+T+N concat"]
    return [pair for pair in pairs if set(pair) <= set(names)]


PROJECTION = 64
ALIGNMENT_WEIGHTS = (0.0, 0.01, 0.1, 1.0)


def _retrieval(settings: Settings) -> list[Arm]:
    def aligned(kind: str, weight: float = 0.1, control: str = "", encoder: str = "variational") -> Any:
        text = settings.method("rgtn").features.semantic
        features = {"features": {"semantic": text + control}} if control else {}
        model = {"encoders": {"semantic": encoder}, "projection_size": PROJECTION}
        loss = {"alignment_weight": weight, "alignment": kind}
        return settings.method("rgtn", model=model, loss=loss, **features)

    return [
        *(Arm(kind, aligned(kind)) for kind in ALIGNMENTS),
        Arm("combined, weight 1", aligned("combined", 1.0)),
        Arm("combined, text through the graph", aligned("combined", encoder="transformer")),
        Arm("combined, shuffled text", aligned("combined", control="~shuffled")),
    ]


def _chance(_arms: Sequence[Arm], runs: Mapping[str, Run], _runner: Runner) -> tuple[list[Table], dict[str, Any]]:
    """What retrieval gives by chance on as many nodes."""
    names = [name for name in RETRIEVAL_METRICS if name != "mrr over chance"]
    results = Results.of(runs, tuple(f"chance {name}" for name in names))
    row = next(iter(results.rows))
    means = [results.summary(row, metric)["mean"] for metric in results.metrics]
    cells = ["—" if mean is None else f"{mean:.4f}" for mean in means]
    note = "Of text to structure, among the test nodes of a fold, which the alignment has not seen."
    return [Table("Chance", list(map(title, names)), [cells], note)], {}


def _interaction(settings: Settings) -> list[Arm]:
    arms = []
    for weight in ALIGNMENT_WEIGHTS:
        model = {"model": {"projection_size": PROJECTION}} if weight else {}
        config = settings.method("rgtn", loss={"alignment_weight": weight}, **model)
        arms += [Arm(f"alignment {weight:g}", config), Arm(f"alignment {weight:g} + licap", config, settings.licap())]
    return arms


def _interaction_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each weight against none, without and with LICAP, and LICAP against raw features at each weight."""
    pairs = [(name, f"alignment 0{' + licap' * name.endswith('licap')}") for name in names]
    pairs += [(name, name.removesuffix(" + licap")) for name in names if name.endswith("licap")]
    return [pair for pair in pairs if pair[0] != pair[1] and set(pair) <= set(names)]


def against(first: str) -> Callable[[Sequence[str]], list[tuple[str, str]]]:
    """Every arm against the arm ``first``."""
    return lambda names: [(name, first) for name in names if name != first and first in names]


CHANNEL_STUDIES = {
    "channels-ladder": Study(
        "What is each channel worth, and which fusion makes the most of them?", _ladder, _ladder_pairs
    ),
    "retrieval": Study(
        "Does the text of an entity find its structure, and which alignment helps?",
        _retrieval,
        against("combined"),
        tested=("mrr", "spearman"),
        columns=(*RETRIEVAL_METRICS, "spread", "spearman"),
        also=_chance,
    ),
    "interaction": Study(
        "Do LICAP pretraining and the alignment of channels add up?",
        _interaction,
        _interaction_pairs,
        columns=(*COLUMNS, "cka"),
    ),
}
