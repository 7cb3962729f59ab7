"""The number of threads that a fold is worked on with, which stays what it was when the fold was begun.

Another number changes the last digits, and a fold that is continued must end with the bits of one that was never
stopped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from nie.errors import NieError
from nie.runs.files import read_json, write_json
from nie.runs.fold_folder import THREADS
from nie.threads import computing_with, free_threads


@contextlib.contextmanager
def fold_threads(folder: Path) -> Iterator[None]:
    """Work in the folder of a half-done fold: with as many threads as it was begun with, or as are free now.

    Raises:
        NieError: what the folder says of it is damaged.
    """
    file = folder / THREADS
    if file.exists():
        threads = _begun_with(file)
    elif any(folder.iterdir()):  # begun before folds kept their number, with what torch takes
        yield
        return
    else:
        threads = free_threads()
        write_json(file, {"threads": threads})
    try:
        with computing_with(threads):
            yield
    except BaseException:
        if list(folder.iterdir()) == [file]:  # nothing was begun yet
            file.unlink()
        raise


def _begun_with(file: Path) -> int:
    try:
        threads = read_json(file).get("threads")
    except NieError:
        threads = None
    if not isinstance(threads, int) or threads < 1:
        raise NieError(f"{file} is damaged; remove the folder {file.parent} to start the fold again.")
    return threads
