"""README and docs: every Python block runs and prints what its comments promise; every command named there exists."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from nie.commands.command_line import make_parser

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(language, text, id=f"{page.name}-{number}")
    for page in PAGES
    for number, (language, text) in enumerate(re.findall(r"```(\w+)\n(.*?)```", page.read_text(encoding="utf-8"), re.S))
]


@pytest.mark.parametrize(("language", "text"), BLOCKS)
def test_code_blocks(language: str, text: str) -> None:
    if language == "python":
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(text, "block", "exec"), {})
        for promised in re.findall(r"print\(.*\) +# (.+)", text):
            assert promised in printed.getvalue()
    else:
        assert language == "bash", f"a block of {language} is not tested"
        for line in text.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["bash"]:
                assert (ROOT / words[1]).is_file(), line
            elif words[:1] == ["nie"]:
                arguments, flags = make_parser().parse_known_args(words[1:])
                assert not flags or arguments.takes_flags, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
