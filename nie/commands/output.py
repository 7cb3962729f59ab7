"""How commands print their results."""

from __future__ import annotations

from nie.foreign import visible


def say(*lines: object) -> None:
    """Print a result, on a line each; control characters in foreign names are written as escapes."""
    print(*(visible(str(line)) for line in lines), sep="\n")
