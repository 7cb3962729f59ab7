"""Lines of N-Triples and N-Quads, the plain form of RDF: ``<head> <relation> <tail> .``"""

from __future__ import annotations

import re

_IRI = r"<[^<>\s]*>"
_BLANK = r"_:[^\s<>\"]*[^\s<>\".]"
_LITERAL = r'"(?:[^"\\]|\\.)*"(?:@[A-Za-z0-9-]+|\^\^' + _IRI + ")?"
_LINE = re.compile(
    rf"\s*({_IRI}|{_BLANK})\s*({_IRI})\s*({_IRI}|{_BLANK}|{_LITERAL})(?:\s*{_IRI}|\s+{_BLANK})?\s*\.\s*(?:#.*)?"
)
# The last kind, such as an escaped backslash, is there so that what follows it is not taken for one of the others.
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|.)")


def parse_line(line: str) -> tuple[str, str, str] | None:
    """Head, relation and tail of a line, or None for a line of another kind.

    Names keep their brackets, and literals their quotation marks, language and type, which tell apart what differs.
    The graph of a quad is left out.

    >>> parse_line("<http://x/Ann>\\t<http://x/knows>\\t<http://x/Bob> .")
    ('<http://x/Ann>', '<http://x/knows>', '<http://x/Bob>')
    >>> parse_line('_:b1 <name> "Z\\\\u00fcrich"@de <graph> . # a note')
    ('_:b1', '<name>', '"Zürich"@de')
    >>> parse_line("ann\\tknows\\tbob .") is None
    True
    """
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    head, relation, tail = (_ESCAPE.sub(_letter, match[part]) for part in (1, 2, 3))
    return head, relation, tail


def is_comment(line: str) -> bool:
    """Whether a line between triples says nothing."""
    return not line.strip() or line.lstrip().startswith("#")


def _letter(escape: re.Match[str]) -> str:
    """The letter that an escape stands for; one that is no letter, such as a line end, stays written as it is."""
    number = int(escape[1] or escape[2] or "0", 16)
    letter = chr(number) if number <= 0x10FFFF else "\n"
    return letter if letter.isprintable() else escape[0]
