"""nie.extras."""

import sys
from pathlib import Path

import pytest

from nie.errors import NieError
from nie.extras import Package, require, require_all


def test_a_missing_package_names_its_extra() -> None:
    with pytest.raises(NieError, match=r"package surely_not_installed: pip install 'nie\[text\]'"):
        require("surely_not_installed", "text")


def test_a_package_that_is_itself_broken_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_package.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed"):
        require("broken_package", "text")
    assert "broken_package" not in sys.modules


def test_all_that_is_missing_is_said_at_once() -> None:
    wanted = [Package("no_such.backend", "report"), Package("json", "text"), Package("nor_this", "structure")]
    with pytest.raises(NieError) as caught:
        require_all([*wanted, Package("no_such", "report")])
    assert str(caught.value) == "This needs the packages no_such and nor_this: pip install 'nie[report,structure]'."
