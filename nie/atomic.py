"""Files and folders that appear whole or not at all.

Everything is written under a temporary name beside its target and renamed when it is complete, so a reader, a crash
or a full disk never meets half a file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nie.errors import NieError

NOT_WRITABLE = (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)


@contextlib.contextmanager
def space_errors(path: Path) -> Iterator[None]:
    """Turn the errors of a full, read-only or missing place into one sentence about ``path``."""
    try:
        yield
    except OSError as error:
        # numpy reports a short write without an error number.
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "requested and" in str(error):
            raise NieError(f"The disk is full: {path} was not written; free some space and run again.") from error
        if error.errno in NOT_WRITABLE:
            raise NieError(f"{path} cannot be written ({error.strerror}); choose another folder.") from error
        raise


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write to; it becomes ``path`` on success and vanishes on any error.

    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_file(folder / "a.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> (folder / "a.txt").read_text()
    'whole'
    """
    target = Path(path)
    with space_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.chmod(0o666 & ~_umask())
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write ``content`` atomically.

    What a library can serialise to bytes is written this way, because the writers of some libraries (safetensors,
    torch) report a full disk as an error that cannot be told from others.
    """
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary folder to fill; it becomes ``path`` on success, replacing what was there."""
    target = Path(path)
    with space_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield temporary
            temporary.chmod(0o777 & ~_umask())
            publish_folder(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def publish_folder(source: Path, target: Path) -> None:
    """Rename the finished folder ``source`` to ``target``; an older ``target`` is removed afterwards."""
    if target.exists():
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.old.", dir=target.parent) as grave:
            os.replace(target, Path(grave) / target.name)
            os.replace(source, target)
    else:
        os.replace(source, target)


def _umask() -> int:
    """The process's file-mode mask; temporary files are private and get it back when they are published."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
