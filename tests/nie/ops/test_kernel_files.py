"""nie.ops.kernel_files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nie.ops.kernel_files import compile_damaged_anew

pytest.importorskip("numba")


@pytest.fixture
def file(tmp_path: Path) -> Any:
    """What numba keeps of one kernel, with one entry."""
    from numba.core import caching

    compile_damaged_anew()
    file = caching.IndexDataCacheFile(str(tmp_path), "kernel", "stamp")
    file.save("types", ("code", 1))
    assert file.load("types") == ("code", 1)
    return file


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("content", [b"", b"\x80\x05", b"garbage", b"\x80\x04K\x01.", None])
def test_a_damaged_file_is_as_one_that_is_not_there(tmp_path: Path, file: Any, ending: str, content: bytes) -> None:
    (path,) = tmp_path.glob(f"*.{ending}")
    path.write_bytes(path.read_bytes()[:-5] if content is None else content)
    assert file.load("types") is None
    file.save("types", ("code", 2))
    assert file.load("types") == ("code", 2)
