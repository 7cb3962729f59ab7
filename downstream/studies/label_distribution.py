"""The study of how labels are distributed: which function of them is learned, what their head and tail are worth."""

from __future__ import annotations

from collections.abc import Sequence

from downstream.studies.pretrainings import pretrained_arm
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair, Study
from nie.vocabulary import LearnedLabels, RemovedLabels

METHOD = "graphsage"
LICAP = "licap (structural)"
UNTRAINED = "untrained"
"""The same encoder as it is drawn, which no labels have changed: what LICAP gains beyond it, labels have brought."""
SCALES: tuple[LearnedLabels, ...] = ("log1p", "raw", "rank", "normal")
ENDS: tuple[RemovedLabels, ...] = ("head", "tail")
CONTROL: RemovedLabels = "random"
REMOVED = 0.25
"""Share of the training nodes that lose their labels: a random half of the upper or of the lower half."""
NOTE = (
    "Both stages learn the labels of a row: as they are (raw), log(1 + label), the share of the training labels below "
    "(rank), or the normal quantile of that (normal), each with the same mean and deviation. Predictions are brought "
    "back to the usual scale, so that all rows are judged on the same labels of the same test nodes; what is learned "
    "on one scale is a mean there, and brought back it lies below or above the mean here, which RMSE sees and ranks "
    "do not; a label below 0, which only a prediction can be, is between -1 and 0 among logarithms. Rows without half "
    "of the head, or of the tail, lack a quarter of the training labels, as does their control. The width of LICAP's "
    "bins is the same on every scale, so that the top of ranks is one bin, within which nothing is contrasted."
)


def without(end: str) -> str:
    """Name of a row that lacks labels.

    >>> without("head"), without("random")
    ('graphsage, half of the head removed', 'graphsage, as many removed at random')
    """
    return f"{METHOD}, {'as many removed at random' if end == CONTROL else f'half of the {end} removed'}"


def on(scale: LearnedLabels) -> str:
    """Name of a row that learns a function of the labels.

    >>> on("rank")
    'graphsage, rank'
    """
    return f"{METHOD}, {scale}"


def _arms(settings: Settings) -> list[Arm]:
    arms = []
    for scale in SCALES:
        raw = Arm(on(scale), settings.method(METHOD, learned_labels=scale))
        arms += [raw, *(pretrained_arm(raw, way, settings, learned_labels=scale) for way in (UNTRAINED, LICAP))]
    for end in (*ENDS, CONTROL):
        config = settings.method(METHOD, folds={"removed": end, "removed_share": REMOVED}, learned_labels="log1p")
        raw = Arm(without(end), config)
        folds = config.folds.model_dump()
        further = {"folds": folds, "learned_labels": "log1p"}
        arms += [raw, *(pretrained_arm(raw, way, settings, **further) for way in (UNTRAINED, LICAP))]
    return arms


def _pairs(arms: Sequence[Arm]) -> list[Pair]:
    """LICAP against none and its control; every scale against log1p, and every end against as many nodes at random."""
    ways = ("", f"+{LICAP}")
    return [
        *(
            (f"{arm.name}+{LICAP}", arm.name + way)
            for arm in arms
            if arm.licap is None
            for way in ("", f"+{UNTRAINED}")
        ),
        *((on(scale) + way, on("log1p") + way) for scale in SCALES if scale != "log1p" for way in ways),
        *((without(end) + way, without(CONTROL) + way) for end in ENDS for way in ways),
    ]


LABEL_DISTRIBUTION = Study(
    "label-distribution",
    "Does it matter how labels are distributed: raw, logarithms, ranks, fewer at the top or at the bottom?",
    _arms,
    _pairs,
    tested=("spearman", "ndcg@100", "rmse"),
    note=NOTE,
)
