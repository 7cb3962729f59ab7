"""How a command is added: its common options, the settings that are flags too, and the function that it calls."""

from __future__ import annotations

import argparse
import itertools
import math
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from nie.errors import shown
from nie.foreign import one_line
from nie.settings.yaml_loader import REAL, WHOLE

if TYPE_CHECKING:
    from nie.settings.run import RunConfig

PLUGINS = "--plugins"
"""The option of the modules that are loaded before a command is read, see `nie.plugins`."""

Action = Callable[[argparse.Namespace, list[str]], int | None]
"""What a command does with its arguments, and with the flags of settings that the parser does not know.

It may return an exit code."""


class SettingsParser(argparse.ArgumentParser):
    """A parser whose help goes on with lists that are made only when help is asked for.

    Attributes:
        settings: gives the class of the settings that are flags of the command, from its part of the command line; None
            where it takes none.
        listed: gives further lines.
    """

    settings: Callable[[Sequence[str]], type[RunConfig]] | None = None
    listed: Callable[[], str] | None = None
    argv: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As of any parser; what is parsed is known when help is asked for in it."""
        self.argv = args or ()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """As of any parser, but on one line of a bounded length, and with what to do about a name like an option."""
        super().error(f"{one_line(message, 300)}{self._taken_for_option(message)}")

    def _taken_for_option(self, message: str) -> str:
        """How to give a name that begins with ``-``, where one may be why a value is missing; `argparse` does not say.

        Settings, which are options that the parser does not know, are no names.
        """
        options = itertools.takewhile(lambda word: word != "--", self.argv)
        taken = [
            word for word in options if word[0:1] == "-" and word.partition("=")[0] not in self._option_string_actions
        ]
        missing = re.search(r"argument (\S+): expected (\S+)|are required", message)
        if self.settings is not None or not taken or missing is None:
            return ""
        match missing.groups():
            case (str() as option, "one"):
                way = f"write {option}={taken[0]}"
            case (str(), _):
                way = "write a fact of such a name in the --file"
            case _:
                way = f"write -- {taken[0]} at the end of the line"
        return one_line(f"; {taken[0]} is taken for an option, and if it is a name, {way}", 200)

    def format_help(self) -> str:
        text = super().format_help()
        if self.listed is not None:
            text = f"{text}\n{self.listed()}\n"
        if self.settings is not None:
            from nie.settings.flags import flags_help

            text = f"{text}\nsettings, all of them flags too [default]:\n{flags_help(self.settings(self.argv))}\n"
        return text


class Commands:
    """Commands of one parser, each with the common options.

    Args:
        parser: to add them to.
        metavar: how a command is called in the usage.
    """

    def __init__(self, parser: argparse.ArgumentParser, metavar: str = "COMMAND") -> None:
        self.parsers: Any = parser.add_subparsers(required=True, metavar=metavar, parser_class=SettingsParser)

    def add(
        self, name: str, text: str, action: Action, *parents: argparse.ArgumentParser,
        settings: Callable[[Sequence[str]], type[RunConfig]] | None = None, listed: Callable[[], str] | None = None,
    ) -> argparse.ArgumentParser:  # fmt: skip
        """Add a command.

        Args:
            name: of the command.
            text: what it does, for the help.
            action: what it calls.
            parents: parsers whose arguments it has, too.
            settings: see `SettingsParser`.
            listed: gives further lines of its help; called when help is asked for, as ``settings`` is.
        """
        sub = self.parsers.add_parser(
            name, help=text, description=text, parents=[_common(), *parents], allow_abbrev=False
        )
        sub.set_defaults(run=action, takes_flags=settings is not None)
        assert isinstance(sub, SettingsParser)
        sub.settings, sub.listed = settings, listed
        return sub

    def group(self, name: str, text: str) -> Commands:
        """Add a word that has commands of its own."""
        return Commands(self.parsers.add_parser(name, help=text), "ACTION")


def a_path(text: str) -> Path:
    """A path that was given; nothing, as of an empty variable of a shell, is none.

    >>> a_path("scores.csv").suffix
    '.csv'
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("must be the name of a file or folder; got nothing")
    return Path(text)


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers between two ends.

    >>> whole_number(1, 100)("12")
    12
    """

    def read(text: str) -> int:
        if not (WHOLE.fullmatch(text) and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}; got {shown(text)}")
        return int(text)

    return read


def positive_number(text: str) -> float:
    """A number above 0 that is finite.

    >>> positive_number("1.5")
    1.5
    """
    number = float(text) if REAL.fullmatch(text) else math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0; got {shown(text)}")
    return number


def inner_share(text: str) -> float:
    """A number above 0 and below 1.

    >>> inner_share("0.9")
    0.9
    """
    number = float(text) if REAL.fullmatch(text) else math.nan
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"must be a number above 0 and below 1, such as 0.9; got {shown(text)}")
    return number


def coverage_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--coverage`` of the intervals around scores."""
    parser.add_argument(
        "--coverage", type=inner_share, metavar="SHARE",
        help="of nodes whose interval (lower, upper) is to hold their importance [0.9]",
    )  # fmt: skip


def roots(arguments: argparse.Namespace) -> dict[str, Any]:
    """Where datasets and runs are, as the stages take them."""
    return {"data_root": arguments.data_root, "run_root": arguments.run_root}


def said_roots(arguments: argparse.Namespace) -> str:
    """The folders of datasets and runs as options, where they are not the usual ones."""
    usual = {"data_root": Path("datasets"), "run_root": Path("checkpoints")}
    given = {name: getattr(arguments, name) for name in usual if getattr(arguments, name) != usual[name]}
    return "".join(f" --{name.replace('_', '-')} {shlex.quote(str(path))}" for name, path in given.items())


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data-root", type=a_path, default=Path("datasets"), help="folder of the datasets")
    common.add_argument("--run-root", type=a_path, default=Path("checkpoints"), help="folder of the runs")
    common.add_argument(
        PLUGINS, action="append", default=[], metavar="MODULE",
        help="load a module or .py file that registers methods, losses, metrics or features; may be given again",
    )  # fmt: skip
    common.add_argument("--quiet", action="store_true", help="no progress, only the result")
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return common
