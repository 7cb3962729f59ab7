"""Work on the folds of a run, by any number of processes at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from nie.disk.atomic import space_errors
from nie.errors import NieError
from nie.progress import log
from nie.runs.fold_folder import taken_over
from nie.runs.fold_threads import fold_threads
from nie.runs.run import Run

WAIT_FOR_EVER = -1


def run_folds(
    run: Run,
    folds: Iterable[int],
    work: Callable[[int, Path], None],
    outdated: Callable[[Run, int], bool] = lambda _run, _fold: False,
) -> None:
    """Call ``work(fold, folder)`` for every fold that is not finished, and keep the summary up to date.

    Several processes may work on different folds of a run. A fold that another process works on comes last: it is
    waited for, and worked on here if that process ends without it.

    Args:
        run: the run.
        folds: numbers of its folds.
        work: makes a fold in a folder.
        outdated: whether a finished fold is to be made anew; it stays as it is until then.
    """
    taken = [fold for fold in folds if not _free(run, fold, work, outdated, wait=0)]
    for fold in taken:
        log.info("%s fold %d: another process works on it, so it is waited for", run.path.name, fold)
        _free(run, fold, work, outdated, wait=WAIT_FOR_EVER)


def is_taken(path: Path, fold: int) -> bool:
    """Whether a process works on a fold of the run at ``path`` now."""
    lock = _lock(path, fold)
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True


@contextlib.contextmanager
def unused(path: Path) -> Iterator[None]:
    """Keep every process from working on the run at ``path``.

    Raises:
        NieError: one works on it now.
    """
    with contextlib.ExitStack() as held:
        for lock in sorted(path.glob(".*.lock")):
            try:
                held.enter_context(FileLock(lock, timeout=0))
            except Timeout as error:
                raise NieError(f"{path} is in use by another process; wait until that ends, or stop it.") from error
        yield


def _free(
    run: Run, fold: int, work: Callable[[int, Path], None], outdated: Callable[[Run, int], bool], *, wait: float
) -> bool:
    """Finish a fold, unless another process has its lock for longer than ``wait`` seconds; whether it is finished."""
    with space_errors(run.path):
        lock = FileLock(_lock(run.path, fold), timeout=wait)
        try:
            lock.acquire()
        except Timeout:
            return False
    try:
        if taken_over(run.partial_path(fold), run.fold_path(fold)) and not outdated(run, fold):
            log.info("%s fold %d: finished before, kept", run.path.name, fold)
        else:
            with run.fold(fold) as folder, fold_threads(folder):
                work(fold, folder)
    finally:
        lock.release()
    run.write_summary()
    return True


def _lock(path: Path, fold: int) -> Path:
    return path / f".fold{fold}.lock"
