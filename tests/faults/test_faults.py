"""A quick slice of the fault suite; ``python -m tests.faults`` tries thousands."""

from __future__ import annotations

import pytest

from faults.judge import BAD, MOST_BYTES, judge
from faults.kills import FAULTS, JOBS, Job, count_calls, faults_of
from faults.mutate import cases
from faults.targets import TARGETS, Target
from nie.errors import NieError


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_damaged_file_is_taken_for_whole_or_ends_in_a_traceback(target: Target) -> None:
    bad = [case for case in cases(target, range(6)) if case.verdict.outcome in BAD]
    assert not bad, "\n".join(f"{case}" for case in bad)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("job", [job for job in JOBS if job.name in ("build", "downstream")], ids=lambda job: job.name)
def test_what_was_broken_is_done_again_with_the_same_bits(job: Job, fault: str) -> None:
    calls = count_calls(job)
    # The last calls are those that publish what was made.
    places = sorted({calls // 3, *range(calls - 8, calls + 1, 2 if job.name == "build" else 4)})
    wrong = {place: said for place, said in faults_of(job, fault, places) if said}
    assert not wrong


def test_every_fault_is_told_from_what_is_whole() -> None:
    def refused() -> None:
        raise NieError("It must be otherwise.")

    def many_lines() -> None:
        raise NieError("It must be\notherwise.")

    outcomes = {
        "whole": judge(lambda: 1, lambda found: found == 1),
        "accepted": judge(lambda: 2, lambda found: found == 1),
        "refused": judge(refused, bool),
        "unreadable": judge(many_lines, bool),
        "traceback": judge(lambda: 1 / 0, bool),
        "memory": judge(lambda: bytearray(2 * MOST_BYTES), bool),
    }
    assert {name: verdict.outcome for name, verdict in outcomes.items()} == {name: name for name in outcomes}
