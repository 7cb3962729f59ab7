"""The study of what relation vectors are made from, for node importance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from downstream.arms import Arm, Study
from downstream.relation_weights import learned_weights
from downstream.settings import Settings

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


RELATION_STUDY = Study("What are relation vectors best made from?", _arms, _pairs, also=learned_weights)
