"""The whole command line: every family of commands in one parser."""

from __future__ import annotations

import argparse

from nie.commands import (
    alignment,
    answers,
    checks,
    clean,
    data,
    explore,
    launch,
    main_job,
    questions,
    stages,
    studies,
    vlm,
)
from nie.commands.parser import Commands, SettingsParser
from nie.extras import installed_version

DESCRIPTION = "Node importance estimation and link prediction on knowledge graphs."


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; what is parsed holds the function to call as ``run``."""
    parser = SettingsParser(prog="nie", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"nie {installed_version('nie') or '(not installed)'}")
    commands = Commands(parser)
    for family in (
        data, main_job, stages, launch, studies, answers, alignment, questions, explore, vlm, checks, clean,
    ):  # fmt: skip
        family.add_commands(commands)
    return parser
