"""A digest of the code of a user's own that a method, loss, metric or feature is made of.

What is installed, Python's own and nie's own are left out: a run's provenance names their versions and commit.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import inspect
import linecache
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from nie.errors import NieError, shown

OF_NIE = ("nie", "pretrain", "downstream")
CONSTANTS = (bool, int, float, complex, str, bytes, tuple, frozenset, type(None))


def source_digest(thing: Any, module: ModuleType) -> str:
    """Eight hex digits of all code of the user's own that ``thing`` can reach.

    Of a module with a file, that is the file, or all of the package that it lies in, and the same of whatever of the
    user's own is imported there. Of a session such as a notebook, whose module has no file, it is the cells of
    ``thing`` and of all that it names, the constants that it names, and the modules of the user's own.

    Args:
        thing: a function or class.
        module: the one that registers it, which counts even if it is installed.

    Raises:
        NieError: it was typed where Python keeps no source.
    """
    parts: dict[str, bytes] = {}
    file = file_of(module)
    if file is None:
        waiting = [place for home in _read_cells(thing, parts) if (place := _place_of(home)) and is_own(place)]
    else:
        waiting = [file if module.__name__ == "__main__" else _place_of(module.__name__) or file]
    seen: set[Path] = set()
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        for each in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            source = each.read_bytes()
            parts[each.relative_to(place.parent).as_posix()] = source
            imported = map(_place_of, _imported(source))
            waiting += [found for found in imported if found is not None and is_own(found)]
    total = hashlib.sha256()
    for name in sorted(parts):
        total.update(f"{name}\n{len(parts[name])}\n".encode() + parts[name])
    return total.hexdigest()[:8]


def file_of(module: ModuleType | None) -> Path | None:
    """The file that a module was loaded from; None for one without, such as that of a notebook."""
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None


def is_own(place: Path) -> bool:
    """Whether a file or folder is neither installed, nor Python's, nor nie's."""
    standard, home = Path(sysconfig.get_path("stdlib")).resolve(), Path(__file__).resolve().parent.parent
    if place.is_relative_to(standard) or {"site-packages", "dist-packages"} & set(place.parts):
        return False
    return not any(place.is_relative_to(home / name) for name in OF_NIE)


def _imported(source: bytes) -> Iterator[str]:
    """The modules that import statements of a file name; relative ones stay in its package."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a file beside those that were imported
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _place_of(module: str) -> Path | None:
    """The folder of the outermost package that a module lies in, or else its file; None where there is neither."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        name = ".".join(parts[:end])
        try:
            known = sys.modules.get(name)
            origin = known.__spec__ if known is not None else importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):
            return None
        file = None if known is None else file_of(known)
        if file is None and origin is not None and origin.has_location and origin.origin is not None:
            file = Path(origin.origin).resolve()
        if file is not None:
            return file.parent if file.name == "__init__.py" else file if file.suffix == ".py" else None
    return None


def _read_cells(thing: Any, parts: dict[str, bytes]) -> list[str]:
    """Add the cells of ``thing`` and of what it names to ``parts``; the names of modules with files are returned."""
    modules: list[str] = []
    waiting, seen = [thing], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        home = value.__name__ if isinstance(value, ModuleType) else _plain(value).__module__
        if isinstance(value, ModuleType) or home == "builtins" or file_of(sys.modules.get(home)) is not None:
            modules.append(home)
            continue
        functions = list(_functions(value))
        cells = {"".join(linecache.getlines(one.__code__.co_filename)) for one in functions}
        if not all(cells) or not cells:
            raise NieError(
                f"The source of {shown(value)}, which was typed into a session, is kept nowhere, so that nie could not "
                "tell when it changes; put it into a file and import that, or give it by --plugins."
            )
        parts.update({f"cell {text}": b"" for text in cells})
        waiting += [base for base in getattr(value, "__mro__", ())[1:] if base is not object]
        for function in functions:
            for name in _names(function.__code__):
                named = function.__globals__.get(name)
                if isinstance(named, CONSTANTS):
                    parts[f"{name} = {named!r}"] = b""
                elif isinstance(named, (ModuleType, type, FunctionType, functools.partial)):
                    waiting.append(named)
    return modules


def _plain(value: Any) -> Any:
    """The function or class that a value is, is made of, or is one of."""
    while isinstance(value, functools.partial):
        value = value.func
    return value if isinstance(value, (type, FunctionType)) else type(value)


def _functions(value: Any) -> Iterator[FunctionType]:
    """The functions that a function or a class consists of."""
    value = _plain(value)
    if isinstance(value, FunctionType):
        yield inspect.unwrap(value)
        return
    for member in vars(value).values():
        member = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if isinstance(member, FunctionType):
            yield inspect.unwrap(member)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
