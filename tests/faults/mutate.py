"""The mutator: damage one file of a target, use it, and count what became of it."""

from __future__ import annotations

import logging
import pickle
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from faults.judge import Verdict, judge
from faults.mutations import damage
from faults.targets import TARGETS, Target


@dataclass(frozen=True)
class Case:
    """A damaged file and its verdict; ``seed`` makes it again."""

    target: str
    seed: int
    file: str
    mutation: str
    verdict: Verdict


def cases(target: Target, seeds: Sequence[int]) -> Iterator[Case]:
    """Try a target with each seed."""
    logging.getLogger("nie").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="nie-faults-") as name:
        whole, tried = Path(name) / "whole", Path(name) / "tried"
        whole.mkdir()
        files = [path.relative_to(whole) for path in target.make(whole)]
        shutil.copytree(whole, tried)
        expected = pickle.dumps(target.use(tried))  # once, which also loads all that is loaded late
        for seed in seeds:
            shutil.rmtree(tried)
            shutil.copytree(whole, tried)
            rng = random.Random(seed)
            file = rng.choice(files)
            mutation = damage(tried / file, rng)
            verdict = judge(
                lambda: target.use(tried), lambda found: not target.bound or pickle.dumps(found) == expected
            )
            yield Case(target.name, seed, file.as_posix(), mutation, verdict)


def count(found: Sequence[Case]) -> dict[str, Counter[str]]:
    """Outcomes by target."""
    counted = {target.name: Counter[str]() for target in TARGETS}
    for case in found:
        counted[case.target][case.verdict.outcome] += 1
    return counted
