"""Compiled kernels on disk that are damaged: they are compiled anew.

This stands beside `nie.ops.numba_backend` and not in it, because whatever changes there makes every kernel be compiled
anew.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

log = logging.getLogger("nie.ops")
_MARK = b"\nsha256 "


def with_digest(content: bytes) -> bytes:
    """Content that ends with its sha256, which pickle, as every reader of numba's files, leaves unread."""
    return content + _MARK + hashlib.sha256(content).hexdigest().encode()


def is_unchanged(content: bytes) -> bool:
    """Whether content is as it was written; what has no sha256, as of numba alone, is taken for whole.

    >>> is_unchanged(with_digest(b"kernel")), is_unchanged(with_digest(b"kernel").replace(b"k", b"c"))
    (True, False)
    """
    head, mark, _ = content.rpartition(_MARK)
    return not mark or content == with_digest(head)


@functools.cache
def compile_damaged_anew() -> None:
    """Let numba take a file of its cache that is damaged for one that is not there.

    Numba unpickles these files and would raise whatever that raises, at every call until somebody deletes them; and it
    would run machine code of which a byte has changed.
    """
    from numba.core import caching

    class CheckedFile(caching.IndexDataCacheFile):  # type: ignore[misc]
        @contextlib.contextmanager
        def _open_for_write(self, filepath: str) -> Iterator[io.BytesIO]:
            with super()._open_for_write(filepath) as file:
                yield (content := io.BytesIO())
                file.write(with_digest(content.getvalue()))

        def _load_index(self) -> dict[Any, str]:
            found = self._of_whole(self._index_path, super()._load_index)
            return found if isinstance(found, dict) else {}

        def _load_data(self, name: str) -> tuple[Any, ...] | None:
            found = self._of_whole(self._data_path(name), functools.partial(super()._load_data, name))
            return found if isinstance(found, tuple) else None

        @staticmethod
        def _of_whole(path: str, load: Any) -> Any:
            """What ``load`` reads at a path; None where the file there is damaged or missing."""
            try:
                if is_unchanged(Path(path).read_bytes()):
                    return load()
                why = "its sha256 is another"
            except FileNotFoundError:
                return None
            except Exception as error:  # bytes of any kind make pickle raise anything
                why = type(error).__name__
            log.warning("%s is damaged (%s), so its kernels are compiled anew.", path, why)
            return None

    caching.IndexDataCacheFile = CheckedFile
