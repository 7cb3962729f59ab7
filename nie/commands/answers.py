"""What finished runs say: ``nie table``, ``nie compare``, ``nie predict``, ``nie export``, ``nie complete``."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING

from nie.commands.output import say
from nie.commands.parser import Commands, a_path, coverage_option, whole_number
from nie.errors import NieError

if TYPE_CHECKING:
    from nie.runs.run import Run


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
    predicting.add_argument(
        "--add-triples", type=a_path, metavar="FILE",
        help="facts of nodes that training never saw, as nie data build reads triples; the file has these nodes alone, "
        "with a column that says what could not be computed",
    )  # fmt: skip
    predicting.add_argument("--add-text", type=a_path, metavar="FILE", help="texts of such nodes: node, text")
    exporting = commands.add("export", "the vectors that a finished run has made of its nodes, as a file", _export)
    exporting.add_argument(
        "run_folder", metavar="run", type=a_path, help="folder of a run of nie downstream or nie link"
    )
    exporting.add_argument(
        "--refined", action="store_true", required=True,
        help="vectors by channel, after the channels have read each other, and fused",
    )  # fmt: skip
    exporting.add_argument("--out", type=a_path, required=True, help="emb.npz or emb.parquet, for --features")
    exporting.add_argument("--channel", help="whose vectors are read as features; by default the fused ones")
    exporting.add_argument(
        "--fold", type=whole_number(0, 1_000_000), help="fold or repetition; by default the first finished one"
    )
    completing = commands.add("complete", "what completes a triple, from a finished run of link prediction", _complete)
    completing.add_argument("run_folder", metavar="run", type=a_path, help="folder of a run of nie link")
    completing.add_argument("--relation", required=True, help="its name, or the words in it")
    ends = completing.add_mutually_exclusive_group(required=True)
    ends.add_argument("--head", help="the head, by name or text, to look for tails")
    ends.add_argument("--tail", help="the tail, by name or text, to look for heads")
    completing.add_argument("--top", type=whole_number(1, 1_000_000), default=10, help="answers to print")
    completing.add_argument("--known", action="store_true", help="print, too, what the graph knows already")


def _export(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.answers.refined import refined
    from downstream.answers.score_files import check_target
    from downstream.answers.vector_files import ENDINGS, write_vectors
    from nie.runs.run import read_run

    check_target(arguments.out, ENDINGS)
    made = refined(read_run(arguments.run_folder), fold=arguments.fold, data_root=arguments.data_root)
    write_vectors(made, arguments.out, arguments.channel)
    sizes = ", ".join(f"{name} {rows.shape[1]}" for name, rows in made.vectors.items())
    knows = (
        f"\nThey know the training labels of fold {made.fold}: as features, judge them on the test nodes of that fold "
        "alone (--folds.run of it)."
    )
    say(f"Vectors of {len(made.names):,} nodes ({sizes}): {arguments.out}{knows if made.reads_labels else ''}")


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
    if arguments.add_triples or arguments.add_text:
        if arguments.channel_weights:
            raise NieError(
                "--channel-weights is of the nodes that training saw; leave --add-triples and --add-text out."
            )
        _predict_new(arguments, run)
        return
    scores = score_nodes(run, data_root=arguments.data_root, coverage=arguments.coverage or COVERAGE)
    if arguments.channel_weights:
        from downstream.answers.channel_weights import channel_weights
        from downstream.answers.trained import TrainedRun

        weights = channel_weights(TrainedRun.open(run, data_root=arguments.data_root))
        scores = dataclasses.replace(scores, channel_weights=weights)
    write_scores(scores, arguments.out)
    say(f"Scores of all {len(scores.name):,} nodes: {arguments.out}")


def _predict_new(arguments: argparse.Namespace, run: Run) -> None:
    from downstream.answers.interval import COVERAGE
    from downstream.answers.new_nodes import predict_new
    from downstream.answers.score_files import write_columns
    from downstream.answers.trained import TrainedRun

    trained = TrainedRun.open(run, data_root=arguments.data_root)
    columns = predict_new(trained, arguments.add_triples, arguments.add_text).columns(arguments.coverage or COVERAGE)
    write_columns(columns, arguments.out)
    say(f"Scores of {len(columns['node']):,} new nodes: {arguments.out}")


def _complete(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.answers.completion import complete, completion_table
    from nie.runs.run import read_run

    say(completion_table(complete(
        read_run(arguments.run_folder), relation=arguments.relation, head=arguments.head, tail=arguments.tail,
        top=arguments.top, include_known=arguments.known, data_root=arguments.data_root,
    )))  # fmt: skip
