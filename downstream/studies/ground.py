"""What the rows of a study are repeated on: the folds of cross-validation, or repetitions on one split of the triples.

Settings, paired tests and figures follow from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from downstream.reports import figures
from downstream.reports.best_run import best_run
from downstream.reports.comparisons import FOLDS_NOTE, share_tested
from downstream.reports.results import Results
from downstream.stages.importance import IMPORTANCE
from downstream.stages.links.stage import LINKS
from downstream.studies.cost import seconds_by_row
from downstream.studies.link_settings import LinkSettings
from downstream.studies.settings import Settings
from nie.data import KnowledgeGraph
from nie.runs.run import Run
from nie.runs.stage import Stage

REPETITIONS_NOTE = (
    "Mean difference of repetitions with the same numbers, which are seeds, on one split. p: paired t-test, two-sided, "
    "adjusted for the number of comparisons in this table by Holm's method; it says nothing of other test triples. d: "
    "Cohen's d of the paired differences; better: repetitions in which the first is better."
)


class StudySettings(Protocol):
    """What all studies can ask of the settings that their arms are made from."""

    @property
    def dataset(self) -> str:
        """Name of the dataset."""

    @property
    def epochs(self) -> int | None:
        """A budget that replaces the recipe's."""


@dataclass(frozen=True)
class Ground:
    """What the rows of a study are repeated on.

    Attributes:
        stage: of its runs.
        settings: ``(dataset, profile, flags, epochs)``: what arms are made from.
        test_note: a note on how to read paired tests.
        test_share: test nodes over training nodes of a run, by which such a test is corrected; 0 for none.
        figures: ``(results, runs by row, graph)``: figures by title; None for what cannot be drawn. Of rows that are
            only recorded there are no runs.
    """

    stage: Stage[Any]
    settings: Callable[[str, str, Sequence[str], int | None], StudySettings]
    test_note: str
    test_share: Callable[[Run], float]
    figures: Callable[[Results, Mapping[str, Run], KnowledgeGraph], dict[str, Any]]


def _figures_of_folds(results: Results, runs: Mapping[str, Run], kg: KnowledgeGraph) -> dict[str, Any]:
    if not runs:
        return {"folds": figures.fold_points(results)}
    best = best_run(list(runs.values()))
    name = next(row for row, run in runs.items() if run is best)
    return {
        "folds": figures.fold_points(results),
        "learning curves": figures.learning_curves(runs),
        "terms of the loss": figures.loss_terms(runs),
        "predicted against true": figures.predicted_against_true(name, best, kg),
        "training cost": figures.training_cost(seconds_by_row(runs)),
    }


def _figures_of_repetitions(results: Results, runs: Mapping[str, Run], _kg: KnowledgeGraph) -> dict[str, Any]:
    if not runs:
        return {"repetitions": figures.fold_points(results, ("mrr", "hits@10"))}
    return {
        "repetitions": figures.fold_points(results, ("mrr", "hits@10")),
        "learning curves": figures.learning_curves(runs, "mrr"),
        "terms of the loss": figures.loss_terms(runs),
        "training cost": figures.training_cost(seconds_by_row(runs)),
    }


FOLDS = Ground(IMPORTANCE, Settings, FOLDS_NOTE, share_tested, _figures_of_folds)
"""The ground of importance estimation."""

REPETITIONS = Ground(LINKS, LinkSettings, REPETITIONS_NOTE, lambda _run: 0.0, _figures_of_repetitions)
"""The ground of link prediction; repetitions on one split do not share randomness, so no test is corrected."""
