"""The wheel, as it is installed outside the source tree, holds what nie needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("setuptools")
ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("nie", "pretrain", "downstream")
BUILD = "import sys, setuptools.build_meta as backend; backend.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy, as building leaves files beside the source; by what pip calls, and without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    source, out = folder / "source", folder / "out"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([sys.executable, "-c", BUILD, str(out)], cwd=source, check=True, capture_output=True, timeout=120)
    (built,) = out.glob("nie-*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    files = {path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()}
    kept = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert held == kept
    assert {"downstream/stages/recipes/quick.yaml", "downstream/reports/report.html.jinja"} <= held
    assert {
        f"downstream/stages/{part}.yaml" for part in ("recipes/reported/fb15k", "links/recipes/reported/db15k")
    } <= held


def test_the_wheel_installs_the_command_and_names_its_extras(wheel: zipfile.ZipFile) -> None:
    (points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "nie = nie.__main__:main" in wheel.read(points).decode()
    metadata = wheel.read(points.replace("entry_points.txt", "METADATA")).decode()
    extras = {line.removeprefix("Provides-Extra: ") for line in metadata.splitlines() if "Provides-Extra" in line}
    assert {"all", "structure", "report", "search", "text", "geo"} <= extras


def test_no_hint_or_page_tells_to_install_from_the_source_tree() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "nie").rglob("*.py")]:
        assert "pip install -e" not in path.read_text(encoding="utf-8"), path
