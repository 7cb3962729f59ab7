"""Starts commands in processes of their own that have torch and DGL loaded, for `downstream.stages.apart`.

It reads from its input what to do, loads what the commands import, and is forked for each. A copy is whole, because
nothing is computed before it is made: no thread runs but those of BLAS, which ends them before a fork. Of each command
that ends it prints the place in the list and the exit code. Its input stays open while who asked lives; when it closes,
all end, so that nobody holds the folds of a killed job.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext
from pathlib import Path
from typing import Any, TextIO

from nie.__main__ import main


def serve(
    commands: Sequence[tuple[Sequence[str], str]], jobs: int, modules: Sequence[str], answers: TextIO,
    asker: TextIO | None = None,
) -> None:  # fmt: skip
    """Run ``commands``, arguments and the file for what is printed, ``jobs`` at a time.

    When ``asker`` can be read, whoever asked has closed it or died: this process ends at once, and its own with it.
    """
    import torch  # here, because a process that is not forked reads this file, too

    # Nothing that has asked for a GPU can be forked, and only Linux forks well what has loaded any library.
    forks = sys.platform == "linux" and not torch.cuda.is_available()
    context: Any = multiprocessing.get_context("fork") if forks else SpawnContext()
    for module in modules if forks else ():
        importlib.import_module(module)
    waiting = list(enumerate(commands))
    running: dict[Any, tuple[int, Any]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            place, command = waiting.pop(0)
            process = context.Process(target=_run, args=command)
            try:
                process.start()
            except OSError as error:  # such as no memory left for one more; the others go on
                Path(command[1]).write_text(f"nie: the process could not be started: {error}\n", encoding="utf-8")
                _answer(answers, place, 1)
            else:
                running[process.sentinel] = place, process
        watched: list[Any] = [*running, *([] if asker is None else [asker])]
        ready: list[Any] = wait(watched) if running else []
        for ended in ready:
            if ended is asker:
                os._exit(1)
            place, process = running.pop(ended)
            process.join()
            _answer(answers, place, process.exitcode)


def _answer(answers: TextIO, place: int, code: int) -> None:
    answers.write(f"{place} {code}\n")
    answers.flush()


def _end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, however it ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _run(arguments: Sequence[str], file: str) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with open(file, "w", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    sys.exit(main(arguments))


if __name__ == "__main__":
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints while it is loaded is no answer
    try:
        serve(**json.loads(sys.stdin.readline()), answers=own, asker=sys.stdin)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # who asked has gone: what runs ends, and nothing more is started
        os.dup2(os.open(os.devnull, os.O_WRONLY), own.fileno())
        sys.exit(1)
