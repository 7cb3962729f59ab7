"""The study of teachers: what a network gains by learning what other methods predict."""

from __future__ import annotations

from collections.abc import Sequence

from downstream.studies.methods import raw_arms
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair, Study
from nie.later import later

TEACHERS = ("boosting-neighbours", "rgcn", "rgtn")
STUDENTS = ("mlp", "graphsage", "rgtn")
ITSELF = "itself"
"""The control: a student that learns its own predictions is smoothed, and learns nothing that it does not know."""
ALL = "all"
ALL_RANKS = "all by rank"
ALL_ALIGNED = "all with CKA"
CKA_WEIGHT = 1.0


def taught(student: str, by: str) -> str:
    """Name of the arm of a student.

    >>> taught("mlp", "rgcn")
    'mlp taught by rgcn'
    """
    return f"{student} taught by {by}"


def _arms(settings: Settings) -> list[Arm]:
    raw = {arm.name: arm for arm in raw_arms(settings, list(dict.fromkeys((*STUDENTS, *TEACHERS))))}
    every = tuple(raw[name] for name in TEACHERS)
    arms = [*raw.values(), Arm("blend", settings.method("blend", parts=TEACHERS, skip_unfinished=True), parts=every)]
    for student in STUDENTS:
        single = {name: (raw[name],) for name in TEACHERS if name != student}
        ways = {ITSELF: (raw[student],), **single, ALL: every}
        for by, teachers in ways.items():
            names = tuple(teacher.name for teacher in teachers)
            arms.append(Arm(taught(student, by), settings.method(student, teachers=names), parts=teachers))
        further = {
            ALL_RANKS: {"teacher_rank_weight": 1.0},
            ALL_ALIGNED: {"teacher_cka": {"weight": CKA_WEIGHT, "layers": (-1,)}},
        }
        for by, loss in further.items():
            arms.append(Arm(taught(student, by), settings.method(student, teachers=TEACHERS, loss=loss), parts=every))
    return arms


def _pairs(arms: Sequence[Arm]) -> list[Pair]:
    """Every way of teaching against the student alone and the control; CKA against none; the best against the blend."""
    pairs = []
    for student in STUDENTS:
        control = taught(student, ITSELF)
        ways = [arm.name for arm in arms if arm.name.startswith(taught(student, "")) and arm.name != control]
        pairs += [(control, student)]
        for way in ways:
            pairs += [(way, student), (way, control)]
        pairs += [(taught(student, ALL_ALIGNED), taught(student, ALL)), (taught(student, ALL), "blend")]
    return pairs


DISTIL = Study(
    "distil",
    "Can one network learn what several methods know, and is it their knowledge that helps?",
    _arms,
    _pairs,
    also=later("downstream.studies.cka_maps:cka_report"),
)
