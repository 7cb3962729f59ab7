"""What the page is about: a run with its scores, the questions to it, and a second run beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from downstream.answers.estimate import Estimate, load_run
from downstream.answers.interval import COVERAGE
from downstream.explore.questions import Questions
from downstream.explore.ranking import Ranking
from downstream.reports.run_comparison import RunComparison, compare_runs
from nie.data import KnowledgeGraph, load
from nie.foreign import one_line


@dataclass(frozen=True, eq=False)
class Explored:
    """A run that is explored.

    Attributes:
        model: the run.
        ranking: its scores.
        questions: to it.
        other: the run that it is compared with; None where there is none.
        comparison: of the two.
    """

    model: Estimate
    ranking: Ranking
    questions: Questions
    other: Estimate | None = None
    comparison: RunComparison | None = None

    @classmethod
    def open(
        cls, run: str | Path, *, against: str | Path | None = None, coverage: float = COVERAGE,
        data_root: str | Path = "datasets",
    ) -> Explored:  # fmt: skip
        """Open a run.

        Args:
            run: its folder.
            against: the folder of another run on the same folds, to compare it with.
            coverage: of the intervals.
            data_root: folder of the datasets.

        Raises:
            NieError: a run is of another stage, is not finished, or its data have changed; or the two do not compare.
        """
        model = load_run(run, data_root)
        other = None if against is None else load_run(against, data_root)
        comparison = None if other is None else compare_runs(model.run, other.run)
        scores, kg = model.node_scores.at(coverage), load(model.run.config["dataset"], data_root)
        ranking = Ranking(kg, scores, None if other is None else other.node_scores.at(coverage))
        return cls(model, ranking, Questions(model, kg, coverage), other, comparison)

    @property
    def kg(self) -> KnowledgeGraph:
        """The graph."""
        return self.ranking.kg

    @property
    def title(self) -> str:
        """What the page is called."""
        return f"{self.kg.name}: importance as {self.model.method} sees it"

    @property
    def other_name(self) -> str:
        """What the other run is called, by which it is told apart from this one; empty where there is none."""
        return "" if self.comparison is None else one_line(list(self.comparison.results.rows)[1], 60)

    @property
    def interval_name(self) -> str:
        """What intervals are called."""
        return f"{100 * self.ranking.scores.coverage:.4g} % interval"
