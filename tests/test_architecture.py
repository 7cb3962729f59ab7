"""The house rules that a reader would otherwise have to remember, checked on the syntax trees of all modules."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(path for package in ("nie", "pretrain", "downstream") for path in (ROOT / package).rglob("*.py"))
LEAVES = {"nie.errors", "nie.extras", "nie.atomic", "nie.progress", "nie.dgl_compat"}

# A room may import from itself, from the leaves and from the rooms named here: only from its left.
MAY_IMPORT = {
    "nie.ops": set(),
    "nie.layers": {"nie.ops"},
    "nie.models": {"nie.ops", "nie.layers"},
    "nie.data": set(),
    "downstream.methods.method_settings": set(),
    "nie.settings.run": {"downstream.methods.method_settings"},
    "downstream.methods.method_settings_": {"nie.settings.run", "downstream.methods.method_settings"},
    "downstream.stages.links.settings": {"nie.settings.run", "downstream.methods.method_settings"},
    "nie.settings.recipes": {
        "nie.settings.run",
        "downstream.stages.links.settings",
        "downstream.methods.method_settings_",
        "downstream.methods.method_settings",
    },
    "nie.runs.provenance": {"nie.settings.run"},
    "nie.training.loop": {"nie.settings.run"},
    "nie.runs.run": {"nie.settings.run", "nie.runs.provenance"},
    "nie.commands.parser": {"nie.settings.run", "downstream.stages.links.settings", "nie.settings.recipes"},
    "nie": {"nie.data", "nie.layers", "nie.models"},
    "pretrain": {
        "nie.data",
        "nie.ops",
        "nie.layers",
        "nie.models",
        "nie.settings.run",
        "downstream.methods.method_settings",
        "nie.settings.recipes",
        "nie.runs.provenance",
        "nie.training.loop",
        "nie.runs.run",
    },
    "downstream": {
        "nie.data",
        "nie.ops",
        "nie.layers",
        "nie.models",
        "nie.settings.run",
        "downstream.stages.links.settings",
        "downstream.methods.method_settings_",
        "downstream.methods.method_settings",
        "nie.training.loop",
        "nie.settings.recipes",
        "nie.runs.provenance",
        "nie.runs.run",
        "pretrain",
    },
    "nie.__main__": {
        "nie.commands.parser",
        "nie.data",
        "nie.settings.run",
        "downstream.stages.links.settings",
        "nie.settings.recipes",
        "nie.runs.run",
        "pretrain",
        "downstream",
    },
}
FOREIGN_TO_LAYERS = {"nie.extras", "nie.atomic", "nie.progress"}

NUMPY_GLOBAL = {
    "seed", "rand", "randn", "randint", "random", "choice", "shuffle", "permutation", "normal", "uniform",
    "random_sample", "standard_normal",
}  # fmt: skip
TORCH_DRAWS = {"rand", "randn", "randint", "randperm", "normal", "multinomial", "bernoulli"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    if module in LEAVES:
        return module
    return max((room for room in MAY_IMPORT if module == room or module.startswith(f"{room}.")), key=len)


def imports_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "relative import"
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            known = {name_of(path) for path in MODULES}
            yield from (name if name in known else node.module for name in submodules)


@pytest.fixture(params=MODULES, ids=name_of)
def module(request: pytest.FixtureRequest) -> tuple[str, ast.Module]:
    return name_of(request.param), ast.parse(request.param.read_text(encoding="utf-8"))


def test_every_module_imports_only_from_its_left(module: tuple[str, ast.Module]) -> None:
    name, tree = module
    room = room_of(name)
    for imported in imports_of(tree):
        if imported.split(".")[0] not in ("nie", "pretrain", "downstream"):
            continue
        target = room_of(imported)
        if room in LEAVES:
            assert target in LEAVES, f"{name} imports {imported}"
            continue
        assert target == room or target in LEAVES | MAY_IMPORT[room], f"{name} imports {imported}"
        if room in ("nie.ops", "nie.layers"):
            assert imported not in FOREIGN_TO_LAYERS, f"{name} imports {imported}"


def test_dgl_comes_through_the_compatibility_module(module: tuple[str, ast.Module]) -> None:
    name, tree = module
    if name != "nie.dgl_compat":
        assert not [imported for imported in imports_of(tree) if imported.split(".")[0] == "dgl"]


def test_no_path_edits_no_prints_no_pickle(module: tuple[str, ast.Module]) -> None:
    name, tree = module
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "path" and isinstance(node.value, ast.Name):
            assert node.value.id != "sys", f"{name}:{node.lineno} touches sys.path"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called != "print" or name == "nie.__main__", f"{name}:{node.lineno} prints"
            assert called not in ("pickle.load", "pickle.loads"), f"{name}:{node.lineno} loads a pickle"
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if called == "torch.load":
                assert keywords.get("weights_only") == "True", f"{name}:{node.lineno} loads a pickle"
            if called in ("np.load", "numpy.load"):
                assert keywords.get("allow_pickle", "False") == "False", f"{name}:{node.lineno} allows pickles"


def test_nothing_draws_from_a_global_random_state(module: tuple[str, ast.Module]) -> None:
    name, tree = module
    assert "random" not in set(imports_of(tree)), f"{name} imports the random module"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        owner, _, function = called.rpartition(".")
        assert not (owner in ("np.random", "numpy.random") and function in NUMPY_GLOBAL), f"{name}: {called}"
        if owner == "torch" and function in TORCH_DRAWS:
            assert "generator" in {keyword.arg for keyword in node.keywords}, f"{name}: {called} without a generator"
        # The one place that seeds torch does so on a copy of its state.
        assert called != "torch.manual_seed" or name == "nie.training.loop", f"{name}: {called}"


def test_functions_and_files_stay_readable(module: tuple[str, ast.Module]) -> None:
    name, tree = module
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            documentation = ast.get_docstring(node, clean=False) or ""
            lines = (node.end_lineno or 0) - node.lineno - documentation.count("\n")
            assert lines <= 80, f"{name}.{node.name} has {lines} lines without its docstring"


def test_layers_import_without_data_and_configuration() -> None:
    foreign = ("nie.data", "nie.settings.run", "nie.progress", "nie.atomic", "pydantic", "sklearn", "pretrain")
    code = f"import sys, nie.layers, nie.models; print([m for m in sys.modules if m.startswith({foreign})])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_public_names_are_sorted_and_documented() -> None:
    import nie

    assert set(nie.__all__) == {name for names in nie._HOMES.values() for name in names}
    assert set(nie.__all__) <= set(dir(nie))
    for name in nie.__all__:
        assert (getattr(nie, name).__doc__ or "").strip(), f"nie.{name} has no docstring"


SCRIPTS = sorted([*(ROOT / "scripts").glob("*.sh"), ROOT / ".ci" / "run"])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_is_valid_bash(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)


def test_setup_lists_every_package() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for path in MODULES:
        if path.name == "__init__.py":
            assert f'"{name_of(path)}"' in text, f"{name_of(path)} is not in pyproject.toml"
