"""Commands of ``nie`` in processes of their own, which start with torch and DGL loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path


def run_apart(
    commands: Sequence[tuple[Sequence[str], Path]], *, jobs: int, threads: int, modules: Iterable[str]
) -> Iterator[tuple[int, int]]:
    """Run commands, ``jobs`` at a time, and give the place of each in the list and its exit code as it ends.

    Loading torch and DGL takes seconds, and a study asks for hundreds of folds: one process, `nie.forked`,
    loads them, and is forked for every command.

    Args:
        commands: arguments of ``nie``, and the file for what it prints.
        threads: that each may use.
        modules: what they import, to be loaded once.
    """
    if not commands:
        return
    asked = {"commands": [[arguments, str(file)] for arguments, file in commands], "jobs": jobs, "modules": [*modules]}
    left = set(range(len(commands)))
    with subprocess.Popen(
        [sys.executable, "-m", "nie.forked"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
    ) as starter:
        assert starter.stdin is not None
        assert starter.stdout is not None
        with starter.stdin:
            json.dump(asked, starter.stdin)
        for line in starter.stdout:
            place, code = map(int, line.split())
            left.remove(place)
            yield place, code
    yield from ((place, starter.returncode) for place in sorted(left))  # the process that was to start them has died
