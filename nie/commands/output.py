"""How commands print their results."""

from __future__ import annotations

import sys
from pathlib import Path

from nie.disk.atomic import space_errors, write_bytes
from nie.foreign import visible, without_controls

LAYOUT = "\n\t"
"""Control characters that an answer itself has."""


def say(*lines: object) -> None:
    """Print a result, on a line each; control characters in foreign names are written as escapes."""
    with space_errors(Path("the output")):
        print(*(visible(str(line)) for line in lines), sep="\n")


def write_answer(path: Path, text: str) -> None:
    """Write what would be printed to a file, where only control characters in foreign names are written as escapes."""
    write_bytes(path, f"{without_controls(text, kept=LAYOUT)}\n".encode())


def all_is_said() -> None:
    """Wait until what was printed is where it goes: a full disk is met here, where it is still an error."""
    with space_errors(Path("the output")):
        sys.stdout.flush()
