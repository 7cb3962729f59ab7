"""The ``nie`` command."""

from __future__ import annotations

import sys

if __name__ == "__main__" and not getattr(sys.flags, "safe_path", False):
    # ``python -m nie`` puts the working folder first, whose yaml.py would be executed: nie's own comes last instead.
    sys.path.append(__file__.rpartition("/nie/")[0])
    sys.path.pop(0)

import argparse
import contextlib
import io
import logging
import os
import shlex
import tempfile
import traceback
from collections.abc import Sequence

from downstream.stages.table import explained
from nie.commands.command_line import make_parser
from nie.commands.output import all_is_said
from nie.commands.parser import PLUGINS
from nie.errors import NieError
from nie.foreign import one_line, without_password
from nie.plugins import load_plugins
from nie.progress import VisibleFormatter
from nie.runs.other import OtherStage
from nie.settings.flags import flag_values

LONGEST = 2000
"""Characters of an error message that are shown."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0, 1 for an error that nobody foresaw, 2 for a user's mistake, 130 when interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a letter that the terminal does not know must end no command
            stream.reconfigure(errors="backslashreplace")
    given = sys.argv[1:] if argv is None else list(argv)
    try:  # first, because the help of a command, too, lists the settings of a method that a plugin has
        load_plugins(filter(None, flag_values(given, PLUGINS)))
    except NieError as error:
        if "--debug" in given:
            raise
        return _ended(str(error), 2)
    arguments, flags = make_parser().parse_known_args(given)
    arguments.said = shlex.join(["nie", *given])
    if flags and not arguments.takes_flags:
        make_parser().error(f"unrecognized arguments: {' '.join(flags)}")
    handler = logging.StreamHandler()
    handler.setFormatter(VisibleFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("nie").setLevel(logging.WARNING if arguments.quiet else logging.INFO)
    return _run(arguments, flags)


def _run(arguments: argparse.Namespace, flags: list[str]) -> int:
    """Do what the arguments say; whatever is raised becomes one line and an exit code."""
    try:
        code: int | None = arguments.run(arguments, flags)
        all_is_said()
    except BrokenPipeError:
        # Whoever reads our output has closed it, as head does; Python would complain once more when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (NieError, OSError, MemoryError) as error:
        if arguments.debug:
            raise
        said = explained(error) if isinstance(error, OtherStage) else str(error)
        return _ended(said or "out of memory", 2)
    except KeyboardInterrupt:
        if arguments.debug:
            raise
        return _ended("interrupted; run the same command again to continue.", 130)
    except Exception as error:
        if arguments.debug:
            raise
        what = f"{type(error).__name__}: {one_line(without_password(str(error)), 200)}"
        return _ended(f"an error that is not yours, {what}; please report it with {_log_of(error)}.", 1)
    return code or 0


def _ended(said: str, code: int) -> int:
    print(f"nie: {one_line(said, LONGEST)}", file=sys.stderr)
    return code


def _log_of(error: Exception) -> str:
    """Write the traceback of an error to a file, and return where it is."""
    with contextlib.suppress(OSError):
        handle, path = tempfile.mkstemp(prefix="nie-error-", suffix=".log")
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as log:
            log.write(without_password("\n".join([" ".join(sys.argv), "", *traceback.format_exception(error)])))
        return path
    return "what --debug prints"


if __name__ == "__main__":
    sys.exit(main())
