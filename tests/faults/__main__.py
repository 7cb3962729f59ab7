"""``python -m tests.faults --cases 10000``: try as many damaged files and print what became of them.

``python -m tests.faults --repeats 3``: run twelve jobs three times with all threads, the third time killed on the way.
``python -m tests.faults --kills 1``: kill every job, and break its disk, at every call, or at every n-th.
``python -m tests.faults --moments 25``: kill every job at as many random moments.
"""

from __future__ import annotations

import argparse
import sys

import torch

from faults.judge import BAD, GOOD
from faults.kills import FAULTS, JOBS, count_calls, faults_of, moments_of
from faults.mutate import cases, count
from faults.repeats import REPEATED, differences
from faults.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000, help="in all, shared by the targets")
    parser.add_argument("--seed", type=int, default=0, help="of the first case of each target")
    parser.add_argument("--only", default="", help="targets, or jobs, whose name contains this")
    parser.add_argument("--show", type=int, default=20, help="faults that are shown whole")
    parser.add_argument("--kills", type=int, metavar="N", help="break jobs at every n-th call instead")
    parser.add_argument("--moments", type=int, metavar="N", help="kill jobs at N random moments instead")
    parser.add_argument("--repeats", type=int, metavar="N", help="run jobs N times with all threads instead")
    given = parser.parse_args()
    if given.repeats:
        return _repeats(given.repeats, given.only)
    torch.set_num_threads(1)
    if given.moments:
        return _moments(given.moments, given.seed, given.only)
    return _kills(given.kills, given.only) if given.kills else _mutations(given)


def _mutations(given: argparse.Namespace) -> int:
    chosen = [target for target in TARGETS if given.only in target.name]
    each, found = -(-given.cases // len(chosen)), []
    for target in chosen:
        found += cases(target, range(given.seed, given.seed + each))
    outcomes = (*GOOD, *BAD)
    print(f"| damaged file | cases | {' | '.join(outcomes)} |\n|---|{'--:|' * (1 + len(outcomes))}")
    for name, counted in count(found).items():
        if counted:
            cells = [str(counted[outcome]) for outcome in outcomes]
            print(f"| {name} | {counted.total()} | {' | '.join(cells)} |")
    faults = [case for case in found if case.verdict.outcome in BAD]
    for case in faults[: given.show]:
        print(f"\n{case.target}, seed {case.seed}, {case.file}, {case.mutation}: {case.verdict.outcome}")
        print(case.verdict.said)
    return 1 if faults else 0


def _repeats(times: int, only: str) -> int:
    print("| job | times | files that differ |\n|---|--:|--:|", flush=True)
    every: list[str] = []
    for job in (job for job in REPEATED if only in job.name):
        found = list(differences(job, times))
        print(f"| {job.name} | {times} | {len(found)} |", flush=True)
        every += [f"{job.name}: {file}" for file in found]
    print("\n".join(every[:20]))
    return 1 if every else 0


def _kills(step: int, only: str) -> int:
    print("| job | fault | calls | tried | as if nothing had been |\n|---|---|--:|--:|--:|", flush=True)
    every: list[str] = []
    for job in (job for job in JOBS if only in job.name):
        calls = count_calls(job)
        for fault in FAULTS:
            places = range(1, calls + 1, step)
            wrong = {place: said for place, said in faults_of(job, fault, places) if said}
            print(f"| {job.name} | {fault} | {calls} | {len(places)} | {len(places) - len(wrong)} |", flush=True)
            every += [f"{job.name}, {fault} at call {place}: {said[:300]}" for place, said in wrong.items()]
    print("\n".join(every[:20]))
    return 1 if every else 0


def _moments(times: int, seed: int, only: str) -> int:
    print("| job | random moments | as if nothing had been |\n|---|--:|--:|", flush=True)
    every: list[str] = []
    for job in (job for job in JOBS if only in job.name):
        wrong = {seconds: said for seconds, said in moments_of(job, times, seed) if said}
        print(f"| {job.name} | {times} | {times - len(wrong)} |", flush=True)
        every += [f"{job.name}, killed after {seconds:.3f} s: {said[:300]}" for seconds, said in wrong.items()]
    print("\n".join(every[:20]))
    return 1 if every else 0


if __name__ == "__main__":
    sys.exit(main())
