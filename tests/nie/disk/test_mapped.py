"""nie.disk.mapped."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from nie.disk.atomic import NotWritten, lies_in_disk
from nie.disk.mapped import forget, scratch


def test_a_scratch_array_keeps_its_numbers_when_it_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    array = scratch((1000, 3), np.float32)
    assert not array.any()
    array[:] = np.arange(3000).reshape(1000, 3)
    forget(array)
    np.testing.assert_array_equal(array, np.arange(3000).reshape(1000, 3))
    assert not [*tmp_path.iterdir()]


def test_a_scratch_array_beyond_the_disk_is_refused_before_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    room = os.statvfs(tmp_path)
    with pytest.raises(NotWritten, match=r"The disk is full: .* was not written; free some space and run again"):
        scratch((2 * room.f_blocks * room.f_frsize,), np.int8)
    assert not [*tmp_path.iterdir()]


def test_no_place_for_temporary_files_lies_in_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python gives it the number of a missing file, which lies in what was asked."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "none")])
    with pytest.raises(FileNotFoundError) as missing:
        tempfile.gettempdir()
    assert lies_in_disk(missing.value)
    assert not lies_in_disk(FileNotFoundError(2, "No such file or directory"))
