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


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_no_changed_byte_is_used(tmp_path: Path, file: Any, ending: str) -> None:
    (path,) = tmp_path.glob(f"*.{ending}")
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert file.load("types") in (None, ("code", 1))


def test_numba_alone_reads_what_is_written_and_what_it_wrote_is_read(tmp_path: Path, file: Any) -> None:
    from numba.core import caching

    numba_alone = caching.IndexDataCacheFile.__mro__[1]
    assert numba_alone(str(tmp_path), "kernel", "stamp").load("types") == ("code", 1)
    numba_alone(str(tmp_path), "other", "stamp").save("types", ("code", 3))
    assert caching.IndexDataCacheFile(str(tmp_path), "other", "stamp").load("types") == ("code", 3)
