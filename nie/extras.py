"""Optional packages: a feature whose extra is not installed says which one to install."""

from __future__ import annotations

import importlib
from types import ModuleType

from nie.errors import NieError


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
        raise NieError(f"This needs the package {module}: pip install -e '.[{extra}]' in nie's folder.") from error
