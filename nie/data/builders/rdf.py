"""Turtle and RDF/XML, which pyoxigraph parses; each term is written as in N-Triples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TextIO
from xml.parsers import expat

from nie.data.builders.n_triples import TERM
from nie.data.builders.triples import Block
from nie.data.raw import ending, open_text
from nie.errors import NieError, shown
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
        NieError: the extra ``rdf`` is not installed, the file has an error of syntax, whose line the message names, or
            it has a term that N-Triples cannot have.
    """
    parser = require("pyoxigraph", "rdf")
    in_xml = FORMATS[ending(found)] == "RDF_XML"
    with open_text(found) as text:
        stream = _WellFormed(text) if in_xml else text
        # Relative names in a file without a base stay as they are written, which only the lenient parser allows.
        statements = parser.parse(stream, format=getattr(parser.RdfFormat, FORMATS[ending(found)]), lenient=True)
        anonymous: dict[str, str] = {}
        while True:
            try:
                some = [(str(each.subject), str(each.predicate), str(each.object)) for each in islice(statements, ROWS)]
                if isinstance(stream, _WellFormed):
                    stream.check()
            except SyntaxError as error:
                line = error.lineno or getattr(stream, "line", 1)
                raise NieError(f"{found}, line {line}: {_reason(str(error.msg))}.") from error
            except expat.ExpatError as error:
                raise NieError(f"{found}, line {error.lineno}: {expat.ErrorString(error.code)}.") from error
            if not some:
                return
            _check_terms(found, dict.fromkeys(chain.from_iterable(some)))
            heads, relations, tails = map(list, zip(*some, strict=True))
            for column in (heads, tails):
                for place, name in enumerate(column):
                    if name.startswith("_:") and _ANONYMOUS.fullmatch(name):
                        column[place] = anonymous.setdefault(name, f"_:anonymous{len(anonymous) + 1}")
            # No line is known of a triple; what is wrong with names is said of the file.
            yield Block([1] * len(heads), heads, relations, tails)


def _check_terms(found: Path, terms: Iterable[str]) -> None:
    """Refuse what the lenient parser takes and N-Triples does not."""
    for term in terms:
        if not TERM.fullmatch(term):
            raise NieError(
                f"{found}: {shown(term)} must be an IRI without blanks, a literal, or a node without a name; write "
                "blanks as %20, and remove what is said of triples (RDF-star)."
            )


class _WellFormed:
    """A stream of XML, line by line, that knows whether its tags are closed and in which line they are not.

    pyoxigraph does not say in which line of XML an error stands, and takes a file that was cut off for a whole one.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.parser = stream, expat.ParserCreate()
        self.error: expat.ExpatError | None = None

    @property
    def line(self) -> int:
        """The number of the line that was read last."""
        return self.parser.CurrentLineNumber

    def read(self, size: int) -> str:
        """The rest of a line, or as much of it as is asked for; nothing more behind an error."""
        text = "" if self.error else self.stream.readline(size)
        try:
            if self.error is None:
                self.parser.Parse(text, not text)
        except expat.ExpatError as error:
            self.error = error
        return text

    def check(self) -> None:
        """Raise the error that was found."""
        if self.error:
            raise self.error


def _reason(message: str) -> str:
    """What the parser says, without the place, which stands before it already.

    >>> _reason("Parser error at line 3 column 6: 7 is no subject")
    '7 is no subject'
    """
    return one_line(re.sub(r"^Parser error [^:]*: ", "", message), 200).rstrip(".")
