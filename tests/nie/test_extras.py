"""nie.extras."""

import sys
from pathlib import Path

import pytest

from nie.errors import NieError
from nie.extras import require


def test_a_missing_package_names_its_extra() -> None:
    with pytest.raises(NieError, match=r"pip install -e '.\[text\]'"):
        require("surely_not_installed", "text")


def test_a_package_that_is_itself_broken_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_package.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed"):
        require("broken_package", "text")
    assert "broken_package" not in sys.modules
