"""What finished runs say: ``nie table``, ``compare``, ``predict``, ``explain``, ``what-if`` and ``complete``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nie.commands.output import say
from nie.commands.parser import Commands, a_path, coverage_option, whole_number
from nie.errors import NieError
from nie.vocabulary import EXPLANATIONS, WHICH_NODES

if TYPE_CHECKING:
    from downstream.answers.trained import TrainedRun
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
        "--add-triples", type=a_path, metavar="FILE",
        help="facts of nodes that training never saw, as nie data build reads triples; the file has these nodes alone, "
        "with a column that says what could not be computed",
    )  # fmt: skip
    predicting.add_argument("--add-text", type=a_path, metavar="FILE", help="texts of such nodes: node, text")
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
    _add_what_if(commands)
    completing = commands.add("complete", "what completes a triple, from a finished run of link prediction", _complete)
    completing.add_argument("run_folder", metavar="run", type=a_path, help="folder of a run of nie link")
    completing.add_argument("--relation", required=True, help="its name, or the words in it")
    ends = completing.add_mutually_exclusive_group(required=True)
    ends.add_argument("--head", help="the head, by name or text, to look for tails")
    ends.add_argument("--tail", help="the tail, by name or text, to look for heads")
    completing.add_argument("--top", type=whole_number(1, 1_000_000), default=10, help="answers to print")
    completing.add_argument("--known", action="store_true", help="print, too, what the graph knows already")


def _add_what_if(commands: Commands) -> None:
    asking = commands.add("what-if", "scores with facts taken away or added, from a run of a network", _what_if)
    asking.add_argument("run_folder", metavar="run", type=a_path, help="folder of a stage-2 run of a network")
    for action, words in (("remove", "take a fact away"), ("add", "add a fact")):
        asking.add_argument(
            f"--{action}", nargs=3, action="append", default=[], metavar=("HEAD", "RELATION", "TAIL"),
            help=f"{words}, by names or words; may be given again",
        )  # fmt: skip
    asking.add_argument(
        "--file", type=a_path, help="a table of add or remove, head, relation and tail, without a header"
    )
    asking.add_argument(
        "--nodes", choices=WHICH_NODES, default="named",
        help="named: the nodes that a changed fact names; changed: the ten whose score changes most",
    )  # fmt: skip
    asking.add_argument(
        "--suggest", type=whole_number(1, 1_000_000), metavar="N",
        help="instead, the N single facts, of those that similar nodes have, that would raise the score of --node most",
    )  # fmt: skip
    asking.add_argument("--node", help="of --suggest: its name, or the words in its text")
    asking.add_argument("--lower", action="store_true", help="with --suggest: facts that would lower the score")
    asking.add_argument("--format", choices=("text", "json", "csv"), default="text", help="what to print")


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
        _predict_new(arguments, run)
        return
    scores = score_nodes(run, data_root=arguments.data_root, coverage=arguments.coverage or COVERAGE)
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


def _explain(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.answers.explanation import explain, explanation_text
    from downstream.answers.trained import TrainedRun
    from nie.runs.run import read_run

    trained = TrainedRun.open(read_run(arguments.run_folder), data_root=arguments.data_root)
    explanation = explain(trained, arguments.node, arguments.method)
    _say_as(
        arguments.format, lambda: explanation_text(explanation, arguments.top), explanation.as_json, explanation.columns
    )


def _what_if(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.answers.named_change import named_facts, read_changes

    facts = {action: named_facts(action, getattr(arguments, action)) for action in ("remove", "add")}
    for action, listed in (read_changes(arguments.file) if arguments.file else {}).items():
        facts[action] += listed
    if any(facts.values()) == (arguments.suggest is not None):
        raise NieError("Say what changes with --remove, --add or --file; or, without these, give --suggest.")
    if (arguments.node is None) != (arguments.suggest is None) or (arguments.lower and arguments.suggest is None):
        raise NieError("--suggest, --node and --lower go together: --suggest 5 --node NODE, with or without --lower.")

    from downstream.answers.trained import TrainedRun
    from downstream.answers.what_if import what_if, what_if_text
    from nie.runs.run import read_run

    trained = TrainedRun.open(read_run(arguments.run_folder), data_root=arguments.data_root)
    if arguments.suggest is not None:
        _suggest(arguments, trained)
        return
    result = what_if(trained, **facts)
    _say_as(
        arguments.format, lambda: what_if_text(result, arguments.nodes), lambda: result.as_json(arguments.nodes),
        lambda: result.columns(arguments.nodes),
    )  # fmt: skip


def _suggest(arguments: argparse.Namespace, trained: TrainedRun) -> None:
    from downstream.answers.suggestions import suggest, suggestions_text

    found = suggest(trained, arguments.node, arguments.suggest, lower=arguments.lower)
    _say_as(arguments.format, lambda: suggestions_text(found), lambda: asdict(found), found.columns)


def _say_as(
    form: str, text: Callable[[], str], document: Callable[[], Any], columns: Callable[[], dict[str, list[Any]]]
) -> None:  # fmt: skip
    """Print an answer as ``--format`` asks."""
    from downstream.answers.frame import as_csv

    match form:
        case "json":
            say(json.dumps(document(), ensure_ascii=False, indent=2))
        case "csv":
            say(as_csv(columns()))
        case _:
            say(text())


def _complete(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.answers.completion import complete, completion_table
    from nie.runs.run import read_run

    say(completion_table(complete(
        read_run(arguments.run_folder), relation=arguments.relation, head=arguments.head, tail=arguments.tail,
        top=arguments.top, include_known=arguments.known, data_root=arguments.data_root,
    )))  # fmt: skip
