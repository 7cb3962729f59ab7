"""The rows of a study that a graph has everything for: a study runs these and says what the others lack."""

from __future__ import annotations

from collections.abc import Sequence

from downstream.studies.needs import Need
from downstream.studies.study import Arm
from nie.data import KnowledgeGraph
from nie.errors import NieError
from nie.progress import log


def lacking(arm: Arm, kg: KnowledgeGraph) -> tuple[Need, ...]:
    """What the row needs and the graph does not have."""
    return tuple(need for need in arm.needs if not need.met(kg, arm.config))


def served(arms: Sequence[Arm], kg: KnowledgeGraph, study: str) -> list[Arm]:
    """The arms that the graph has everything for; one warning names the others, and what is lacking.

    Args:
        arms: of the study.
        kg: the graph.
        study: its name, for the error.

    Raises:
        NieError: no arm is left.
    """
    left_out: dict[tuple[Need, ...], list[str]] = {}
    for arm in arms:
        left_out.setdefault(lacking(arm, kg), []).append(arm.name)
    left = set(left_out.pop((), []))
    if arms and not left:
        needs = dict.fromkeys(need for missing in left_out for need in missing)
        what, remedy = joined([need.what for need in needs]), "; ".join(need.remedy for need in needs)
        raise NieError(f"The study {study} needs {what}, and {kg.name} has none; {remedy}.")
    if left_out:
        reasons = [  # with semicolons, because names of rows contain commas
            f"{joined([need.what for need in missing])} (rows {'; '.join(rows)})" for missing, rows in left_out.items()
        ]
        log.warning(
            "%s lacks what some rows of the study %s need, so they are left out: %s.",
            kg.name,
            study,
            " | ".join(reasons),
        )
    return [arm for arm in arms if arm.name in left]


def joined(words: Sequence[str]) -> str:
    """A list in words.

    >>> joined(["texts"]), joined(["texts", "numbers", "dates"])
    ('texts', 'texts, numbers and dates')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
