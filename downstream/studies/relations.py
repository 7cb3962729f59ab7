"""The study of what relation vectors are made from, for node importance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from downstream.reports.figures import fold_curves
from downstream.reports.page import Table
from downstream.stages.runner import Runner
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Study
from nie.runs.run import Run, mean_sd

TEXT = "minilm"
SIMILARITY, CONTEXT = 0.3, 0.2
RANDOM = "random"


def _arms(settings: Settings) -> list[Arm]:
    enhanced = {"similarity_weight": SIMILARITY, "context_weight": CONTEXT}

    def rgtn(**relations: Any) -> Any:
        return settings.method("rgtn", model={"relations": relations})

    return [
        Arm(RANDOM, rgtn()),
        Arm("text", rgtn(text=TEXT, learned=False)),
        Arm("random + text", rgtn(text=TEXT)),
        Arm("random, similar relations", rgtn(similarity_weight=SIMILARITY)),
        Arm("random, context", rgtn(context_weight=CONTEXT)),
        Arm("random, fused", rgtn(**enhanced)),
        Arm("text, fused", rgtn(text=TEXT, learned=False, **enhanced)),
        Arm("random + text, fused", rgtn(text=TEXT, **enhanced)),
        Arm("random + text, fused, weights learned", rgtn(text=TEXT, **enhanced, learn_weights=True)),
    ]


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    fused = "random + text, fused"
    pairs = [(name, RANDOM) for name in names] + [(f"{fused}, weights learned", fused)]
    return [pair for pair in pairs if pair[0] != pair[1] and set(pair) <= set(names)]


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


RELATION_STUDY = {
    "relations": Study("What are relation vectors best made from?", _arms, _pairs, also=learned_weights),
}
