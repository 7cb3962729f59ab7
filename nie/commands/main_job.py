"""``nie run``: from a graph to the scores of all its nodes."""

from __future__ import annotations

import argparse
import itertools
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from downstream.stages.importance import IMPORTANCE
from downstream.studies.presets import PRESETS
from nie.commands.data import building_options, datasets, given_building_options
from nie.commands.output import say
from nie.commands.parser import Commands, a_path, coverage_option, positive_number, roots, said_roots, whole_number
from nie.progress import log
from nie.settings.flags import flag_value
from nie.settings.run import RunConfig

if TYPE_CHECKING:
    from downstream.answers.node_scores import NodeScores
    from downstream.studies.main_job import Answer
    from nie.data import KnowledgeGraph
    from nie.runs.run import Run


MOST_STEPS = 3
"""What to do next, in so many lines."""


def add_commands(commands: Commands) -> None:
    """Add the command."""
    job = commands.add(
        "run", "scores of all nodes of a graph, by what predicts best", _run, building_options(),
        settings=_settings, listed=datasets,
    )  # fmt: skip
    trades = "; ".join(f"{name}: {preset.trades}" for name, preset in PRESETS.items())
    job.add_argument("dataset", help="one of those below, or your own")
    job.add_argument("--preset", "--profile", action=_Once, choices=tuple(PRESETS), help=f"[good] {trades}")
    job.add_argument(
        "--methods", nargs="+", metavar="ROW", help="run these only, such as boosting rgtn rgtn+licap blend"
    )
    job.add_argument("--minutes", type=positive_number, help="stop training after so many; quick: 5")
    job.add_argument(
        "--jobs", type=whole_number(1, 1024), default=1, help="folds that run at a time, in processes of their own"
    )
    job.add_argument("--out", type=a_path, help="write the scores of all nodes (.csv, .parquet or .json)")
    job.add_argument("--report", type=a_path, help="write a page to read and to search (.html)")
    coverage_option(job)


def _settings(argv: Sequence[str]) -> type[RunConfig]:
    return IMPORTANCE.recipes.settings_of(flag_value(argv, "--method"))


def _run(arguments: argparse.Namespace, flags: list[str]) -> None:
    from downstream.answers.interval import COVERAGE
    from downstream.answers.node_scores import score_nodes, top_table
    from downstream.answers.report_page import check_page, write_report_page
    from downstream.answers.score_files import check_target, write_scores
    from downstream.reports.results import Results
    from downstream.reports.tables import markdown_table
    from downstream.stages.runner import Runner
    from downstream.studies.main_job import CANDIDATES, main_job, settings_of_flags
    from nie.data import build, info

    if arguments.out:  # what cannot be written is refused before the work begins
        check_target(arguments.out)
    if arguments.report:
        check_page(arguments.report)
    settings = settings_of_flags(flags)
    dataset, options = arguments.dataset, given_building_options(arguments)
    if options:
        dataset = build(dataset, arguments.data_root, **options).name
    runner = Runner(**roots(arguments), jobs=arguments.jobs)
    kg = runner.graph(dataset)
    log.info("%s", info(kg))
    answer = main_job(
        dataset, preset=arguments.preset or "good", methods=arguments.methods or CANDIDATES,
        minutes=arguments.minutes, settings=settings, runner=runner,
    )  # fmt: skip
    best = answer.best
    scores = score_nodes(best, data_root=arguments.data_root, coverage=arguments.coverage or COVERAGE)
    if arguments.out:  # before anything is printed, which may fail where the output is closed
        write_scores(scores, arguments.out)
    if arguments.report:
        write_report_page(
            arguments.report, command=arguments.said, kg=kg, runs=answer.runs, chosen=best,
            scores=scores, remarks=answer.remarks(),
        )  # fmt: skip
    say(
        markdown_table(Results.of(answer.runs)),
        _chosen(kg, answer, best),
        top_table(scores, best.config["label"]),
        *_next(arguments, best, scores),
    )


def _chosen(kg: KnowledgeGraph, answer: Answer, best: Run) -> str:
    """What importance is, how to read the figures, and what was chosen."""
    remarks = "".join(f"\n{remark}" for remark in answer.remarks())
    return (
        f"Importance is {kg.meta.get('label', 'score')}. Low is good for RMSE and MedianAE, high for the others.\n"
        f"Chosen on validation nodes: {best.config['label']}, in {best.path}.{remarks}\n"
    )


def _next(arguments: argparse.Namespace, best: Run, scores: NodeScores) -> list[str]:
    """Where the scores are, and what to do next."""
    written = [f"Scores of all {len(scores.name):,} nodes: {arguments.out}"] if arguments.out else []
    written += [f"Report: {arguments.report}"] if arguments.report else []
    name, roots, run = shlex.quote(best.config["dataset"]), said_roots(arguments), shlex.quote(str(best.path))
    further = _further(arguments.preset or "good")
    coverage = "" if arguments.coverage is None else f" --coverage {arguments.coverage:g}"
    steps = {
        "better scores, in more time": f"nie run {name} --preset {further}{roots}" if further else "",
        "a page to read and to search": "" if arguments.report else f"{arguments.said} --report report.html",
        "the figures of all finished runs": f"nie table {name}{roots}",
        "these scores in another format": f"nie predict {run} --out scores.json{coverage}{roots}",
        "two methods tested on the same folds": f"nie compare ridge boosting --dataset {name}{roots}",
    }
    shown = [(what, command) for what, command in steps.items() if command][:MOST_STEPS]
    width = max(len(what) for what, _ in shown)
    return [*written, "", "Next:", *(f"  {what:<{width}}  {command}" for what, command in shown)]


def _further(preset: str) -> str | None:
    """The next thorough preset; None for the most thorough one."""
    return dict(itertools.pairwise(PRESETS)).get(preset)


class _Once(argparse.Action):
    """An option that may be given once."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option: str | None = None) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option} names two presets, {getattr(namespace, self.dest)} and {values}; name one")
        setattr(namespace, self.dest, values)
