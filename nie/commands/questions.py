"""Questions to a finished run about its scores: ``nie explain`` and ``nie what-if``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nie.commands.output import say, write_answer
from nie.commands.parser import Commands, a_path, whole_number
from nie.disk.writable import check_writable
from nie.errors import NieError
from nie.foreign import one_line
from nie.vocabulary import EXPLANATIONS, WHICH_NODES

if TYPE_CHECKING:
    from downstream.answers.trained import TrainedRun

FORMATS = ("text", "json", "csv")


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    _add_explain(commands)
    _add_what_if(commands)


def _add_explain(commands: Commands) -> None:
    explaining = commands.add("explain", "why a node has its score, from a finished run", _explain)
    explaining.add_argument(
        "run_folder", metavar="run", type=a_path,
        help="folder of a stage-2 run of a network, of linear or ridge, of trees, or of a blend",
    )  # fmt: skip
    explaining.add_argument("node", help="its name, or the words in its text")
    explaining.add_argument("--top", type=whole_number(1, 1_000_000), default=10, help="facts and relations to show")
    explaining.add_argument(
        "--method", choices=EXPLANATIONS, default="ig",
        help="ig: integrated gradients, which add up to the score; leave-one-out: the change without a fact; "
        "attention: what the network looks at",
    )  # fmt: skip
    explaining.add_argument("--format", choices=(*FORMATS, "html"), default="text", help="json and csv have all facts")
    explaining.add_argument("--out", type=a_path, help="file to write, in the place of printing")


def _add_what_if(commands: Commands) -> None:
    asking = commands.add(
        "what-if", "scores with facts taken away or added, from a run of a network or of trees", _what_if
    )
    asking.add_argument(
        "run_folder", metavar="run", type=a_path, help="folder of a stage-2 run of a network or of trees"
    )
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
    asking.add_argument("--format", choices=FORMATS, default="text", help="what to print")


def _explain(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.answers.asked_run import asked_run
    from downstream.answers.explanation import explain
    from downstream.answers.explanation_page import explanation_page
    from downstream.answers.explanation_text import explanation_text
    from nie.runs.run import read_run

    if arguments.out is not None:
        check_writable(arguments.out)
    run = asked_run(read_run(arguments.run_folder), data_root=arguments.data_root)
    one = explain(run, arguments.node, arguments.method)
    made = (
        explanation_page(one, arguments.top)
        if arguments.format == "html"
        else _written(arguments.format, lambda: explanation_text(one, arguments.top), one.as_json, one.columns)
    )
    if arguments.out is None:
        say(made)
    else:
        write_answer(arguments.out, made)
        say(f"Why {one_line(one.text, 80)} has its score: {arguments.out}")


def _what_if(arguments: argparse.Namespace, _flags: list[str]) -> None:
    from downstream.answers.named_change import named_facts, read_changes

    facts = {action: named_facts(action, getattr(arguments, action)) for action in ("remove", "add")}
    for action, listed in (read_changes(arguments.file) if arguments.file else {}).items():
        facts[action] += listed
    if any(facts.values()) == (arguments.suggest is not None):
        raise NieError("Say what changes with --remove, --add or --file; or, without these, give --suggest.")
    if (arguments.node is None) != (arguments.suggest is None) or (arguments.lower and arguments.suggest is None):
        raise NieError("--suggest, --node and --lower go together: --suggest 5 --node NODE, with or without --lower.")

    from downstream.answers.asked_run import changeable_run
    from downstream.answers.trained import TrainedRun
    from downstream.answers.what_if import what_if, what_if_text
    from nie.runs.run import read_run

    run = read_run(arguments.run_folder)
    if arguments.suggest is not None:
        _suggest(arguments, TrainedRun.open(run, data_root=arguments.data_root))
        return
    result = what_if(changeable_run(run, data_root=arguments.data_root), **facts)
    say(_written(
        arguments.format, lambda: what_if_text(result, arguments.nodes), lambda: result.as_json(arguments.nodes),
        lambda: result.columns(arguments.nodes),
    ))  # fmt: skip


def _suggest(arguments: argparse.Namespace, trained: TrainedRun) -> None:
    from downstream.answers.suggestions import suggest
    from downstream.answers.suggestions_text import suggestions_text

    found = suggest(trained, arguments.node, arguments.suggest, lower=arguments.lower)
    say(_written(arguments.format, lambda: suggestions_text(found), lambda: asdict(found), found.columns))


def _written(
    form: str, text: Callable[[], str], document: Callable[[], Any], columns: Callable[[], dict[str, list[Any]]]
) -> str:  # fmt: skip
    """An answer as ``--format`` asks."""
    from downstream.answers.frame import as_csv, as_json

    match form:
        case "json":
            return as_json(document())
        case "csv":
            return as_csv(columns())
        case _:
            return text()
