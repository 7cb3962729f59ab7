"""A page on which the scores of a finished run can be searched and questioned: ``nie explore``."""

from __future__ import annotations

import argparse
import contextlib
import threading
from typing import TYPE_CHECKING

from nie.commands.output import all_is_said, say
from nie.commands.parser import Commands, a_path, coverage_option, whole_number
from nie.errors import NieError

if TYPE_CHECKING:
    from downstream.explore.explored import Explored
    from downstream.explore.server import LocalServer


def add_commands(commands: Commands) -> None:
    """Add the command."""
    exploring = commands.add(
        "explore", "a local page to search, question and compare scores of a finished run", _explore
    )
    exploring.add_argument("run_folder", metavar="run", type=a_path, help="folder of a stage-2 run")
    exploring.add_argument("--against", type=a_path, metavar="RUN", help="folder of another run to compare it with")
    exploring.add_argument(
        "--port", type=whole_number(0, 65535), help="of this machine, 127.0.0.1 alone [any free one]"
    )
    exploring.add_argument(
        "--export", type=a_path, metavar="FILE",
        help="instead, write what can be read without asking the run as one page that opens from disk (.html)",
    )  # fmt: skip
    exploring.add_argument(
        "--explained", type=whole_number(0, 10_000), metavar="N",
        help="with --export: nodes at the top whose score is explained in the file [20]",
    )  # fmt: skip
    coverage_option(exploring)


def _explore(arguments: argparse.Namespace, _flags: list[str]) -> None:
    if arguments.export is not None:
        if arguments.port is not None:
            raise NieError("--export writes a file and serves nothing; leave --port out.")
        _export(arguments)
        return
    if arguments.explained is not None:
        raise NieError("--explained is of the file that --export writes; the page explains whatever is asked for.")

    from downstream.explore.server import LocalServer

    server = LocalServer(arguments.port or 0)  # what is wrong with the port is said before the run is read
    try:
        _serve(arguments, server)
    finally:
        server.close()


def _serve(arguments: argparse.Namespace, server: LocalServer) -> None:
    from downstream.explore.app import make_app

    explored = _opened(arguments)
    explored.ranking.prepare()
    app = make_app(explored, server.token)
    threading.Thread(target=explored.questions.warm_up, daemon=True).start()
    say(f"Open {server.url}", "The address is a secret of this machine. Ctrl+C ends the page.")
    all_is_said()
    with contextlib.suppress(KeyboardInterrupt):
        server.serve(app)


def _export(arguments: argparse.Namespace) -> None:
    from downstream.answers.report_page import check_page
    from downstream.explore.export import EXPLAINED, write_export

    check_page(arguments.export)
    explained = EXPLAINED if arguments.explained is None else arguments.explained
    write_export(arguments.export, _opened(arguments), explained)
    say(f"A page to read and to search: {arguments.export}")


def _opened(arguments: argparse.Namespace) -> Explored:
    from downstream.answers.interval import COVERAGE
    from downstream.explore.explored import Explored

    return Explored.open(
        arguments.run_folder, against=arguments.against, coverage=arguments.coverage or COVERAGE,
        data_root=arguments.data_root,
    )  # fmt: skip
