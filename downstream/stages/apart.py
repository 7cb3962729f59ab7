"""Commands of ``nie`` in processes of their own, which start with torch and DGL loaded."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

START = """
import sys
sys.path[:] = [*filter(None, sys.path), sys.argv.pop()]
import runpy
runpy.run_module("nie.forked", run_name="__main__", alter_sys=True)
"""
"""Starts `nie.forked` as ``-m`` does, but for the working folder, whose ``yaml.py`` would be imported and executed.

What ``PYTHONPATH`` names stays, and the folder that has nie comes last. (Python's own ``-P`` is for 3.11 and later.)
"""
HOME = str(Path(__file__).resolve().parents[2])


def run_apart(
    commands: Sequence[tuple[Sequence[str], Path]], *, jobs: int, threads: int, modules: Iterable[str]
) -> Iterator[tuple[int, int | None]]:
    """Run commands, ``jobs`` at a time, and give the place of each in the list and its exit code as it ends.

    Loading torch and DGL takes seconds, and a study asks for hundreds of folds: one process, `nie.forked`, loads them,
    and is forked for every command. The code is None for the commands that had not ended when that process died.

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
        [sys.executable, "-c", START, HOME],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
    ) as starter:
        assert starter.stdin is not None
        assert starter.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it may have died before it has read all
            starter.stdin.write(json.dumps(asked) + "\n")
            starter.stdin.flush()  # and left open: when it closes, as it does if this process is killed, all end
        try:
            for line in starter.stdout:
                place, code = map(int, line.split())
                left.remove(place)
                yield place, code
        except KeyboardInterrupt:  # which from a terminal all of them got, and from ``kill`` this process alone
            starter.stdin.close()
            starter.wait()
            raise
    yield from ((place, None) for place in sorted(left))
