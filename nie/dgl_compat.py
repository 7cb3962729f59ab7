"""Import DGL with whatever torch is installed.

DGL 2.1.0, the newest wheel on PyPI, has a C++ core that works with current torch, but ``import dgl`` also
loads GraphBolt, a library built for one exact torch version, through ``torchdata.datapipes``, which torchdata
0.10 removed. `nie` uses no part of GraphBolt. Where no GraphBolt binary matches the installed torch, this module
puts an inert placeholder in its place before it imports DGL; where one matches, it does nothing. The same holds for
``dgl.data.movielens``, which imports pandas without DGL declaring it.

Everything in this project says::

    from nie.dgl_compat import dgl
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch

_LIBRARY_NAMES = {
    "linux": "libgraphbolt_pytorch_{}.so",
    "darwin": "libgraphbolt_pytorch_{}.dylib",
    "win32": "graphbolt_pytorch_{}.dll",
}
INSTALL_HINT = "pip install dgl==2.1.0"


class PlaceholderModule(ModuleType):
    """An inert module: any attribute is a class that can be named and subclassed, and raises when instantiated."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name)

        class Absent:
            def __init__(self, *_args: Any, **_kwargs: Any) -> None:
                raise RuntimeError(f"{name} is not available: {reason}.")

        self._absent = Absent

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._absent


def graphbolt_binary(dgl_folder: Path, torch_version: str, platform: str = sys.platform) -> Path | None:
    """Return the GraphBolt library in ``dgl_folder`` that was built for ``torch_version``, or None."""
    pattern = _LIBRARY_NAMES.get(platform)
    if pattern is None:
        return None
    path = dgl_folder / "graphbolt" / pattern.format(torch_version.split("+", maxsplit=1)[0])
    return path if path.exists() else None


def has_datapipes() -> bool:
    """Whether ``torchdata.datapipes``, which GraphBolt's Python side imports, can be found."""
    try:
        return importlib.util.find_spec("torchdata.datapipes") is not None
    except ModuleNotFoundError:
        return False


def needs_placeholder(dgl_folder: Path, torch_version: str) -> bool:
    """Whether importing the DGL in ``dgl_folder`` would fail on GraphBolt under ``torch_version``."""
    return graphbolt_binary(dgl_folder, torch_version) is None or not has_datapipes()


def import_dgl() -> ModuleType:
    """Import and return DGL, with a placeholder for GraphBolt where that is needed.

    Raises:
        ImportError: DGL is not installed; the message says what to install.
    """
    if "dgl" in sys.modules:
        return sys.modules["dgl"]
    spec = importlib.util.find_spec("dgl")
    if spec is None or spec.origin is None:
        raise ImportError(f"nie needs DGL, which is not installed: {INSTALL_HINT}")
    # DGL writes ~/.dgl/config.json on first import unless told which backend to use.
    os.environ.setdefault("DGLBACKEND", "pytorch")
    if needs_placeholder(Path(spec.origin).parent, torch.__version__):
        reason = f"this DGL has no GraphBolt library for torch {torch.__version__}; use dgl.dataloading"
        sys.modules["dgl.graphbolt"] = PlaceholderModule("dgl.graphbolt", reason)
    if importlib.util.find_spec("pandas") is None:
        sys.modules["dgl.data.movielens"] = PlaceholderModule("dgl.data.movielens", "it needs pandas")
    with warnings.catch_warnings():
        # DGL 2.1 predates numpy 2 and torch 2.4; its own deprecated calls are not the user's to mend.
        warnings.simplefilter("ignore")
        return importlib.import_module("dgl")


if TYPE_CHECKING:
    import dgl as dgl  # so that annotations may say dgl.DGLGraph
else:
    dgl = import_dgl()
