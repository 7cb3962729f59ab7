"""Functions and names that are imported when they are first used, so that naming them loads nothing."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Mapping, Sequence
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

    call.__module__, call.__qualname__, call.__name__ = module, name, name
    return call


def names_later(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:  # fmt: skip
    """``__getattr__`` and ``__dir__`` of a package whose names are imported when they are first asked for.

    Args:
        package: its ``__name__``, for the error message.
        homes: the names by the module that defines them.

    >>> look, names = names_later("own", {"json": ["dumps"]})
    >>> look("dumps")(1), names()
    ('1', ['dumps'])
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def look(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(home_of[name]), name)

    return look, lambda: sorted(home_of)
