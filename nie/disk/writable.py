"""Whether a file can be written, asked before a long job rather than after it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from nie.disk.atomic import place_of_file
from nie.errors import NieError, shown


def check_writable(path: Path) -> None:
    """Make the folder of ``path``, or of what it links to, and a file in it that is removed again.

    Raises:
        NieError: either cannot be made, or ``path`` is a folder, a device, a pipe or a socket.

    >>> check_writable(Path("/proc/scores.csv"))
    Traceback (most recent call last):
        ...
    nie.errors.NieError: '/proc/scores.csv' cannot be written (...); choose another place.
    """
    try:
        if path.is_dir():
            raise NieError(f"{path} is a folder; give the name of a file in it.")
        target = place_of_file(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, probe = tempfile.mkstemp(prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent)
        os.close(handle)
        os.unlink(probe)
    except OSError as error:
        raise NieError(f"{shown(str(path))} cannot be written ({error.strerror}); choose another place.") from error
