from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nie import dgl_compat
from nie.dgl_compat import PlaceholderModule, dgl

TORCH = torch.__version__.split("+")[0]
SOURCE = Path(dgl_compat.__file__)
# The file by itself: `import nie` would go on to import layers, which the fake DGLs below cannot serve.
LOAD = f"import runpy, sys; dgl = runpy.run_path({str(SOURCE)!r})['dgl']; "


def python(code: str, folder: Path, *, first: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a fresh interpreter whose home is ``folder`` and which finds modules in ``first`` first."""
    environment = os.environ | {"HOME": str(folder), "PYTHONPATH": str(first or "")}
    environment.pop("DGLBACKEND", None)
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


def fake_dgl(folder: Path, *, binary: bool, datapipes: bool) -> Path:
    """A package `dgl` that imports its GraphBolt as DGL does, and a `torchdata` with or without datapipes.

    The `torch` beside them has a version, which is all that is read of it, and is loaded in no time.
    """
    graphbolt = folder / "dgl" / "graphbolt"
    graphbolt.mkdir(parents=True)
    (folder / "dgl" / "__init__.py").write_text("from . import graphbolt\nBATCH = graphbolt.MiniBatch\n")
    if binary:
        (graphbolt / dgl_compat._LIBRARY_NAMES[sys.platform].format(TORCH)).touch()
        (graphbolt / "__init__.py").write_text("import torchdata.datapipes\nMiniBatch = 'the real one'\n")
    else:
        (graphbolt / "__init__.py").write_text("raise ImportError('no library for this torch')\n")
    (folder / "torch.py").write_text(f"__version__ = {torch.__version__!r}\n")
    (folder / "torchdata").mkdir()
    (folder / "torchdata" / "__init__.py").touch()
    if datapipes:
        (folder / "torchdata" / "datapipes.py").touch()
    return folder


def test_installed_dgl_works_and_leaves_the_home_folder_alone(tmp_path: Path) -> None:
    code = (
        LOAD + "print(dgl.__version__, type(sys.modules['dgl.graphbolt']).__name__, dgl.rand_graph(3, 4).num_edges())"
    )
    result = python(code, tmp_path)
    assert result.returncode == 0, result.stderr
    placeholder = dgl_compat.needs_placeholder(Path(dgl.__file__).parent, torch.__version__)
    assert result.stdout.split() == [dgl.__version__, "PlaceholderModule" if placeholder else "module", "4"]
    assert list(tmp_path.iterdir()) == []


def test_plain_import_fails_exactly_where_a_placeholder_is_needed(tmp_path: Path) -> None:
    needed = dgl_compat.needs_placeholder(Path(dgl.__file__).parent, torch.__version__)
    result = python("import dgl", tmp_path)
    assert (result.returncode != 0) == needed, result.stderr


def test_dgl_with_its_own_graphbolt_is_imported_as_it_is(tmp_path: Path) -> None:
    result = python(LOAD + "print(dgl.BATCH)", tmp_path, first=fake_dgl(tmp_path / "site", binary=True, datapipes=True))
    assert result.stdout == "the real one\n", result.stderr


@pytest.mark.parametrize(("binary", "datapipes"), [(False, True), (True, False), (False, False)])
def test_placeholder_takes_the_place_of_a_graphbolt_that_cannot_load(
    tmp_path: Path, binary: bool, datapipes: bool
) -> None:
    site = fake_dgl(tmp_path / "site", binary=binary, datapipes=datapipes)
    assert python("import dgl", tmp_path, first=site).returncode != 0
    result = python(LOAD + "dgl.BATCH()", tmp_path, first=site)
    assert "RuntimeError: dgl.graphbolt is not available" in result.stderr
    assert f"torch {TORCH}" in result.stderr


def test_missing_dgl_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "dgl")
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "dgl" else find_spec(name))
    with pytest.raises(ImportError, match=r"pip install dgl==2\.1\.0"):
        dgl_compat.import_dgl()


def test_dgl_that_is_already_imported_is_returned() -> None:
    assert dgl_compat.import_dgl() is dgl


@pytest.mark.parametrize(
    ("platform", "library"),
    [
        ("linux", "libgraphbolt_pytorch_2.4.0.so"),
        ("darwin", "libgraphbolt_pytorch_2.4.0.dylib"),
        ("win32", "graphbolt_pytorch_2.4.0.dll"),
    ],
)
def test_library_is_looked_up_by_platform_and_torch_version(tmp_path: Path, platform: str, library: str) -> None:
    assert dgl_compat.graphbolt_binary(tmp_path, "2.4.0", platform) is None
    (tmp_path / "graphbolt").mkdir()
    (tmp_path / "graphbolt" / library).touch()
    assert dgl_compat.graphbolt_binary(tmp_path, "2.4.0+cpu", platform) == tmp_path / "graphbolt" / library
    assert dgl_compat.graphbolt_binary(tmp_path, "2.4.1", platform) is None
    assert dgl_compat.graphbolt_binary(tmp_path, "2.4.0", "plan9") is None


def test_datapipes_without_torchdata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchdata", None)
    assert not dgl_compat.has_datapipes()


def test_placeholder_can_be_named_and_subclassed_but_not_used() -> None:
    module = PlaceholderModule("dgl.graphbolt", "no library")

    class Sampler(module.Sampler):  # type: ignore[misc, name-defined]
        pass

    with pytest.raises(RuntimeError, match=r"dgl\.graphbolt is not available: no library"):
        Sampler(1, key=2)
    with pytest.raises(AttributeError):
        _ = module.__wrapped__
