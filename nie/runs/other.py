"""Errors of runs that are not what is needed: of another stage, or of other data."""

from __future__ import annotations

from pathlib import Path

from nie.errors import NieError


class OtherStage(NieError):
    """A run of another stage than the one whose runs are read here.

    Attributes:
        made_by, needed: names of the two; `downstream.stages.table.explained` says what reads a run of the former.
    """

    def __init__(self, path: Path, made_by: str, needed: str) -> None:
        super().__init__(f"{path} is a run of the stage {made_by}, and a run of the stage {needed} is needed here.")
        self.path, self.made_by, self.needed = path, made_by, needed


class OtherData(NieError):
    """A run that was made from data that have changed since, and whose name does not say from which.

    Args:
        path: its folder.
        dataset: on which it is.
        changed: what has changed, and how.
        older: whether ``nie clean --older`` knows the run by that, and with it all others of the older dataset.
    """

    def __init__(self, path: Path, dataset: str, changed: str, *, older: bool = False) -> None:
        runs, removed = (path.parent, f"{dataset} --older' removes them") if older else (path, f"{path}' removes it")
        is_made = "holds runs" if older else "is a run"
        super().__init__(
            f"{runs} {is_made} of another {dataset} ({changed}); 'nie clean {removed}, so that the same command makes "
            "new ones, or give this and later commands another --run-root."
        )
