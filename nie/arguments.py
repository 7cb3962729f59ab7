"""Checks of what public functions are given: one sentence that names the argument, instead of an error from inside."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

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


def as_name(value: Any) -> str | None:
    """The name that a string or a whole number is, as graphs in memory may have it; None for anything else.

    >>> as_name("ann"), as_name(7), as_name(True)
    ('ann', '7', None)
    """
    if isinstance(value, str):
        return value
    return str(int(value)) if isinstance(value, Integral) and not isinstance(value, (bool, np.bool_)) else None


def a_name(what: str, value: Any) -> str:
    """The name that a user gives for something in a graph.

    >>> a_name("The entity", 7)
    '7'
    """
    name = as_name(value)
    if name is None or not name.strip():
        raise NieError(f"{what} must be a name, a string or a whole number; got {shown(value)}.")
    return name


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
    return _real(name, value, lambda number: 0 < number < math.inf, "a finite number > 0")


def probability(name: str, value: Any) -> float:
    """A number in [0, 1); True is none.

    >>> probability("p", 0)
    0.0
    """
    return _real(name, value, lambda number: 0 <= number < 1, "a probability in [0, 1)")


def inner_share(name: str, value: Any) -> float:
    """A number above 0 and below 1.

    >>> inner_share("coverage", 0.9)
    0.9
    """
    return _real(name, value, lambda number: 0 < number < 1, "a number above 0 and below 1")


def finite(name: str, value: Any) -> float:
    """A finite number; True is none.

    >>> finite("x", -2)
    -2.0
    """
    return _real(name, value, math.isfinite, "a finite number")


def _real(name: str, value: Any, fits: Callable[[float], bool], expected: str) -> float:
    """``value`` as a float that ``fits``; what is no number is nan, which must not fit."""
    try:
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not fits(number):
        raise NieError(f"{name} must be {expected}; got {shown(value)}.")
    return number
