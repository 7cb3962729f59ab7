"""Compiled kernels on disk that are damaged: they are compiled anew.

This stands beside `nie.ops.numba_backend` and not in it, because whatever changes there makes every kernel be compiled
anew.
"""

from __future__ import annotations

import functools
import logging
from typing import Any

log = logging.getLogger("nie.ops")


@functools.cache
def compile_damaged_anew() -> None:
    """Let numba take a file of its cache that cannot be read, such as a truncated one, for one that is not there.

    Numba unpickles these files and would raise whatever that raises, at every call until somebody deletes them.
    """
    from numba.core import caching

    class ForgivingFile(caching.IndexDataCacheFile):  # type: ignore[misc]
        def _load_index(self) -> dict[Any, str]:
            try:
                return dict(super()._load_index())
            except Exception as error:  # bytes of any kind make pickle raise anything
                log.warning("%s is damaged (%s); its kernels are compiled anew", self._index_path, type(error).__name__)
                return {}

        def load(self, key: Any) -> Any:
            try:
                found = super().load(key)
            except Exception as error:
                log.warning("A kernel at %s is damaged (%s); compiled anew", self._cache_path, type(error).__name__)
                return None
            return found if isinstance(found, tuple) else None

    caching.IndexDataCacheFile = ForgivingFile
