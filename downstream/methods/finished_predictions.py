"""What finished runs predict on a fold, for methods that are made of other runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from downstream.methods.fitted import DEVIATION_FILE
from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.untied import untied
from nie.arrays import Floats
from nie.data import KnowledgeGraph
from nie.errors import NieError
from nie.runs.run import Run, read_run
from pretrain.cross_validation import Fold, check_finished


def runs_to(verb: str, folders: Sequence[str]) -> list[Run]:
    """Open different stage-2 runs.

    Args:
        verb: what is done with them, for messages.
        folders: of the runs.

    Raises:
        NieError: one is no run of importance estimation, or stands there twice.
    """
    runs = [read_run(folder, ImportanceConfig.stage) for folder in folders]
    names = [run.path.name for run in runs]
    if len(set(names)) < len(names):
        raise NieError(f"To {verb}, there must be different runs; got {', '.join(names)}.")
    return runs


def prediction_of(verb: str, run: Run, kg: KnowledgeGraph, fold: Fold) -> Floats:
    """(N,) what a finished run predicts on a fold, nodes of equal values in the order of its scores.

    Raises:
        NieError: it has not finished the fold, or is of another dataset or fold.
    """
    check_finished(verb, run, kg, fold)
    # On steps of PageRank's fit many nodes are equal, whose order it knows.
    return untied(run.predictions(fold.index, kg.num_nodes), run.ranking_scores(fold.index, kg.num_nodes))


def learned_deviation(run: Run, fold: int, num_nodes: int) -> Floats | None:
    """(N,) the standard deviation that a finished run predicts of each label; None where it has learned none."""
    return run.array(fold, DEVIATION_FILE, (num_nodes,)) if DEVIATION_FILE in run.files(fold) else None


def parts_left_out(run: Run, fold: int) -> Sequence[str]:
    """Names of the runs without which a fold is blended, because they had not finished it."""
    parts: Sequence[str] = run.metrics(fold).get("fit", {}).get("left_out", ())
    return parts


def is_outdated(run: Run, fold: int) -> bool:
    """Whether a finished fold is blended without parts that have finished it since, so that it is to be made anew."""
    parts = [Run(Path(part), {}) for part in run.config.get("parts", ())]
    if not parts or not run.is_done(fold):
        return False
    left_out = parts_left_out(run, fold)
    return any(part.path.name in left_out and part.is_done(fold) for part in parts)
