"""How many threads to compute with: as many as there are cores that other processes leave free.

Threads of a numerical library wait for each other many times in a millisecond. Where a core has other work, one of them
waits for its turn while the others spin, and an epoch takes several times as long as on a single thread
(docs/results/threads.md).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from nie.progress import log

SAMPLE_SECONDS, KEPT_SECONDS = 0.2, 10.0
TOLERANCE = 0.25
"""What other processes may take of the cores without costing a thread."""
EXPLICIT = "OMP_NUM_THREADS"
STAT = Path("/proc/stat")
_seen: dict[str, float] = {}
"""When the load was last looked at, as what takes milliseconds would wait for it, the cores that were busy then, and
the number of threads that was said last."""


def free_threads() -> int:
    """The number of threads to begin a job with: at least 1, at most torch's own.

    It is torch's own where ``OMP_NUM_THREADS`` is set, and where nothing says what other processes do.
    """
    import torch  # here, because runs are also read where torch must not be loaded

    most = torch.get_num_threads()
    if most == 1 or EXPLICIT in os.environ:
        return most
    if time.monotonic() - _seen.get("when", -KEPT_SECONDS) >= KEPT_SECONDS:
        _seen.update(busy=busy_cores(), when=time.monotonic())
    available = len(cores())
    threads = max(1, min(most, int(available - _seen["busy"] + TOLERANCE)))
    if threads < most and _seen.get("said") != threads:
        log.info(
            "computing with %d of %d threads, because other processes keep %.1f of %d cores busy; %s overrules it",
            threads, most, _seen["busy"], available, EXPLICIT,
        )  # fmt: skip
    _seen.update(said=threads)
    return threads


def busy_cores(seconds: float = SAMPLE_SECONDS) -> float:
    """How many cores other processes use now, in a sample of so many seconds; 0 where the system does not say.

    Processes of a low priority count too: a system that shares its cores among sessions gives them as much.

    >>> busy_cores(0.01) >= 0
    True
    """
    before = _used()
    if before is None:
        return 0.0
    own, started = sum(os.times()[:2]), time.monotonic()
    time.sleep(seconds)
    after, own, passed = _used(), sum(os.times()[:2]) - own, time.monotonic() - started
    return 0.0 if after is None else max(0.0, (after - before - own) / passed)


@contextlib.contextmanager
def computing_with(threads: int) -> Iterator[None]:
    """Compute with so many threads in torch, in nie's kernels, which follow it, in BLAS and in scikit-learn."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    if threads == before:
        yield
        return
    explicit = os.environ.get(EXPLICIT)
    os.environ[EXPLICIT] = str(threads)  # for libraries that are loaded later
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads):
            yield
    finally:
        torch.set_num_threads(before)
        del os.environ[EXPLICIT]
        if explicit is not None:
            os.environ[EXPLICIT] = explicit


def cores() -> set[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _used() -> float | None:
    """Seconds that the cores of this process have been used since the system started; None where it does not say."""
    names = {f"cpu{core}" for core in cores()}
    try:
        rows = [line.split() for line in STAT.read_text(encoding="ascii").splitlines()]
        # user nice system idle iowait irq softirq steal
        times = [[int(ticks) for ticks in row[1:9]] for row in rows if row[0] in names]
        used = sum(sum(row) - row[3] - row[4] for row in times)
        return used / os.sysconf("SC_CLK_TCK") if times else None
    except (OSError, ValueError, IndexError):
        return None
