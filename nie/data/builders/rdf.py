"""Turtle and RDF/XML, which pyoxigraph parses; each term is written as in N-Triples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from nie.data.builders.numbering import Block
from nie.data.raw import ending, open_text
from nie.errors import NieError
from nie.extras import require
from nie.foreign import one_line

FORMATS = {".ttl": "TURTLE", ".rdf": "RDF_XML", ".xml": "RDF_XML", ".owl": "RDF_XML"}
"""pyoxigraph's names of the formats, by how the name of a file ends."""

ROWS = 10_000
# What pyoxigraph calls a node without a name: anew each time, at random.
_ANONYMOUS = re.compile(r"_:[0-9a-f]{20,32}")


def rdf_blocks(found: Path) -> Iterator[Block]:
    """The triples of a Turtle or RDF/XML file; nodes without a name are numbered as they come, so `_:anonymous1`.

    Raises:
        NieError: the extra ``rdf`` is not installed, or the file has an error of syntax; the message names the line.
    """
    parser = require("pyoxigraph", "rdf")
    with open_text(found) as stream:
        lines = _ByLine(stream)
        # Relative names in a file without a base stay as they are written, which only the lenient parser allows.
        statements = parser.parse(
            lines if FORMATS[ending(found)] == "RDF_XML" else stream,
            format=getattr(parser.RdfFormat, FORMATS[ending(found)]),
            lenient=True,
        )
        anonymous: dict[str, str] = {}
        while True:
            try:
                some = [(str(each.subject), str(each.predicate), str(each.object)) for each in islice(statements, ROWS)]
            except SyntaxError as error:
                line = error.lineno or lines.number
                raise NieError(f"{found}, line {line}: {_reason(str(error.msg))}.") from error
            if not some:
                return
            heads, relations, tails = ([*column] for column in zip(*some, strict=True))
            for column in (heads, tails):
                for place, name in enumerate(column):
                    if name.startswith("_:") and _ANONYMOUS.fullmatch(name):
                        column[place] = anonymous.setdefault(name, f"_:anonymous{len(anonymous) + 1}")
            # No line is known of a triple; what is wrong with names is said of the file.
            yield Block([1] * len(heads), heads, relations, tails)


class _ByLine:
    """A stream that gives a line at a time: the parser of XML does not say in which line an error stands."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.number, self.whole = stream, 0, True

    def read(self, size: int) -> str:
        """The rest of a line, or as much of it as is asked for."""
        text = self.stream.readline(size)
        self.number += self.whole and text != ""
        self.whole = text.endswith("\n")
        return text


def _reason(message: str) -> str:
    """What the parser says, without the place, which stands before it already.

    >>> _reason("Parser error at line 3 column 6: 7 is no subject")
    '7 is no subject'
    """
    return one_line(re.sub(r"^Parser error [^:]*: ", "", message), 200).rstrip(".")
