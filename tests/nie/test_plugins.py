"""nie.plugins, and --plugins of the command line."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from stage_helpers import run_quietly, store_synthetic

from downstream.methods.table import METHODS
from nie import plugins
from nie.__main__ import main
from nie.errors import NieError
from nie.own_source import source_digest

METHOD = """
import nie

def level(given, *, height: float = {}):
    return given.features[:, 0] * 0 + height

nie.register_method("level", level)
"""
COMMAND = ["downstream", "--recipe", "fast", "--dataset", "synthetic", "--method", "level", "--folds.run", "0"]
FLAGS = ["--features.structural", "structural", "--features.semantic", "none"]


@pytest.fixture(autouse=True)
def as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    modules, methods, path = set(sys.modules), dict(METHODS), list(sys.path)
    monkeypatch.setattr(plugins, "_REGISTERED", {})
    monkeypatch.setattr(plugins, "_LOADED", {})
    yield
    METHODS.clear()
    METHODS.update(methods)
    sys.path[:] = path
    forget(modules)


def forget(modules: set[str]) -> None:
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(Path.cwd())):
            del sys.modules[name]


def new_process(modules: set[str]) -> None:
    """As if nothing had been loaded or registered."""
    forget(modules)
    METHODS.pop("level", None)
    plugins._REGISTERED.clear()


def test_changed_code_is_never_answered_from_a_finished_run(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    modules, found = set(sys.modules), []
    for height in (1.0, 1.0, 2.5):
        Path("level_method.py").write_text(METHOD.format(height))
        name = "level_method" if found else "./level_method.py"
        code, out, error = run_quietly([*COMMAND, *FLAGS, "--plugins", name], tmp_path / "data", tmp_path / "runs")
        assert (code, error) == (0, "")
        found.append(Path(out.splitlines()[-1]))
        new_process(modules)
    assert found[0] == found[1] != found[2]
    code, _, error = run_quietly(
        ["downstream", "--recipe", str(found[0] / "config.yaml")], tmp_path / "data", tmp_path / "runs"
    )
    assert (code, error.count("\n")) == (2, 1)
    assert "needs the plugin 'level_method', which is not loaded; add --plugins level_method." in error
    code, out, _ = run_quietly(["table", "synthetic"], tmp_path / "data", tmp_path / "runs")
    assert code == 0
    assert out.count("level-") == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / 0\n", "cannot be loaded (line 1): ZeroDivisionError: division by zero."),
        ("\ndef (\n", "cannot be loaded: SyntaxError: invalid syntax (broken.py, line 2)."),
        (
            "import no_such_module\n",
            "cannot be loaded (line 1): ModuleNotFoundError: No module named 'no_such_module'.",
        ),
        ("import sys; sys.exit(0)\n", "cannot be loaded (line 1): SystemExit: 0."),
        ("import nie\nnie.register_method('rgtn', print)\n", "cannot be loaded: There is a method rgtn already"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_one_sentence(
    text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("broken.py").write_text(text)
    assert main(["table", "synthetic", "--plugins", "broken.py"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"nie: The plugin 'broken.py' {said}")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.py", "There is no plugin 'nowhere.py'; give a .py file, or a module"),
        ("no_such_package.part", "There is no plugin 'no_such_package.part'"),
        ("not a name", "must be the dotted name of a module"),
        ("./yaml.py", "The plugin './yaml.py' has the name of another module, yaml; rename it."),
    ],
)
def test_a_plugin_that_is_not_there_is_one_sentence(name: str, said: str) -> None:
    Path("yaml.py").write_text("")
    with pytest.raises(NieError, match=said.replace("(", r"\(")):
        plugins.load_plugins([name])


def test_a_plugin_may_be_part_of_a_package_and_import_its_neighbours() -> None:
    Path("ownpackage").mkdir()
    Path("ownpackage", "__init__.py").touch()
    Path("ownpackage", "part.py").write_text("from ownpackage import other\nfrom . import other\nimport beside\n")
    Path("ownpackage", "other.py").touch()
    Path("beside.py").touch()
    plugins.load_plugins(["ownpackage/part.py", "ownpackage.part"])
    assert sys.modules["ownpackage.part"].__dict__["beside"] is sys.modules["beside"]
    assert plugins.plugin_files([]) == [Path("ownpackage", "part.py").resolve()]


def test_other_processes_load_what_was_named_and_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what else a script has registered."""
    sources = {name: plugins.Source(name, "0" * 8, Path(f"{name}.py")) for name in ("needed", "unused")}
    monkeypatch.setattr(plugins, "_REGISTERED", {("method", name): source for name, source in sources.items()})
    monkeypatch.setattr(plugins, "_LOADED", {"named": Path("named.py")})
    assert plugins.plugin_files(["needed"]) == [Path("named.py"), Path("needed.py")]


def test_help_lists_the_settings_of_a_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    Path("level_method.py").write_text(METHOD.format(3.0))
    with pytest.raises(SystemExit):
        main(["downstream", "--help", "--method", "level", "--plugins=level_method"])
    assert "--model.height" in capsys.readouterr().out


def typed(number: int, text: str, names: dict[str, Any]) -> None:
    """Run a cell of a notebook, whose source Python keeps as notebooks have it kept."""
    name = f"<cell {number}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), names)


def test_of_a_session_the_cells_count_that_are_used() -> None:
    names: dict[str, Any] = {"__name__": "no_such_module"}
    session = ModuleType("no_such_module")
    typed(1, "FACTOR = 2\n", names)
    typed(2, "def twice(x):\n    return FACTOR * x\n", names)
    typed(3, "class Model:\n    def forward(self, x):\n        return twice(x)\n", names)
    first = source_digest(names["Model"], session)
    typed(4, "print\n", names)
    assert source_digest(names["Model"], session) == first
    typed(5, "FACTOR = 3\n", names)
    second = source_digest(names["Model"], session)
    typed(6, "def twice(x):\n    return x + x + FACTOR\n", names)
    assert len({first, second, source_digest(names["Model"], session)}) == 3


def test_what_python_keeps_no_source_of_is_refused() -> None:
    names: dict[str, Any] = {"__name__": "no_such_module"}
    exec("def f(x): return x", names)
    with pytest.raises(NieError, match=r"is kept nowhere.* put it into a file"):
        source_digest(names["f"], ModuleType("no_such_module"))


def test_other_processes_cannot_have_what_was_typed() -> None:
    with pytest.raises(NieError, match="put it into a file, or use one job"):
        plugins.check_files({plugins.SESSION: "0a1b2c3d"}, "mine")
