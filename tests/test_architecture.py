"""The house rules that a reader would otherwise have to remember, checked on the syntax trees of all modules."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOPS = ("nie", "pretrain", "downstream")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for top in TOPS
    for path in sorted((ROOT / top).rglob("*.py"))
}

NAMES = (
    "arguments arrays cka deadline dgl_compat dgl_random encoders errors extras findings foreign fusions hosts "
    "later launching own_source plugins progress rank_correlation threads vocabulary"
)
GROUND = tuple(f"nie.{name}" for name in NAMES.split())
ROOMS: tuple[tuple[str, ...], ...] = (
    GROUND,
    ("nie.disk",),
    ("nie.settings",),
    ("nie.ops",),
    ("nie.layers",),
    ("nie.data",),
    ("nie.runs",),
    ("nie.models",),
    ("nie.inputs",),
    ("nie.training",),
    ("pretrain",),
    ("downstream.metrics",),
    ("downstream.heads",),
    ("downstream.losses",),
    ("downstream.methods",),
    ("downstream.stages",),
    ("downstream.reports",),
    ("downstream.answers",),
    ("downstream.explore",),
    ("downstream.studies",),
    ("downstream.api",),
    ("nie.commands",),
    ("nie", "downstream"),
    ("nie.__main__",),
    ("nie.forked",),
)
"""The rooms from the ground up: a room imports from itself and from the rooms before it, never from one behind it."""

ALONE = {"nie", "downstream", *GROUND}
"""What is a module of its own: its name stands for itself, and not for what lies in it."""

OF_LAYERS = {
    "nie.arguments",
    "nie.arrays",
    "nie.dgl_compat",
    "nie.errors",
    "nie.foreign",
    "nie.vocabulary",
    "nie.fusions",
    "nie.ops",
    "nie.layers",
}
"""All that operations and layers may import, so that other projects can use them."""

UPWARDS = {"nie.fusions": "nie.layers.fusion.", "nie.encoders": ("nie.layers.", "nie.models.")}
"""The arrows upwards: tables that settings read without torch name what they are tables of in strings."""

LONG = "# Long because "
"""Begins the comment that says why a file, a function or a list of parameters is longer than the house allows."""
MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_PARAMETERS = 300, 60, 12

NUMPY_GLOBAL = {
    "seed", "rand", "randn", "randint", "random", "choice", "shuffle", "permutation", "normal", "uniform",
    "random_sample", "standard_normal",
}  # fmt: skip
TORCH_DRAWS = {"rand", "randn", "randint", "randperm", "normal", "multinomial", "bernoulli"}


def room_of(module: str) -> int:
    """The number of a module's room."""
    for number, room in enumerate(ROOMS):
        for name in room:
            if module == name or (name not in ALONE and module.startswith(f"{name}.")):
                return number
    raise AssertionError(f"{module} lies in no room; give it a place in ROOMS, after all that it imports")


def statements_of(tree: ast.AST) -> Iterator[str]:
    """What import statements name, wherever they stand: a submodule as such, and otherwise the module read from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else str(node.module)


def lazy_of(tree: ast.AST) -> Iterator[str]:
    """The modules that are named in strings, to be imported when they are first needed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and re.fullmatch(rf"({'|'.join(TOPS)})\.[\w.]+:[\w.]+", str(node.value)):
            name = node.value.partition(":")[0]
            assert name in MODULES, f"there is no {name}"
            yield name
        if not isinstance(node, ast.Call) or ast.unparse(node.func) not in (
            "later",
            "names_later",
            "importlib.import_module",
        ):
            continue
        for text in (part for argument in node.args for part in ast.walk(argument)):
            if isinstance(text, ast.JoinedStr):  # whatever fits into the gaps
                parts = (re.escape(str(p.value)) if isinstance(p, ast.Constant) else r"[^.]*" for p in text.values)
                pattern = "".join(parts).partition(":")[0]
                yield from (name for name in MODULES if re.fullmatch(pattern, name))
            elif isinstance(text, ast.Constant) and text.value in MODULES:
                yield text.value


@functools.cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@functools.cache
def imports_of(module: str) -> frozenset[str]:
    """The modules of the house that a module imports."""
    named = (*statements_of(tree_of(module)), *lazy_of(tree_of(module)))
    return frozenset(name for name in named if name.split(".")[0] in TOPS and name != module)


@functools.cache
def calls_of(module: str) -> tuple[tuple[ast.Call, str], ...]:
    """The calls in a module, each with what is called."""
    return tuple((node, ast.unparse(node.func)) for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call))


def test_a_room_imports_only_from_rooms_before_it() -> None:
    for name in MODULES:
        for imported in imports_of(name):
            if imported.startswith(UPWARDS.get(name, ())):
                continue
            assert room_of(imported) <= room_of(name), f"{name} imports {imported}, which lies in a later room"
            if name.startswith(("nie.ops", "nie.layers")):
                allowed = any(imported == known or imported.startswith(f"{known}.") for known in OF_LAYERS)
                assert allowed, f"{name} imports {imported}; operations and layers need torch and DGL only"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Every import counts: in functions, for types alone, and by a name in a string."""
    rest = {name: set(imports_of(name)) for name in MODULES}
    while free := [name for name, imported in rest.items() if not imported & rest.keys()]:
        for name in free:
            del rest[name]
    if rest:  # all that is left leads into a circle
        path = [next(iter(rest))]
        while path[-1] not in path[:-1]:
            path.append(min(rest[path[-1]] & rest.keys()))
        circle = path[path.index(path[-1]) :]
        pytest.fail(f"modules import each other in a circle: {' -> '.join(circle)}")


def test_no_package_hides_a_module_in_it_behind_a_name() -> None:
    """``from nie.data import features`` must mean one thing: no name of a package is that of a module in it."""
    for package, path in MODULES.items():
        if path.name != "__init__.py":
            continue
        inside = {name.rpartition(".")[2] for name in MODULES if name.rpartition(".")[0] == package}
        for node in ast.walk(tree_of(package)):
            names: set[str] = set()
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names = {node.name}
            elif isinstance(node, ast.ImportFrom):
                names = {a.asname or a.name for a in node.names if f"{node.module}.{a.name}" not in MODULES}
            elif isinstance(node, ast.Assign):
                names = {target.id for target in node.targets if isinstance(target, ast.Name)}
                if "__all__" in names:
                    names = set(ast.literal_eval(node.value))
            assert not names & inside, f"{package}.{min(names & inside)} is a name and a module"


def test_downstream_can_be_seen_at_a_glance() -> None:
    entries = {path.name for path in (ROOT / "downstream").iterdir()} - {"__init__.py", "py.typed", "__pycache__"}
    assert len(entries - {"api.py"}) <= 9, sorted(entries)


def test_the_built_package_holds_every_folder_and_file() -> None:
    setuptools, tomllib = pytest.importorskip("setuptools"), pytest.importorskip("tomllib")  # the latter since 3.11
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = [name for name, path in MODULES.items() if path.name == "__init__.py"]
    assert set(setuptools.find_packages(str(ROOT), **configuration["packages"]["find"])) == set(folders)
    for top, patterns in configuration["package-data"].items():
        named = {path for pattern in patterns for path in (ROOT / top).glob(pattern)}
        held = {
            path
            for path in (ROOT / top).rglob("*")
            if path.is_file() and path.suffix not in (".py", ".pyc", ".nbi", ".nbc")
        }
        assert named == held, f"package-data of {top} in pyproject.toml"
    assert {path.parent for path in MODULES.values()} == {MODULES[name].parent for name in folders}, "no __init__.py"


def test_dgl_comes_through_the_compatibility_module() -> None:
    for name in MODULES:
        foreign = {imported.split(".")[0] for imported in statements_of(tree_of(name))}
        assert "dgl" not in foreign or name == "nie.dgl_compat", f"{name} imports dgl"


def test_no_path_edits_no_prints_no_pickle() -> None:
    for name in MODULES:
        for node in ast.walk(tree_of(name)):
            if isinstance(node, ast.Attribute) and node.attr == "path" and ast.unparse(node) == "sys.path":
                # `python -m nie` takes the working folder out, which Python has put in; plugins import from theirs.
                assert name in ("nie.__main__", "nie.plugins"), f"{name}:{node.lineno} touches sys.path"
        for node, called in calls_of(name):
            is_command = name == "nie.__main__" or name.startswith("nie.commands.")
            assert called != "print" or is_command, f"{name}:{node.lineno} prints"
            assert called not in ("pickle.load", "pickle.loads"), f"{name}:{node.lineno} loads a pickle"
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            if called == "torch.load":
                assert ast.unparse(keywords["weights_only"]) == "True", f"{name}:{node.lineno} loads a pickle"
            if called in ("np.load", "numpy.load") and "allow_pickle" in keywords:
                assert ast.unparse(keywords["allow_pickle"]) == "False", f"{name}:{node.lineno} allows pickles"


def test_nothing_draws_from_a_global_random_state() -> None:
    for name in MODULES:
        assert "random" not in set(statements_of(tree_of(name))), f"{name} imports the random module"
        for node, called in calls_of(name):
            owner, _, function = called.rpartition(".")
            assert not (owner in ("np.random", "numpy.random") and function in NUMPY_GLOBAL), f"{name}: {called}"
            if owner == "torch" and function in TORCH_DRAWS:
                assert "generator" in {keyword.arg for keyword in node.keywords}, (
                    f"{name}: {called} without a generator"
                )
            # The one place that seeds torch does so on a copy of its state.
            assert called != "torch.manual_seed" or name == "nie.training.loop", f"{name}: {called}"


def test_nobody_asks_which_stage_or_method_it_is() -> None:
    """What differs is a field of the value; studies pin their rows, and say there which of them is compared."""
    from downstream.methods.table import METHODS
    from downstream.stages.table import STAGES

    names = {*METHODS, *STAGES, *(stage.command for stage in STAGES.values())}
    for module in MODULES:
        for node, called in calls_of(module):
            if called in ("isinstance", "issubclass"):
                kinds = [
                    ast.unparse(kind) for kind in ast.walk(node.args[1]) if isinstance(kind, (ast.Name, ast.Attribute))
                ]
                assert not any(kind.endswith("Config") for kind in kinds), f"{module}:{node.lineno} asks for settings"
        if module.startswith("downstream.studies."):
            continue
        for node in ast.walk(tree_of(module)):
            if isinstance(node, (ast.Compare, ast.MatchValue)):
                asked = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)} & names
                assert not asked, f"{module}:{node.lineno} asks for {', '.join(asked)} by name"


def test_what_is_long_says_why() -> None:
    needed = [sentence for name in MODULES for sentence in long_without_a_reason(name)]
    assert not needed, f"{'; '.join(needed)}: make it shorter, or say why in a comment that begins with {LONG!r}"


def long_without_a_reason(name: str) -> Iterator[str]:
    tree, lines = tree_of(name), MODULES[name].read_text(encoding="utf-8").splitlines()
    reasons = [number for number, line in enumerate(lines, 1) if line.strip().startswith(LONG)]
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    of_functions = {number for node in functions for number in range(node.lineno - 1, (node.end_lineno or 0) + 1)}
    if len(lines) > MOST_LINES and of_functions.issuperset(reasons):
        yield f"{name} has {len(lines)} lines"
    for node in functions:
        documentation = (ast.get_docstring(node, clean=False) or "").splitlines()
        length = (node.end_lineno or 0) - node.lineno + 1 - len(documentation)
        parameters = len([*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]) - 1
        if node.name == "__init__" and parameters > MOST_PARAMETERS:
            excess = f"{parameters} parameters"
        elif length > MOST_LINES_OF_A_FUNCTION:
            excess = f"{length} lines without its docstring"
        else:
            continue
        if not any(node.lineno - 1 <= number <= (node.end_lineno or 0) for number in reasons):
            yield f"{name}.{node.name}, line {node.lineno}, has {excess}"


def test_inheritance_is_two_steps_deep_at_most() -> None:
    """Settings are layers of what more and more stages and methods share, and inherit as often as that takes."""
    bases: dict[str, list[str]] = {}
    for name in MODULES:
        for node in ast.walk(tree_of(name)):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = [ast.unparse(base).split("[")[0] for base in node.bases]

    def line(name: str) -> list[str]:
        return max(([name, *line(base)] for base in bases[name] if base in bases), key=len, default=[name])

    lines = {name: line(name) for name in bases}
    assert [found for found in lines.values() if len(found) > 3 and found[-1] != "Section"] == []


def test_layers_import_without_data_and_configuration() -> None:
    foreign = (
        "nie.data",
        "nie.settings",
        "nie.runs",
        "nie.deadline",
        "nie.progress",
        "nie.disk.atomic",
        "pydantic",
        "sklearn",
        "pretrain",
    )
    code = f"import sys, nie.layers, nie.models; print([m for m in sys.modules if m.startswith({foreign})])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_every_operation_layer_and_model_has_a_test_file() -> None:
    """One of the module's own name, or one whose docstring names the module."""
    tests = list((ROOT / "tests").rglob("test_*.py"))
    own = {path.name for path in tests}
    told = " ".join(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "" for path in tests)
    for name, path in MODULES.items():
        if name.startswith(("nie.ops.", "nie.layers.", "nie.models.")) and path.name != "__init__.py":
            found = f"test_{path.name}" in own or re.search(rf"{re.escape(name)}\b", told)
            assert found, f"no file of tests/ is called test_{path.name}, and none names {name} in its docstring"


def test_public_names_are_documented() -> None:
    import nie

    assert set(nie.__all__) <= set(dir(nie))
    for name in nie.__all__:
        assert (getattr(nie, name).__doc__ or "").strip(), f"nie.{name} has no docstring"


SCRIPTS = sorted([*(ROOT / "scripts").glob("*.sh"), ROOT / ".ci" / "run"])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_is_valid_bash(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)


def test_a_process_that_a_test_starts_imports_the_packages_and_not_the_tests(tmp_path: Path) -> None:
    code = "import nie, pretrain, downstream; print(*(p.__file__ for p in (nie, pretrain, downstream)), sep='\\n')"
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    found = [Path(line).resolve() for line in answer.stdout.splitlines()]
    assert found == [ROOT / name / "__init__.py" for name in ("nie", "pretrain", "downstream")]
