"""The ``nie`` command."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from downstream.stages.table import explained
from nie.commands.command_line import make_parser
from nie.errors import NieError
from nie.runs.run import OtherStage


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 2 for a user's mistake, 130 when interrupted."""
    arguments, flags = make_parser().parse_known_args(argv)
    if flags and not arguments.takes_flags:
        make_parser().error(f"unrecognized arguments: {' '.join(flags)}")
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr, force=True)
    logging.getLogger("nie").setLevel(logging.WARNING if arguments.quiet else logging.INFO)
    try:
        arguments.run(arguments, flags)
    except BrokenPipeError:
        # Whoever reads our output has closed it, as head does; Python would complain once more when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (NieError, OSError, MemoryError) as error:
        if arguments.debug:
            raise
        said = explained(error) if isinstance(error, OtherStage) else error or "out of memory"
        print(f"nie: {said}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        if arguments.debug:
            raise
        print("nie: interrupted; run the same command again to continue.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
