"""How far the scores can be trusted, as tables and drawings: the same for the page and for its export."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from downstream.answers.coverage import coverage_table, reliability
from downstream.answers.report_facts import errors_by_degree, errors_by_type
from downstream.explore.explored import Explored
from downstream.reports.figure_files import svg_text
from downstream.reports.figures import predicted_against_true, reliability_curve
from downstream.reports.page import Table


@dataclass(frozen=True)
class Quality:
    """What held-out nodes tell of the scores.

    Attributes:
        coverage: how many intervals hold; None where there are none.
        reliability: a drawing of it (SVG); empty where there are none.
        errors: by type and by degree.
        against_truth: a drawing (SVG) of predictions against the truth.
        warnings: what should be known before the scores are used.
    """

    coverage: Table | None
    reliability: str
    errors: list[Table]
    against_truth: str
    warnings: list[str]

    @classmethod
    def of(cls, explored: Explored) -> Quality:
        """Judge the scores."""
        kg, scores, run = explored.kg, explored.ranking.scores, explored.model.run
        tested = np.flatnonzero(scores.held_out & kg.label_mask)
        known = scores.intervals
        table = None if known is None else coverage_table(known, scores.coverage)
        curve = "" if known is None or table is None else svg_text(reliability_curve(reliability(known.calibration)))
        return cls(
            coverage=table,
            reliability=curve,
            errors=[errors_by_type(scores, kg, tested), errors_by_degree(scores, kg, tested)] if len(tested) else [],
            against_truth=svg_text(predicted_against_true(explored.model.method, run, kg)),
            warnings=list(scores.remarks().values()),
        )
