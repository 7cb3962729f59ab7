"""Optional packages: a feature whose extra is not installed says which one to install."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

from nie.errors import NieError


@dataclass(frozen=True)
class Package:
    """A module that something needs, and the optional dependency group that installs it.

    Attributes:
        module: its name.
        extra: the group.
    """

    module: str
    extra: str

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.module.split(".")[0]

    @property
    def command(self) -> str | None:
        """What brings it, if that is not the installation of its group."""
        return None

    def is_there(self) -> bool:
        """Whether it need not be brought; imports nothing."""
        try:
            return importlib.util.find_spec(self.name) is not None
        except ValueError:  # it was put among the loaded modules by hand
            return True


def require(module: str, extra: str) -> ModuleType:
    """Import and return ``module``, which the optional dependency group ``extra`` installs.

    Raises:
        NieError: the module is not installed.

    >>> require("json", "report").__name__
    'json'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise _missing([Package(module, extra)]) from error


def require_all(packages: Iterable[Package]) -> None:
    """Raise one error for all packages that are not installed; called before a long job, and imports nothing.

    >>> require_all([Package("json", "report"), Package("no_such", "text"), Package("nor_this", "report")])
    Traceback (most recent call last):
        ...
    nie.errors.NieError: This needs the packages no_such and nor_this: pip install 'nie[report,text]'.
    """
    missing = [package for package in dict.fromkeys(packages) if not package.is_there()]
    if missing:
        raise _missing(missing)


def _missing(packages: list[Package]) -> NieError:
    names = list(dict.fromkeys(package.name for package in packages))
    extras = ",".join(sorted({package.extra for package in packages if package.command is None}))
    commands = [f"pip install 'nie[{extras}]'"] if extras else []
    commands += dict.fromkeys(f"`{package.command}`" for package in packages if package.command is not None)
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return NieError(f"This needs the package{'s' * (len(names) > 1)} {listed}: {' and '.join(commands)}.")


def installed_version(package: str) -> str | None:
    """Version of an installed package, or None; a checkout that ``PYTHONPATH`` names has none.

    >>> installed_version("no-such-package") is None
    True
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
