"""Starts commands in processes of their own that have torch and DGL loaded, for `downstream.stages.apart`.

It reads from its input what to do, loads what the commands import, and is forked for each. Its copies share no thread
and no device with it, as it computes nothing. Of each command that ends it prints the place in the list and the exit
code.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing.connection import wait
from multiprocessing.context import SpawnContext
from typing import Any

from nie.__main__ import main


def serve(commands: Sequence[tuple[Sequence[str], str]], jobs: int, modules: Sequence[str]) -> None:
    """Run ``commands``, arguments and the file for what is printed, ``jobs`` at a time."""
    for module in modules:
        importlib.import_module(module)
    import torch  # here, because a process that is not forked reads this file, too

    # Nothing that has asked for a GPU can be forked, and only Linux forks well what has loaded any library.
    forks = sys.platform == "linux" and not torch.cuda.is_available()
    context: Any = multiprocessing.get_context("fork") if forks else SpawnContext()
    waiting = list(enumerate(commands))
    running: dict[Any, tuple[int, Any]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            place, command = waiting.pop(0)
            process = context.Process(target=_run, args=command)
            process.start()
            running[process.sentinel] = place, process
        for ended in wait(list(running)):
            place, process = running.pop(ended)
            process.join()
            sys.stdout.write(f"{place} {process.exitcode}\n")
            sys.stdout.flush()


def _run(arguments: Sequence[str], file: str) -> None:
    with open(file, "w", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    sys.exit(main(arguments))


if __name__ == "__main__":
    try:
        serve(**json.load(sys.stdin))
    except KeyboardInterrupt:
        sys.exit(130)
