"""What finished runs say: ``nie table``, ``nie compare``, ``nie predict``, ``nie explain``, ``nie complete``."""

from __future__ import annotations

import argparse
import dataclasses

from nie.commands.output import say
from nie.commands.parser import Commands, a_path, coverage_option, whole_number
from nie.disk.atomic import write_bytes
from nie.disk.writable import check_writable
from nie.foreign import one_line, visible
from nie.vocabulary import EXPLANATIONS

FORMATS = ("text", "json", "csv", "html")


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
    predicting.add_argument(
        "--channel-weights", action="store_true",
        help="add a column for each channel, how much it counts in the score (runs of rgtn)",
    )  # fmt: skip
    explaining = commands.add("explain", "why a node has its score, from a finished run", _explain)
    explaining.add_argument(
        "run_folder", metavar="run", type=a_path,
        help="folder of a stage-2 run of a network, of linear or ridge, or of a blend",
    )  # fmt: skip
    explaining.add_argument("node", help="its name, or the words in its text")
    explaining.add_argument("--top", type=whole_number(1, 1_000_000), default=10, help="facts and relations to show")
    explaining.add_argument(
        "--method", choices=EXPLANATIONS, default="ig",
        help="ig: integrated gradients, which add up to the score; leave-one-out: the change without a fact; "
        "attention: what the network looks at",
    )  # fmt: skip
    explaining.add_argument("--format", choices=FORMATS, default="text", help="json and csv have all facts")
    explaining.add_argument("--out", type=a_path, help="file to write, in the place of printing")
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
    if arguments.channel_weights:
        from downstream.answers.channel_weights import channel_weights
        from downstream.answers.trained import TrainedRun

        weights = channel_weights(TrainedRun.open(run, data_root=arguments.data_root))
        scores = dataclasses.replace(scores, channel_weights=weights)
    write_scores(scores, arguments.out)
    say(f"Scores of all {len(scores.name):,} nodes: {arguments.out}")


def _explain(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.answers.asked_run import asked_run
    from downstream.answers.explanation import explain
    from downstream.answers.explanation_page import explanation_page
    from downstream.answers.explanation_text import explanation_text
    from downstream.answers.frame import as_csv, as_json
    from nie.runs.run import read_run

    if arguments.out is not None:
        check_writable(arguments.out)
    run = asked_run(read_run(arguments.run_folder), data_root=arguments.data_root)
    explanation = explain(run, arguments.node, arguments.method)
    match arguments.format:
        case "json":
            made = as_json(explanation.as_json())
        case "csv":
            made = as_csv(explanation.columns())
        case "html":
            made = explanation_page(explanation, arguments.top)
        case _:
            made = explanation_text(explanation, arguments.top)
    if arguments.out is None:
        say(made)
    else:
        write_bytes(arguments.out, f"{visible(made)}\n".encode())
        say(f"Why {one_line(explanation.text, 80)} has its score: {arguments.out}")


def _complete(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.answers.completion import complete, completion_table
    from nie.runs.run import read_run

    say(completion_table(complete(
        read_run(arguments.run_folder), relation=arguments.relation, head=arguments.head, tail=arguments.tail,
        top=arguments.top, include_known=arguments.known, data_root=arguments.data_root,
    )))  # fmt: skip
