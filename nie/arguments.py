"""Checks of what public functions are given: one sentence that names the argument, instead of an error from inside."""

from __future__ import annotations

import math
import os
from numbers import Real
from pathlib import Path
from typing import Any

from nie.errors import NieError, shown

MOST = 2**63 - 1


def of_kind(name: str, value: Any, kind: type, expected: str) -> None:
    """Raise unless ``value`` is of a kind, such as ``of_kind("kg", kg, KnowledgeGraph, "a KnowledgeGraph")``."""
    if not isinstance(value, kind):
        raise NieError(f"{name} must be {expected}; got {shown(value)}.")


def a_path(name: str, value: Any) -> Path:
    """The path that a string or path names.

    >>> a_path("root", "datasets").name
    'datasets'
    """
    if not isinstance(value, (str, os.PathLike)) or isinstance(os.fspath(value), bytes):
        raise NieError(f"{name} must be a path or a string; got {shown(value)}.")
    return Path(value)


def whole_number(name: str, value: Any, least: int = 0, most: int = MOST) -> int:
    """A whole number between two ends; True and False are none.

    >>> whole_number("seed", 3)
    3
    """
    try:
        number = value.__index__()
    except Exception:  # no whole number, or a foreign class
        number = None
    if isinstance(value, bool) or type(number) is not int or not least <= number <= most:
        ends = f"of at least {least}" if most == MOST else f"from {least} to {most}"
        raise NieError(f"{name} must be a whole number {ends}; got {shown(value)}.")
    return number


def positive(name: str, value: Any) -> float:
    """A finite number above 0; True is none.

    >>> positive("p", 2)
    2.0
    """
    number = _real(value)
    if not 0 < number < math.inf:
        raise NieError(f"{name} must be a finite number > 0; got {shown(value)}.")
    return number


def probability(name: str, value: Any) -> float:
    """A number in [0, 1); True is none.

    >>> probability("p", 0)
    0.0
    """
    number = _real(value)
    if not 0 <= number < 1:
        raise NieError(f"{name} must be a probability in [0, 1); got {shown(value)}.")
    return number


def finite(name: str, value: Any) -> float:
    """A finite number; True is none.

    >>> finite("x", -2)
    -2.0
    """
    number = _real(value)
    if not math.isfinite(number):
        raise NieError(f"{name} must be a finite number; got {shown(value)}.")
    return number


def _real(value: Any) -> float:
    """``value`` as a float; NaN if it is no number."""
    try:
        return float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return math.inf
