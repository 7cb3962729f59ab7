"""README and docs: every Python block runs and prints what its comments promise; every command named there exists.

docs/extending.md is run as a reader would do it, from its first block to its last, in one folder.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stage_helpers import store_synthetic
from test_scripts import called

import nie.training.loop
from downstream.losses.table import IMPORTANCE_LOSSES, TIER_LOSSES
from downstream.methods.table import METHODS
from downstream.metrics.registry import METRICS
from downstream.stages.table import STAGES
from downstream.studies.catalogue import STUDIES, find_study
from downstream.studies.run import all_arms, asked_for
from nie.__main__ import main
from nie.commands.command_line import make_parser
from nie.data import BUILDERS, FEATURES
from nie.encoders import ENCODERS
from nie.fusions import FUSIONS
from nie.runs.run import Run, read_run
from nie.settings.flags import field_names

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RESULTS = sorted((ROOT / "docs" / "results").glob("*.md"))
"""Their commands are what made their figures, and would take hours."""
EXTENDING = ROOT / "docs" / "extending.md"
TABLES: tuple[dict[str, Any], ...] = (
    METHODS, STUDIES, IMPORTANCE_LOSSES, TIER_LOSSES, METRICS, FEATURES, FUSIONS, ENCODERS, BUILDERS
)  # fmt: skip


def blocks_of(page: Path) -> list[tuple[str, str]]:
    """Language and text of every block of code."""
    return re.findall(r"```(\w+)\n(.*?)```", page.read_text(encoding="utf-8"), re.S)


BLOCKS = [
    pytest.param(language, text, id=f"{page.name}-{number}")
    for page in (*PAGES, *RESULTS)
    if page != EXTENDING
    for number, (language, text) in enumerate(blocks_of(page))
]


@pytest.mark.parametrize(("language", "text"), BLOCKS)
def test_code_blocks(language: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python runs in a folder that has the files of a graph of 90 nodes; of commands, every flag is known."""
    if language == "python":
        monkeypatch.chdir(tmp_path)
        links = [f"node {i}\tlinks to\tnode {(i * step + 1) % 90}\n" for i in range(90) for step in (1, 7)]
        (tmp_path / "triples.tsv").write_text("".join(links))
        (tmp_path / "scores.tsv").write_text("".join(f"node {i}\t{i % 50 * 10}\n" for i in range(90)))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(text, "block", "exec"), {})
        for promised in re.findall(r"print\(.*\) +# (.+)", text):
            assert promised in printed.getvalue()
    else:
        assert language == "bash", f"a block of {language} is not tested"
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["bash"]:
                assert (ROOT / words[1]).is_file(), line
                if words[1].startswith(("scripts/tables_", "scripts/published_")):
                    for given in called(Path(words[1]).name, tmp_path / words[1], *words[2:])[1]:
                        check_command(shlex.split(given))
            elif words[:1] == ["nie"]:
                check_command(words[1:])


def check_command(words: list[str]) -> None:
    """Every flag of a command is known, and every row that it asks a study for."""
    arguments, flags = make_parser().parse_known_args(words)
    assert not flags or arguments.takes_flags, words
    if words[0] == "study" and not arguments.plugins:
        study = find_study(arguments.study)
        settings = study.ground.settings(arguments.dataset, arguments.profile, flags, arguments.epochs)
        asked_for(arguments.only, all_arms(study, settings), study.name)


def test_the_tree_of_the_design_page_is_what_there_is() -> None:
    tree = (ROOT / "docs" / "design.md").read_text(encoding="utf-8").split("```")[1]
    named = {word.rstrip("/").split("/")[-1] for word in re.findall(r"[\w/]+/|\w+\.py", tree)}
    for package in ("nie", "pretrain", "downstream"):
        for path in [ROOT / package, *(ROOT / package).iterdir()]:
            if (path / "__init__.py").exists() or (path.suffix == ".py" and package == "nie"):
                assert path.name in named, f"docs/design.md does not name {path.relative_to(ROOT)}"


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The page about extending nie, run from its first block to its last; what each command printed."""
    folder = tmp_path_factory.mktemp("extending")
    store_synthetic(folder / "datasets")
    printed = {}
    before, modules, path = [dict(table) for table in TABLES], set(sys.modules), list(sys.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        try:
            for language, text in blocks_of(EXTENDING):
                if language in ("python", "yaml"):  # the first line names the file
                    (name,) = re.findall(r"\w+\.(?:py|yaml)", text.splitlines()[0])
                    Path(name).write_text(text, encoding="utf-8")
                else:
                    for line in text.splitlines():
                        out = io.StringIO()
                        with contextlib.redirect_stdout(out):
                            assert main([*shlex.split(line)[1:], "--quiet"]) == 0, line
                        printed[line] = out.getvalue()
            yield printed
        finally:
            for table, entries in zip(TABLES, before, strict=True):
                table.clear()
                table.update(entries)
            sys.path[:] = path
            for name in set(sys.modules) - modules:
                if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                    del sys.modules[name]


def run_of(printed: dict[str, str], *words: str) -> Run:
    """The run that the first command with these words made."""
    out = next(out for line, out in printed.items() if all(word in line for word in words))
    return read_run(Path(out.splitlines()[-1]))


@pytest.mark.parametrize("page", [*PAGES, *RESULTS], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, heading in re.findall(r"\]\(([^)#:]*)#?([^):]*)\)", page.read_text(encoding="utf-8")):
        linked = page.parent / target if target else page
        assert linked.exists(), f"{page.name} links to {target}"
        assert not heading or heading in anchors_of(linked), f"{page.name} links to {target}#{heading}"


def anchors_of(page: Path) -> set[str]:
    """What links to the headings of a page end in."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_pages_that_the_code_names_exist() -> None:
    for folder in ("nie", "pretrain", "downstream", "benchmarks", "scripts"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".yaml", ".sh"):
                for page in re.findall(r"docs/[\w/.-]+\.md", path.read_text(encoding="utf-8")):
                    assert (ROOT / page).exists(), f"{path} names {page}"


def test_a_network_of_ones_own_has_recipes_and_flags(extended: dict[str, str]) -> None:
    config = run_of(extended, "--method gin").config
    assert config["model"] == {"hidden_size": 32, "num_layers": 2, "feat_drop": 0.3}
    assert config["optim"]["lr"] == 0.02
    assert config["optim"]["weight_decay"] == 0.001
    deep = run_of(extended, "gin-tiers")
    assert deep.config["model"]["num_layers"] == 3
    assert deep.array(0, "tiers.npy", (300, 4)).min() >= 0


def test_a_network_of_ones_own_keeps_what_is_finished(extended: dict[str, str]) -> None:
    assert run_of(extended, "--method gin").finished_folds() == [0, 1]
    first, more = [out.splitlines()[-1] for line, out in extended.items() if "--method gin" in line][:2]
    assert first == more


def test_a_network_of_ones_own_continues_after_it_was_stopped(
    extended: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_of(extended, "--method gin")
    command = [
        "downstream",
        "--plugins",
        "gin.py",
        "--recipe",
        "gin.yaml",
        "--method",
        "gin",
        "--run-root",
        "again",
        "--quiet",
    ]
    calls, step = [], nie.training.loop.torch.optim.Adam.step

    def stopped(self: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return step(self, *arguments, **options)

    monkeypatch.setattr(nie.training.loop, "CHECKPOINT_EVERY_S", 0.0)
    monkeypatch.setattr(nie.training.loop.torch.optim.Adam, "step", stopped)
    assert main(command) == 130
    assert main(command) == 0
    assert 20 < len(calls) < 32  # it did not begin again
    again = next(Path("again").rglob("model.safetensors"))
    assert again.read_bytes() == (whole.fold_path(0) / "model.safetensors").read_bytes()


def test_what_the_page_adds_stands_in_tables_and_studies(extended: dict[str, str]) -> None:
    table = extended["nie table synthetic"]
    assert all(f"| {row} " in table for row in ("gin", "gin-blocks", "gin-tiers", "gcn"))
    study = next(out for line, out in extended.items() if line.startswith("nie study"))
    assert all(f"| {arm} " in study for arm in ("1 layers", "2 layers", "3 layers"))


def test_what_the_page_adds_is_computed(extended: dict[str, str]) -> None:
    assert run_of(extended, "gin-margin").config["loss"]["tier_loss"] == "margin"
    assert -1 <= run_of(extended, "--select kendall").metrics(0)["test"]["kendall"] <= 1
    assert "kendall" not in run_of(extended, "--method gin").metrics(0)["test"]  # it was made before the metric
    assert run_of(extended, "gin-cosh").config["loss"]["importance"] == "log_cosh"
    assert set(run_of(extended, "gin-margin").config["plugins"]) == {"gin", "losses"}
    assert list(Path("datasets/synthetic/features").glob("reciprocity-*.npy"))
    assert run_of(extended, "--model.fusion max").config["model"]["fusion"] == "max"
    assert run_of(extended, "--label linear").config["model"]["encoders"] == {"semantic": "linear"}
    assert run_of(extended, "--dataset tiny").config["dataset"] == "tiny"


def test_the_network_of_the_page_is_short() -> None:
    (code,) = [text for language, text in blocks_of(EXTENDING) if language == "python" and '"gin", GIN' in text]
    assert len(code.splitlines()) <= 60


def every_setting() -> set[str]:
    """The dotted names of the settings of all stages and methods."""
    classes = [
        settings
        for stage in STAGES.values()
        for settings in (stage.recipes.methods().values() if stage.recipes.methods else [stage.recipes.settings])
    ]
    return {name for settings in classes for name in field_names(settings)}


def settings_of_recipes() -> Iterator[str]:
    """The dotted names of what recipes set, for all methods or for single ones, and of what they search."""

    def names(values: dict[str, Any], before: str = "") -> Iterator[str]:
        for name, value in values.items():
            yield f"{before}{name}"
            if isinstance(value, dict):
                yield from names(value, f"{before}{name}.")

    for stage in STAGES.values():
        for recipe in stage.recipes.names():
            document = stage.recipes.read(recipe)
            for part in (document, *document.get("methods", {}).values()):
                yield from names(part)


@pytest.mark.parametrize("name", sorted(every_setting() - set(settings_of_recipes())))
def test_a_setting_that_no_recipe_sets_is_set_by_a_study_or_explained(name: str) -> None:
    leaf = name.rsplit(".", 1)[-1]
    studies = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "downstream" / "studies").glob("*.py"))
    texts = "".join(path.read_text(encoding="utf-8") for path in (*PAGES, *(ROOT / "scripts").glob("*.sh")))
    by_study = re.search(rf'\b{leaf}=|"{leaf}": ', studies)
    assert by_study or re.search(rf"(?<![\w.]){re.escape(name)}\b", texts), f"nothing sets or explains {name}"
