"""Functions that are imported when they are first called, so that what names them loads nothing."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable
from typing import Any


def later(reference: str) -> Callable[..., Any]:
    """The function ``"package.module:function"`` (or ``:Class.method``), imported when it is first called.

    A stage or a method is named in places that must not load torch, such as ``nie --help`` and ``nie table``.

    >>> later("json:dumps")({"a": 1})
    '{"a": 1}'
    """
    module, _, name = reference.partition(":")

    def call(*arguments: Any, **options: Any) -> Any:
        return operator.attrgetter(name)(importlib.import_module(module))(*arguments, **options)

    call.__qualname__ = call.__name__ = name
    return call
