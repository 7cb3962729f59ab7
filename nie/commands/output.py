"""How commands print their results."""

from __future__ import annotations

import sys
from pathlib import Path

from nie.disk.atomic import space_errors
from nie.foreign import visible


def say(*lines: object) -> None:
    """Print a result, on a line each; control characters in foreign names are written as escapes."""
    with space_errors(Path("the output")):
        print(*(visible(str(line)) for line in lines), sep="\n")


def all_is_said() -> None:
    """Wait until what was printed is where it goes: a full disk is met here, where it is still an error."""
    with space_errors(Path("the output")):
        sys.stdout.flush()
