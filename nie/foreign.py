"""Foreign text where it is shown: names of a graph may hold anything, and must do nothing but be read.

A control character can rewrite what a terminal shows, a ``|`` ends a cell of a table, ``<script>`` runs in a page, a
spreadsheet computes what begins with ``=``, and a message may be a megabyte long.
"""

from __future__ import annotations

import re

FORMULA = "=+-@\t\r'"
"""A cell of CSV that begins with one of these is written behind a ``'``."""


_MARKUP = re.compile(r"\\(?=[!-/:-@\[-`{-~])|\||<(?=[A-Za-z/!?])|\](?=\()|&(?=#?\w+;)")
"""What begins markup in Markdown: escapes, cells, tags of HTML, targets of links and pictures, entities."""

_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")
"""Letters that no file of text holds within a name: controls, line and paragraph separators, halves of letters."""


def visible(text: str, kept: str = "\n\t") -> str:
    """Text whose control characters, but for those that are ``kept``, are written as escapes.

    >>> visible("red: \\x1b[31m, end\\n")
    'red: \\\\x1b[31m, end\\n'
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in kept else _escaped(letter) for letter in text)


def without_controls(text: str, kept: str = "") -> str:
    """Text for a file, whose control characters and line ends, but for those that are ``kept``, are written as escapes.

    All else stays, as names of a file are joined with those of others: joiners of Persian and of emoji, say, and
    no-break spaces, which `visible` escapes because a terminal does not show them.

    >>> without_controls("red: \\x1b[31m"), without_controls("a\\xa0b") == "a\\xa0b"
    ('red: \\\\x1b[31m', True)
    """
    if text.isprintable():
        return text
    return _CONTROL.sub(lambda found: found[0] if found[0] in kept else _escaped(found[0]), text)


def one_line(text: str, limit: int) -> str:
    """Text on one line of at most ``limit`` characters.

    >>> one_line("a\\nb", 10), one_line("x" * 100, 10)
    ('a\\\\nb', 'xxxxxxx...')
    """
    text = visible(text[: limit + 1], kept="")
    return text if len(text) <= limit else text[: limit - 3] + "..."


def markdown_text(text: str) -> str:
    """Text in Markdown, on one line, without cells, tags or links of its own.

    >>> markdown_text("a | b <i>, p < 0.1")
    'a \\\\| b \\\\<i>, p < 0.1'
    """
    return _MARKUP.sub(r"\\\g<0>", visible(text, kept=""))


def csv_cell(text: str) -> str:
    """Text as a cell of CSV that no spreadsheet takes for a formula.

    A ``'`` is put before what begins with one of `FORMULA`; who reads the file takes the first ``'`` of a cell away.
    Control characters are written as escapes, see `without_controls`.

    >>> csv_cell("=1+1"), csv_cell("'t Hart"), csv_cell("plain")
    ("'=1+1", "''t Hart", 'plain')
    """
    return without_controls("'" * text.startswith(tuple(FORMULA)) + text)


def without_password(text: str) -> str:
    """Text whose URLs hold no password.

    >>> without_password("mysql://ann:secret@host/trials"), without_password("pg://host/?user=ann&password=secret&x=1")
    ('mysql://ann:***@host/trials', 'pg://host/?user=ann&password=***&x=1')
    """
    text = re.sub(r"(://[^/@\s:]*:)[^/\s]*@", r"\1***@", text)
    return re.sub(r"([?&](?:password|passwd|pwd)=)[^&\s]*", r"\1***", text)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
