"""Plugins: modules of a user's own that are loaded by name, and where what they registered comes from.

Whatever is registered is kept with a digest of its source, which becomes part of the name of the runs that use it:
changed code is never answered from a finished run.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from nie.errors import NieError, shown
from nie.foreign import one_line
from nie.own_source import file_of, is_own, source_digest

SESSION = "(session)"
"""The name of a plugin that is no file but what was typed into a session, such as a notebook."""


@dataclass(frozen=True)
class Source:
    """Where something registered comes from.

    Attributes:
        plugin: the name of the module that registered it, or `SESSION`.
        digest: of its source, see `nie.own_source.source_digest`.
        file: of that module; None for a session.
    """

    plugin: str
    digest: str
    file: Path | None


_REGISTERED: dict[tuple[str, str], Source] = {}
"""By kind and name, such as ``("method", "gin")``."""
_LOADED: dict[str, Path] = {}
"""Files of the plugins that were loaded by name."""


def register(kind: str, table: dict[str, Any], name: str, entry: Any, thing: Any, module: ModuleType) -> None:
    """Put ``entry`` into a table under ``name``; what the same plugin registered there before is replaced.

    Args:
        kind: what it is in words, such as "method"; settings ask for it by this word (`RunConfig.uses`).
        table: where names of this kind are looked up.
        thing: the function or class of the user's own that it is made of.
        module: the one that registers it.

    Raises:
        NieError: the name is nie's own or another plugin's, or the source cannot be seen.
    """
    file = file_of(module)
    plugin = SESSION if file is None else file.stem if module.__name__ == "__main__" else module.__name__
    known = _REGISTERED.get((kind, name))
    if name in table and (known is None or known.plugin != plugin):
        whose = "nie's own" if known is None else f"of the plugin {known.plugin}"
        raise NieError(f"There is a {kind} {name} already, {whose}; register yours by another name.")
    _REGISTERED[kind, name] = Source(plugin, source_digest(thing, module), file)
    table[name] = entry


def source_of(kind: str, name: str) -> Source | None:
    """Where something comes from; None for what nie has itself."""
    return _REGISTERED.get((kind, name))


def plugins_of(uses: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The plugins behind what is used, by name, each with a digest of the source of what is used of it."""
    digests: dict[str, set[str]] = {}
    for kind, name in uses:
        source = source_of(kind, name)
        if source is not None:
            digests.setdefault(source.plugin, set()).add(source.digest)
    return {plugin: _joined(found) for plugin, found in sorted(digests.items())}


def _joined(digests: set[str]) -> str:
    if len(digests) == 1:
        return next(iter(digests))
    return hashlib.sha256(" ".join(sorted(digests)).encode()).hexdigest()[:8]


def check_plugins(needed: Mapping[str, str], what: str) -> None:
    """Raise unless the plugins that ``what`` needs have been loaded."""
    known = {source.plugin for source in _REGISTERED.values()}
    for plugin in needed:
        if plugin == SESSION and plugin not in known:
            raise NieError(
                f"{what} needs a method, loss, metric or feature that was typed into a session; register it again."
            )
        if plugin not in known:
            raise NieError(f"{what} needs the plugin {shown(plugin)}, which is not loaded; add --plugins {plugin}.")


def plugin_files(needed: Iterable[str]) -> list[Path]:
    """The files by which another process loads the plugins that were loaded by name, and those that are needed.

    A script or a test may have registered much that a run does not use, and that no other process could import.
    """
    known = (source for source in _REGISTERED.values() if source.plugin in needed)
    return list(dict.fromkeys([*_LOADED.values(), *(source.file for source in known if source.file is not None)]))


def check_files(needed: Mapping[str, str], what: str) -> None:
    """Raise unless another process can load the plugins that ``what`` needs."""
    if SESSION in needed:
        raise NieError(
            f"{what} is made of what was typed into a session, which other processes cannot load; put it into a file, "
            "or use one job."
        )


def load_plugins(names: Iterable[str]) -> None:
    """Import plugins, each a dotted name or the path of a ``.py`` file; those that are loaded already are kept.

    A dotted name is looked up in the working folder, and then where Python looks for modules. A file that lies in a
    package is loaded as a part of it. Modules beside a plugin can be imported by it, after those that are installed.

    Raises:
        NieError: there is no such module, or importing it fails.

    >>> load_plugins(["nowhere/mine.py"])
    Traceback (most recent call last):
        ...
    nie.errors.NieError: There is no plugin 'nowhere/mine.py'; give a .py file, or a module of ...
    """
    for name in names:
        folder, module = _place(name)
        loaded = _imported(name, folder, module)
        file = file_of(loaded)
        if file is not None:
            _LOADED[name] = file


def _place(name: str) -> tuple[Path, str]:
    """The folder that a plugin is imported from, and its dotted name."""
    if not name.endswith(".py"):
        return Path.cwd(), name
    file = Path(name).resolve()
    if not file.is_file():
        raise _unknown(name)
    parts = [] if file.stem == "__init__" else [file.stem]
    folder = file.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(parts)


def _imported(name: str, folder: Path, module: str) -> ModuleType:
    if not all(part.isidentifier() for part in module.split(".")):
        raise NieError(
            f"The plugin {shown(name)} must be the dotted name of a module, or a .py file named like one: letters, "
            "digits and _."
        )
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # behind all that is installed, whose modules stay what they are
    top = module.partition(".")[0]
    here, known = PathFinder.find_spec(top, [str(folder)]), sys.modules.get(top)
    if here is not None and here.origin is not None and known is not None and file_of(known) != Path(here.origin):
        raise NieError(f"The plugin {shown(name)} has the name of another module, {top}; rename it.")
    try:
        if here is not None and here.loader is not None and known is None:
            _execute(importlib.util.module_from_spec(here))
        return importlib.import_module(module)
    except NieError as error:
        raise NieError(f"The plugin {shown(name)} cannot be loaded: {error}") from error
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise _unknown(name) from error
        raise _failed(name, module, error) from error
    except (Exception, SystemExit) as error:
        raise _failed(name, module, error) from error


def _execute(module: ModuleType) -> None:
    """What importing does once a module was found."""
    assert module.__spec__ is not None
    assert module.__spec__.loader is not None
    sys.modules[module.__name__] = module
    try:
        module.__spec__.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(module.__name__, None)
        raise


def _unknown(name: str) -> NieError:
    return NieError(
        f"There is no plugin {shown(name)}; give a .py file, or a module of the working folder or PYTHONPATH."
    )


def _failed(name: str, module: str, error: BaseException) -> NieError:
    own = module.rpartition(".")[2]
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).stem == own]
    where = f" (line {lines[-1]})" if lines else ""
    return NieError(f"The plugin {shown(name)} cannot be loaded{where}: {_in_words(error)}.")


@contextlib.contextmanager
def own_errors(what: str) -> Iterator[None]:
    """Tell an error of a user's own code as such: ``what`` failed, in which line, and how.

    >>> with own_errors("metric mine"):
    ...     1 / 0
    Traceback (most recent call last):
        ...
    nie.errors.NieError: The metric mine failed (...): ZeroDivisionError: division by zero.
    """
    try:
        yield
    except (NieError, MemoryError):
        raise
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":  # torch's, of a GPU
            raise
        frames = [one for one in traceback.extract_tb(error.__traceback__) if is_own(Path(one.filename).resolve())]
        where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
        raise NieError(f"The {what} failed{where}: {_in_words(error)}.") from error


def _in_words(error: BaseException) -> str:
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return one_line(what, 300).removesuffix(".")
