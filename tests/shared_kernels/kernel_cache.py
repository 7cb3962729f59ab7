"""Where compiled CPU kernels are kept while tests run, so that fresh clones on one machine share them.

Numba keeps them beside the source, in ``__pycache__``: a fresh clone would compile all of them again, which is a third
of the time of the tests of operators. Here the folder is named by what all kernels are made from, so that clones with
other sources never meet in it. Numba itself asks for the same bytes of source, numba's version and the same processor.

This file has a folder of its own because the folder is on the path of every process that a test starts: from ``tests``,
the folders ``nie``, ``pretrain`` and ``downstream`` there would be taken for the packages.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

OPS = Path(__file__).parents[2] / "nie" / "ops"
KEPT = 8
"""States of the sources whose kernels stay on disk; one takes some tens of megabytes."""


def share_kernels() -> None:
    """Point numba at the shared folder, in this process and in those that it starts; before numba is imported."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nie" / "kernels"
    sources = [OPS / "drop_pattern.py", *sorted((OPS / "numba_backend").glob("*.py"))]
    folder = cache / hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.touch()
    except OSError:  # numba then keeps them where it always does
        return
    for old in sorted(cache.iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    os.environ["NIE_TEST_KERNELS"] = str(folder)
    os.environ["NUMBA_CACHE_LOCATOR_CLASSES"] = "kernel_cache.SharedKernels,InTreeCacheLocator,UserWideCacheLocator"
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(os.pathsep.join(paths).split(os.pathsep)))


def __getattr__(name: str) -> Any:
    """The class that numba asks for by its name; made here because `conftest` imports this module before numba."""
    if name != "SharedKernels":
        raise AttributeError(name)
    from numba.core.caching import InTreeCacheLocator

    class SharedKernels(InTreeCacheLocator):  # type: ignore[misc]
        def get_cache_path(self) -> str:
            return os.environ["NIE_TEST_KERNELS"]

    return SharedKernels
