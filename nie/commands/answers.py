"""What finished runs say: ``nie table``, ``nie compare``, ``nie predict``, ``nie explain``, ``nie complete``."""

from __future__ import annotations

import argparse
import json

from nie.commands.output import say
from nie.commands.parser import Commands, a_path, coverage_option, whole_number
from nie.vocabulary import EXPLANATIONS


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    commands.add("table", "the table of a dataset's finished runs", _table).add_argument("dataset")
    comparing = commands.add("compare", "two finished runs against each other, tested on the same folds", _compare)
    comparing.add_argument("runs", nargs=2, metavar="RUN", help="folder of a stage-2 run, or its name in the table")
    comparing.add_argument("--dataset", help="whose runs the names are, where several datasets have such")
    predicting = commands.add("predict", "scores of every node from a finished run", _predict)
    predicting.add_argument("run_folder", metavar="run", type=a_path, help="folder of a stage-2 run")
    predicting.add_argument("--out", type=a_path, required=True, help="scores.csv, scores.parquet or scores.json")
    coverage_option(predicting)
    explaining = commands.add("explain", "why a node has its score, from a finished run of a network", _explain)
    explaining.add_argument("run_folder", metavar="run", type=a_path, help="folder of a stage-2 run of a network")
    explaining.add_argument("node", help="its name, or the words in its text")
    explaining.add_argument("--top", type=whole_number(1, 1_000_000), default=10, help="facts and relations to print")
    explaining.add_argument(
        "--method", choices=EXPLANATIONS, default="ig",
        help="ig: integrated gradients, which add up to the score; leave-one-out: the change without a fact; "
        "attention: what the network looks at",
    )  # fmt: skip
    explaining.add_argument("--format", choices=("text", "json", "csv"), default="text", help="what to print")
    completing = commands.add("complete", "what completes a triple, from a finished run of link prediction", _complete)
    completing.add_argument("run_folder", metavar="run", type=a_path, help="folder of a run of nie link")
    completing.add_argument("--relation", required=True, help="its name, or the words in it")
    ends = completing.add_mutually_exclusive_group(required=True)
    ends.add_argument("--head", help="the head, by name or text, to look for tails")
    ends.add_argument("--tail", help="the tail, by name or text, to look for heads")
    completing.add_argument("--top", type=whole_number(1, 1_000_000), default=10, help="answers to print")
    completing.add_argument("--known", action="store_true", help="print, too, what the graph knows already")


def _table(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.reports.results import found_runs
    from downstream.reports.tables import table_by_version

    say(table_by_version(arguments.dataset, found_runs(arguments.dataset, arguments.run_root, arguments.data_root)))


def _compare(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.reports.run_comparison import compare_runs, runs_named

    say(compare_runs(*runs_named(arguments.runs, arguments.run_root, arguments.data_root, arguments.dataset)))


def _predict(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.answers.interval import COVERAGE
    from downstream.answers.node_scores import score_nodes
    from downstream.answers.score_files import check_target, write_scores
    from nie.runs.run import read_run

    check_target(arguments.out)
    run = read_run(arguments.run_folder)
    scores = score_nodes(run, data_root=arguments.data_root, coverage=arguments.coverage or COVERAGE)
    write_scores(scores, arguments.out)
    say(f"Scores of all {len(scores.name):,} nodes: {arguments.out}")


def _explain(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.answers.explanation import explain, explanation_text
    from downstream.answers.frame import as_csv
    from downstream.answers.trained import TrainedRun
    from nie.runs.run import read_run

    trained = TrainedRun.open(read_run(arguments.run_folder), data_root=arguments.data_root)
    explanation = explain(trained, arguments.node, arguments.method)
    match arguments.format:
        case "json":
            say(json.dumps(explanation.as_json(), ensure_ascii=False, indent=2))
        case "csv":
            say(as_csv(explanation.columns()))
        case _:
            say(explanation_text(explanation, arguments.top))


def _complete(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.answers.completion import complete, completion_table
    from nie.runs.run import read_run

    say(completion_table(complete(
        read_run(arguments.run_folder), relation=arguments.relation, head=arguments.head, tail=arguments.tail,
        top=arguments.top, include_known=arguments.known, data_root=arguments.data_root,
    )))  # fmt: skip
