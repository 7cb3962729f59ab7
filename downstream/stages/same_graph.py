"""Whether a run was made from the graph as it is now."""

from __future__ import annotations

from collections.abc import Mapping

from downstream.stages.table import STAGES
from nie.errors import NieError
from nie.runs.other import OtherData
from nie.runs.run import Run

DATA = "data_sha256"


def check_same_graph(run: Run, made_from: Mapping[str, str]) -> None:
    """Raise where what a run was made from has changed; the message says which command makes a new one.

    Args:
        run: of any stage.
        made_from: sha256 by name, as they are now; `nie.data.version.version_of` for the graph alone.

    Raises:
        NieError: of a graph of one's own, whose new data have runs of their own; or `OtherData`.
    """
    changed = run.changed_source(made_from)
    if changed is None:
        return
    dataset = str(run.config["dataset"])
    if DATA not in made_from or run.changed_source({DATA: made_from[DATA]}) is None:
        raise OtherData(run.path, dataset, changed)
    stage = STAGES[run.stage]
    command = f"nie {stage.command} --recipe {run.path / 'config.yaml'}"
    settings = stage.recipes.settings_of(run.config.get("method"))
    read = [name for name in settings.runs_in if run.config.get(name)]
    first = f", with new runs of what it reads in the place of {' and '.join(read).upper()}," if read else ""
    flags = "".join(f" --{name} {name.upper()}" for name in read)
    raise NieError(
        f"{run.path} was made from an older {dataset}; '{command}{flags}'{first} makes a run of the present one."
    )


def is_older(run: Run, version: Mapping[str, str]) -> bool:
    """Whether a run was surely made from another version of its graph; what nobody can say is not older.

    Args:
        run: of any stage.
        version: of the graph as it is now, of `nie.data.version.stored_version`.
    """
    try:
        stage = STAGES.get(run.stage)
        as_stored = stage is not None and not stage.recipes.settings.splits_graph
        compared = {name: digest for name, digest in version.items() if as_stored or name != "dataset_sha256"}
        return run.changed_source(compared) is not None
    except NieError:  # a damaged provenance
        return False
