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
    """The folder of a run that was made from data that have changed since.

    The advice holds for every command: all runs of the dataset and the stage go together, because ``nie table`` shows
    those that stay.
    """

    def __init__(self, path: Path, dataset: str, changed: str) -> None:
        super().__init__(
            f"{path.parent} holds runs of another {dataset} ({changed}); move that folder away and run again, or give "
            "this and later commands another --run-root."
        )
