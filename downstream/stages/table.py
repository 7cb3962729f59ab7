"""The stages that there are: pretraining, importance estimation and link prediction.

Whoever opens a run looks its stage up here by the name that the run's provenance gives.
"""

from __future__ import annotations

from typing import Any

from downstream.stages.importance import IMPORTANCE
from downstream.stages.links.stage import LINKS
from nie.runs.other import OtherStage
from nie.runs.stage import Stage
from pretrain.stage import PRETRAINING

STAGES: dict[str, Stage[Any]] = {stage.name: stage for stage in (PRETRAINING, IMPORTANCE, LINKS)}
"""The stages by name, which is `nie.settings.run.RunConfig.stage` of their settings."""


def explained(error: OtherStage) -> str:
    """The error in words of the command line; it says which command does read such a run."""
    if error.made_by not in STAGES:  # such as a stage of your own whose file is not loaded now
        return str(error)
    made_by, needed = STAGES[error.made_by], STAGES[error.needed]
    return (
        f"{error.path} is a run of 'nie {made_by.command}', and a run of 'nie {needed.command}' is needed here; "
        f"{made_by.read_by}."
    )
