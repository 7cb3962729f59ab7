"""``nie study`` and ``nie search``."""

from __future__ import annotations

import argparse
import hashlib
import shlex
from collections.abc import Sequence

from nie.commands.data import datasets
from nie.commands.output import say
from nie.commands.parser import PLUGINS, Commands, a_path, positive_number, roots, whole_number
from nie.disk.writable import check_writable
from nie.settings.run import RunConfig


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    study = commands.add(
        "study", "a study of the papers: runs what is missing, writes the report", _study, settings=_settings,
        listed=_listed,
    )  # fmt: skip
    study.add_argument("study", help="its name, of those below")
    _of_dataset(study)
    study.add_argument(
        "--epochs",
        type=whole_number(1, 2**31 - 1),
        help="epochs of every network of stage 2: a smaller budget, the same for all rows",
    )
    study.add_argument(
        "--only", nargs="+", default=[], metavar="ARM",
        help="run these rows only; of a row that is run with several seeds, 'ROW, seed 0' is one",
    )  # fmt: skip
    study.add_argument("--minutes", type=positive_number, help="stop after so many minutes; the same command goes on")
    study.add_argument("--report-only", action="store_true", help="run nothing, report what is finished")
    study.add_argument(
        "--jobs", type=whole_number(1, 1024), default=1, help="folds that run at a time, in processes of their own"
    )
    study.add_argument("--out", type=a_path, help="folder of the report")
    study.add_argument(
        "--records", type=a_path, metavar="FILE",
        help="figures of folds that were measured before, here or elsewhere: these are not run again, and what is "
        "measured is added",
    )  # fmt: skip
    searching = commands.add(
        "search", "search settings on validation nodes, with Optuna", _search, settings=_settings, listed=datasets
    )
    searching.add_argument("method", help="rgtn, geni, gcn, boosting, ...")
    _of_dataset(searching)
    searching.add_argument("--epochs", type=whole_number(1, 2**31 - 1), help="epochs of every trial of a network")
    searching.add_argument(
        "--set", action="append", default=[], metavar="SETTING=RANGE",
        help="search this setting, in the place of those of the recipe: low:high, low:high:log, or choices a,b,c; "
        "repeatable",
    )  # fmt: skip
    searching.add_argument("--trials", type=whole_number(0, 1_000_000), default=20, help="trials to add")
    searching.add_argument("--storage", help="URL of Optuna, such as sqlite:///trials.db, for processes to share")
    searching.add_argument("--licap", action="store_true", help="with LICAP pretraining, and its ranges")


def _of_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="one of those below, or your own")
    parser.add_argument(
        "--profile", default="fast",
        help="which recipes of the dataset: fast; published-rgtn or published-licap: the papers' own settings",
    )  # fmt: skip


def _settings(_argv: Sequence[str]) -> type[RunConfig]:
    """What can be said of all rows: a study and a search set the other settings themselves."""
    from downstream.studies.settings import StudyConfig

    return StudyConfig


def _listed() -> str:
    from downstream.studies.catalogue import listed

    return f"{datasets()}\n\nstudies, and what they ask:\n{listed()}\n"


def _study(arguments: argparse.Namespace, flags: list[str]) -> None:
    from downstream.reports.kept import STUDIES
    from downstream.stages.runner import Runner
    from downstream.studies.catalogue import find_study
    from downstream.studies.run import run_study

    study, name, options = find_study(arguments.study), arguments.study, []
    if arguments.profile != "fast":
        name, options = f"{name}-{arguments.profile}", ["--profile", arguments.profile]
    if arguments.epochs is not None:
        name, options = f"{name}-{arguments.epochs}-epochs", [*options, "--epochs", str(arguments.epochs)]
    if arguments.records:
        check_writable(arguments.records)
        options += ["--records", str(arguments.records)]
    options += [word for plugin in arguments.plugins for word in (PLUGINS, plugin)]
    if flags:  # a report with other settings must not take the place of this one
        name = f"{name}-{hashlib.sha256(shlex.join(flags).encode()).hexdigest()[:8]}"
    folder = arguments.out or arguments.run_root / STUDIES / arguments.dataset / name
    if arguments.out:  # the other lies beside the runs, and is made when there is something to report
        check_writable(folder / "report.html")
    say(run_study(
        study, study.ground.settings(arguments.dataset, arguments.profile, flags, arguments.epochs), folder=folder,
        only=arguments.only, command=shlex.join(["nie", "study", arguments.study, arguments.dataset, *options, *flags]),
        runner=Runner(**roots(arguments), jobs=arguments.jobs),
        minutes=arguments.minutes, report_only=arguments.report_only, records=arguments.records,
    ))  # fmt: skip
    say(f"Report: {folder}")


def _search(arguments: argparse.Namespace, flags: list[str]) -> None:
    from downstream.reports.kept import SEARCH
    from downstream.stages.runner import Runner
    from downstream.studies.search import search
    from downstream.studies.search_space import range_in
    from downstream.studies.settings import Settings

    found = search(
        arguments.method, Settings(arguments.dataset, arguments.profile, flags, arguments.epochs),
        trials=arguments.trials, storage=arguments.storage, licap=arguments.licap,
        space=dict(map(range_in, arguments.set)),
        runner=Runner(data_root=arguments.data_root, run_root=arguments.run_root / SEARCH),
    )  # fmt: skip
    say(found.recipes)
