"""An amount of memory as a setting, such as 4G."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from nie.settings.sections import BatchConfig, OptimConfig

UNITS = {"M": 2**20, "G": 2**30, "T": 2**40}


def bytes_of(memory: str) -> int:
    """The bytes of an amount of memory.

    Raises:
        ValueError: it is none.

    >>> bytes_of("1.5G") // 2**20
    1536
    """
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([MGT])", memory)
    if found is None or not float(found[1]):
        raise ValueError(f"memory must be a number above 0 and a unit M, G or T, such as 4G; got {memory[:40]!r}")
    return int(float(found[1]) * UNITS[found[2]])


def _checked(memory: str) -> str:
    bytes_of(memory)
    return memory


Memory = Annotated[str, AfterValidator(_checked)]
"""A setting that is an amount of memory."""

MEMORY = "memory to stay under, such as 4G; it picks the whole graph or batches, and their size and fanout"
"""The description of a setting of that kind."""


def check_accumulate(optim: OptimConfig, batches: object) -> None:
    """Raise ValueError where gradients of several batches are to be accumulated and there are no batches."""
    if optim.accumulate > 1 and not batches:
        raise ValueError("optim.accumulate adds up the gradients of batches; give batch.size too")


def check_memory(memory: str | None, batch: BatchConfig) -> None:
    """Raise ValueError where a memory and the batches that it would pick are both given."""
    if memory is not None and batch != BatchConfig():
        raise ValueError(
            "memory picks the batches itself; leave batch.size (null), batch.fanout and batch.sampler out, or memory"
        )
