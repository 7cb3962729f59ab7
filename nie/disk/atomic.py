"""Files and folders that appear whole or not at all.

Everything is written under a temporary name beside its target and renamed when it is complete and on the disk, so a
reader, a crash or a full disk never meets half a file.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from nie.disk.leftovers import moved_aside, remove, temporary_beside
from nie.errors import NieError, shown

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
BROKEN = (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE)
NOT_WRITABLE = (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)
CANNOT_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)
NO_TEMPORARY = "No usable temporary directory"
"""What Python says where no temporary file can be written, as on a full disk, with the number of a missing file."""
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux


class NotWritten(NieError):
    """A file or folder that could not be written, for a reason that lies in the machine and not in what was asked."""


def lies_in_disk(error: BaseException) -> bool:
    """Whether an error is that of a disk, which may be mended, and not of what was asked.

    >>> lies_in_disk(OSError(errno.ENOSPC, "full")), lies_in_disk(NieError("wrong"))
    (True, False)
    """
    if isinstance(error, FileNotFoundError):
        return NO_TEMPORARY in str(error)
    return isinstance(error, NotWritten) or (isinstance(error, OSError) and error.errno in (*FULL, *BROKEN))


@contextlib.contextmanager
def space_errors(path: Path) -> Iterator[None]:
    """Turn the errors of a full, failing, read-only or missing place into one sentence about ``path``.

    Raises:
        NotWritten: for each of them.
    """
    try:
        yield
    except OSError as error:
        # numpy reports a short write without an error number.
        if error.errno in FULL or "requested and" in str(error):
            raise NotWritten(f"The disk is full: {path} was not written; free some space and run again.") from error
        if error.errno in BROKEN:
            raise NotWritten(
                f"The disk reports an error ({error.strerror}): {path} was not written; check the disk and run again."
            ) from error
        if error.errno in NOT_WRITABLE:
            raise NotWritten(f"{path} cannot be written ({error.strerror}); choose another folder.") from error
        raise


def place_of_file(path: Path) -> Path:
    """Where a file of this name is kept: where it leads to, if it is a link, which stays one.

    Raises:
        NieError: a device, pipe or socket has the name, in whose place a file would be put.

    >>> place_of_file(Path("/dev/null"))
    Traceback (most recent call last):
        ...
    nie.errors.NieError: '/dev/null' is a device, a pipe or a socket; give the name of a file.
    """
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise NieError(f"{shown(str(path))} is a device, a pipe or a socket; give the name of a file.")
    return Path(os.path.realpath(path) if os.path.islink(path) else path)


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write to; it becomes ``path`` on success and vanishes on any error.

    Raises:
        NieError: as `place_of_file` and `space_errors`.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_file(folder / "a.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> (folder / "a.txt").read_text()
    'whole'
    """
    target = place_of_file(Path(path))
    with space_errors(Path(path)), temporary_beside(target) as temporary:
        yield temporary
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, target)
        _sync(target.parent)


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
    with space_errors(target), temporary_beside(target, folder=True) as temporary:
        yield temporary
        for folder, _, files in os.walk(temporary, topdown=False):
            for name in files:
                _sync(Path(folder, name))
            _sync(Path(folder))
        temporary.chmod(0o777 & ~_umask())
        publish_folder(temporary, target)


def publish_folder(source: Path, target: Path) -> None:
    """Rename the finished folder ``source``, whose files are on the disk, to ``target``; an older one is removed.

    The two exchange their names in one step, so that there is a ``target`` at every moment. Where the system cannot do
    that, the older one is moved aside for a moment, and `leftovers.sweep` puts it back after a kill in between.
    """
    if not os.path.lexists(target):
        os.replace(source, target)
    elif not _exchange(source, target):
        with moved_aside(target):
            os.replace(source, target)
    _sync(target.parent)
    remove(source)  # which holds the older one now


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths exchange their names; False where the system or the file system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in CANNOT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _sync(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot do this for folders
            raise
    finally:
        os.close(opened)


def _umask() -> int:
    """The process's file-mode mask; temporary files are private and get it back when they are published."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
