"""The settings of a network that learns from several signals of importance."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nie.settings.sections import Section

ALL, LABEL = "all", "label"
HIDDEN = "hidden"
CONTROLS = ("shuffled", "reversed", HIDDEN)


class SignalsConfig(Section):
    """Several signals of importance: which, where they are known, and how they are combined."""

    names: tuple[str, ...] = Field(
        (ALL,),
        min_length=1,
        description="signals beside the label: all of the graph, or some by name; label: none. A name, or label, "
        "followed by ~shuffled, ~reversed or ~hidden (four values in five) is a control",
    )
    known: Literal["training", "everywhere"] = Field(
        "training",
        description="where signals other than the label are known: at all nodes but validation and test nodes; or at "
        "these, too",
    )
    combine: Literal["latent", "mean", "heads"] = Field(
        "latent",
        description="latent: one importance, of which signals are noisy functions; mean: learn the mean of z-scores; "
        "heads: a head for each signal",
    )
    threshold: float = Field(
        0.2, ge=-1, le=1, description="rank correlation with the latent importance below which a signal is split off"
    )
    cluster_epochs: int = Field(40, ge=1, description="epochs of each fit by which signals are clustered")
