"""The study of what relation vectors are made from, for node importance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from downstream.reports.figures import fold_curves
from downstream.reports.page import Table
from downstream.stages.runner import Runner
from downstream.studies.needs import RELATION_WORDS
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair, Study, against_first
from nie.runs.run import Run, mean_sd

TEXT_FEATURES = "minilm"
SIMILARITY, CONTEXT = 0.3, 0.2
RANDOM = "random"
FUSED = "random + text, fused"


def _arms(settings: Settings) -> list[Arm]:
    enhanced = {"similarity_weight": SIMILARITY, "context_weight": CONTEXT}

    def rgtn(**relations: Any) -> Any:
        return settings.method("rgtn", model={"relations": relations})

    def from_words(name: str, **relations: Any) -> Arm:
        return Arm(name, rgtn(text=TEXT_FEATURES, **relations), needs=(RELATION_WORDS,))

    return [
        Arm(RANDOM, rgtn()),
        from_words("text", learned=False),
        from_words("random + text"),
        Arm("random, similar relations", rgtn(similarity_weight=SIMILARITY)),
        Arm("random, context", rgtn(context_weight=CONTEXT)),
        Arm("random, fused", rgtn(**enhanced)),
        from_words("text, fused", learned=False, **enhanced),
        from_words(FUSED, **enhanced),
        from_words(f"{FUSED}, weights learned", **enhanced, learn_weights=True),
    ]


def _pairs(arms: Sequence[Arm]) -> list[Pair]:
    return [*against_first(arms), (f"{FUSED}, weights learned", FUSED)]


def learned_weights(
    _arms: Sequence[Arm], runs: Mapping[str, Run], _runner: Runner
) -> tuple[list[Table], dict[str, Any]]:
    """A table of the weights after the first and after the last epoch, of the arms that learn them."""
    rows = []
    for name, run in runs.items():
        for weight in ("similarity weight", "context weight"):
            found = [curve for fold in run.finished_folds() for curve in fold_curves(run, fold, weight)]
            curves = [list(curve.values()) for curve in found if curve]
            if any(len(set(curve)) > 1 for curve in curves):
                ends = [mean_sd([curve[place] for curve in curves]) for place in (0, -1)]
                rows.append([name, weight, *(f"{end['mean']:.3f} ± {end['sd']:.3f}" for end in ends)])
    note = "Mean ± population standard deviation over folds or repetitions; the vector they add to counts once."
    return [Table("Learned weights", ["method", "weight", "first epoch", "last epoch"], rows, note)] if rows else [], {}


RELATIONS = Study("relations", "What are relation vectors best made from?", _arms, _pairs, also=learned_weights)
