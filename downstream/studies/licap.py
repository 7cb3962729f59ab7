"""The studies of LICAP; their arms differ in one thing, and those that several studies share are the same runs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from downstream.metrics.registry import title
from downstream.reports import figures
from downstream.reports.results import Results
from downstream.studies.needs import SEMANTIC, Need
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Study, against_first
from nie.later import later

GAMMAS = (0.01, 0.05, 0.1, 0.2)  # the values of the paper
ETA2S = (0.5, 1.0, 10.0, 50.0)


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
    rgtn = settings.method("rgtn")

    def pretrained(channels: tuple[str, ...], *needs: Need) -> Arm:
        return Arm(channels[0] if len(channels) == 1 else "both", rgtn, settings.licap(channels=channels), needs=needs)

    return [
        Arm("none", rgtn),
        pretrained(("structural",)),
        pretrained(("semantic",), SEMANTIC),
        pretrained(("structural", "semantic"), SEMANTIC),
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


def _heat_maps(_arms: Sequence[Arm], results: Results) -> dict[str, Any]:
    drawn = {}
    for metric in figures.DRAWN:
        means = {
            place: results.summary(grid_name(*place), metric)["mean"]
            for place in itertools.product(GAMMAS, ETA2S)
            if grid_name(*place) in results.rows
        }
        defined = {place: float(mean) for place, mean in means.items() if mean is not None}
        if defined:
            drawn[f"grid {metric}"] = figures.heat_map(defined, "gamma", "eta2", title(metric))
    return drawn


LICAP_STUDIES = (
    Study("losses", "Which contrastive loss of LICAP helps RGTN?", _losses, against_first),
    Study("encoder", "Does LICAP need an encoder that sees relations?", _encoder, against_first),
    Study("channels", "Which channel should LICAP pretrain for RGTN?", _channels, against_first),
    Study(
        "grid",
        "How do the share of top nodes (gamma) and the weight of the finer bins (eta2) matter to RGTN on LICAP?",
        _grid,
        against_first,
        drawn=_heat_maps,
    ),
    Study(
        "tsne",
        "What does LICAP pretraining do to the embeddings?",
        run=later("downstream.studies.maps:write_maps"),
    ),
)
