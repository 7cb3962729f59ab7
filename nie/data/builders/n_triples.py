"""Lines of N-Triples and N-Quads, the plain form of RDF: ``<head> <relation> <tail> .``"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import compress

from nie.data.builders.table_file import Lines
from nie.data.builders.triples import Block, Source
from nie.data.raw import unfit_letter
from nie.errors import NieError, shown

_IRI = r"<[^<>\s]*>"
_BLANK = r"_:[^\s<>\"]*[^\s<>\".]"
_LITERAL = r'"(?:[^"\\]|\\.)*"(?:@[A-Za-z0-9-]+|\^\^' + _IRI + ")?"
_LINE = re.compile(
    rf"\s*({_IRI}|{_BLANK})\s*({_IRI})\s*({_IRI}|{_BLANK}|{_LITERAL})(?:\s*{_IRI}|\s+{_BLANK})?\s*\.\s*(?:#.*)?"
)
TERM = re.compile(rf"{_IRI}|{_BLANK}|{_LITERAL}")
"""What heads, relations and tails can be."""

# The last kind, such as an escaped backslash, is there so that what follows it is not taken for one of the others.
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|.)")
# What would end a literal or its line.
_ESCAPED = {'"': r"\"", "\\": r"\\", "\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r"}


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
    head, relation, tail = (_unescaped(match[part]) for part in (1, 2, 3))
    return head, relation, tail


def n_triples_blocks(source: Source, blocks: Iterable[Lines]) -> Iterator[Block]:
    """The triples in the lines of a file.

    Raises:
        NieError: a line is neither a statement nor a comment.
    """
    for numbers, lines in blocks:
        matches = [*map(_LINE.fullmatch, lines)]
        if None in matches:
            for number, line in compress(zip(numbers, lines, strict=True), [match is None for match in matches]):
                if not is_comment(line):
                    raise NieError(
                        f"{source.at(number)} must be a statement of N-Triples, '<head> <relation> <tail> .'; got "
                        f"{shown(line)}."
                    )
        triples = [match.group(1, 2, 3) for match in matches if match is not None]
        if any("\\" in line for line in lines):
            triples = [(_unescaped(head), _unescaped(relation), _unescaped(tail)) for head, relation, tail in triples]
        if triples:
            said = [*compress(numbers, [match is not None for match in matches])]
            yield Block(said, *zip(*triples, strict=True))


def is_comment(line: str) -> bool:
    """Whether a line between triples says nothing."""
    return not line.strip() or line.lstrip().startswith("#")


def _unescaped(name: str) -> str:
    return _ESCAPE.sub(_letter, name) if "\\" in name else name


def _letter(escape: re.Match[str]) -> str:
    """The letter that an escape stands for; where it must not stand bare, its escape as pyoxigraph writes it.

    So the same triples are the same graph, whichever syntax they are in.
    """
    number = int(escape[1] or escape[2] or "0", 16)
    if not 0 < number <= 0x10FFFF:
        return "'" if escape[0] == r"\'" else escape[0]
    letter = chr(number)
    in_literal = escape.string.startswith('"')
    if in_literal and letter in _ESCAPED:
        return _ESCAPED[letter]
    return f"\\u{number:04X}" if unfit_letter(letter) else letter
