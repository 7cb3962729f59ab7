"""Whether finished runs were made from the graph as it is now."""

from __future__ import annotations

from collections.abc import Mapping

from downstream.stages.table import STAGES
from nie.errors import NieError
from nie.runs.run import Run


def is_older(run: Run, version: Mapping[str, str]) -> bool:
    """Whether a run was surely made from another version of its graph.

    Args:
        run: of any stage.
        version: of the graph as it is now, of `nie.data.version.stored_version`.
    """
    try:
        stage = STAGES.get(run.stage)
        as_stored = stage is not None and not stage.recipes.settings.splits_graph
        compared = {name: digest for name, digest in version.items() if as_stored or name != "dataset_sha256"}
        return run.changed_source(compared) is not None
    except NieError:  # a damaged provenance, of which nobody knows
        return False
