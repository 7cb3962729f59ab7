"""nie.training.freed_memory."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import numpy as np
import pytest

from nie.training.freed_memory import give_back_freed


def resident() -> int:
    """Bytes of this process's memory that are in use."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc")
def test_what_lies_free_between_pieces_in_use_is_given_back() -> None:
    pieces = [np.ones(10_000 if number % 2 else 100) for number in range(4000)]
    in_use, before = pieces[::2], resident()
    del pieces  # which gives some back by itself where an earlier test has asked for that
    give_back_freed()
    assert before - resident() > 100e6
    assert all(piece[0] == 1 for piece in in_use)
