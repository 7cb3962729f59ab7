"""What the fields of a graph can be given as, and what they are kept as; all else is an error that names the field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from nie.errors import NieError, shown

# Names become folder and file names, so they hold no separator and do not start with a dot or a dash.
NAME_PATTERN = re.compile(r"\w[\w.+-]*")


def check_name(kind: str, name: Any) -> str:
    """Return ``name`` when it can serve as a file name, else raise NieError.

    >>> check_name("dataset", "fb15k")
    'fb15k'
    """
    if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
        raise NieError(f"The {kind} name {shown(name)} is not allowed; use letters, digits, '_', '-', '+' and '.'.")
    return name


def whole_numbers(owner: str, key: str, values: Any) -> NDArray[np.int64]:
    """A read-only array of int64; real numbers are refused, as a cast would truncate them in silence."""
    return _frozen(values, _array(owner, key, values, "iu", "whole numbers"), np.int64)


def real_numbers(owner: str, key: str, values: Any, dtype: DTypeLike) -> NDArray[Any]:
    """A read-only array of floats; what is None becomes nan."""
    array = _array(owner, key, values, "biufO", "real numbers")
    if array.dtype.kind == "O":
        strange = [
            value for value in array.flat if not isinstance(value, (int, float, np.number, np.bool_, type(None)))
        ]
        if array.ndim == 0 or strange:
            raise NieError(f"{owner}: {key} must hold real numbers; got {shown(strange[0] if strange else values)}.")
    try:
        return _frozen(values, array, dtype)
    except (OverflowError, TypeError) as error:  # a whole number beyond all floats, or a complex one
        raise NieError(f"{owner}: {key} must hold real numbers; got {shown(values)}.") from error


def truths(owner: str, key: str, values: Any) -> NDArray[np.bool_]:
    """A read-only array of booleans, which 0 and 1 can stand for."""
    array = _array(owner, key, values, "biuf", "True and False")
    if array.dtype.kind != "b" and not np.isin(array, (0, 1)).all():
        raise NieError(f"{owner}: {key} must hold True and False, or 1 and 0; got {shown(array.ravel()[:5].tolist())}.")
    return _frozen(values, array, np.bool_)


def words(owner: str, key: str, values: Any, *, optional: bool = False) -> Sequence[Any]:
    """A sequence of strings, or with ``optional`` of strings and None; arrays become lists."""
    kinds = (str, type(None)) if optional else str
    expected = "strings or None" if optional else "strings"
    if isinstance(values, (str, bytes, Mapping, Set)) or not hasattr(values, "__len__"):
        raise NieError(f"{owner}: {key} must be a list of {expected}; got {shown(values)}.")
    try:
        kept = values if isinstance(values, (list, tuple)) else list(values)
    except Exception as error:  # of a foreign class
        raise NieError(f"{owner}: {key} must be a list of {expected}; got {shown(values)}.") from error
    for number, value in enumerate(kept):
        if not isinstance(value, kinds):
            raise NieError(f"{owner}: {key} must be a list of {expected}; entry {number} is {shown(value)}.")
    return kept


def mapping(owner: str, key: str, values: Any) -> Mapping[str, Any]:
    """A mapping whose keys are strings."""
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise NieError(f"{owner}: {key} must be a dict with strings as keys; got {shown(values)}.")
    return values


def _array(owner: str, key: str, values: Any, kinds: str, expected: str) -> NDArray[Any]:
    if np.ma.is_masked(values):
        raise NieError(f"{owner}: {key} must hold {expected}; got a masked array, so fill it first.")
    try:
        array = np.asarray(values)
    except Exception as error:  # rows of different lengths, a tensor with a gradient, or a foreign class
        raise NieError(f"{owner}: {key} must be an array or list of {expected}; got {shown(values)}.") from error
    if array.size and array.dtype.kind not in kinds:
        got = shown(values) if array.ndim == 0 else array.dtype
        raise NieError(f"{owner}: {key} must hold {expected}; got {got}.")
    return array


def _frozen(values: Any, array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """A read-only copy: the caller can change its own array; a read-only one, such as a memory map, is not copied."""
    fixed = isinstance(values, np.ndarray) and not values.flags.writeable
    # A number too large for float32 becomes inf, which a channel refuses.
    with np.errstate(over="ignore"):
        view = np.asarray(array, dtype=dtype).view() if fixed else np.array(array, dtype=dtype)
    view.flags.writeable = False
    return view
