"""Entities and relations as users name them: by their name in the graph, or by their words."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from nie.arguments import a_name
from nie.data import KnowledgeGraph
from nie.data.names_as_words import relation_text
from nie.errors import NieError, nearest, shown
from nie.foreign import one_line

WIDTH = 80


def find_entity(kg: KnowledgeGraph, asked: str | int) -> int:
    """The entity with this name or text, or the only one whose text begins with these words.

    Raises:
        NieError: there is none, several share the text, or what is asked for is no name.
    """
    return _find("entity", asked, kg.node_names, kg.text)


def find_relation(kg: KnowledgeGraph, asked: str | int) -> int:
    """The relation with this name, or the only one with these words in its name.

    Raises:
        NieError: there is none, several share the words, or what is asked for is no name.
    """
    return _find("relation", asked, kg.relation_names, [relation_text(name) for name in kg.relation_names])


def _find(kind: str, given: str | int, names: Sequence[str], texts: Sequence[str | None]) -> int:
    asked = a_name(f"The {kind}", given)
    wanted = asked.casefold()
    whole = whole_words(wanted)
    words = [(place, text.casefold()) for place, text in enumerate(texts) if text]
    found = (
        [place for place, name in enumerate(names) if name == asked]
        or [place for place, text in words if text == wanted]
        or [place for place, text in words if whole.match(text)]
    )
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(one_line(names[place], WIDTH) for place in found[:3])
        raise NieError(f"{len(found)} have the words {shown(asked)}; give the {kind} by its name, such as {several}.")
    if having := [place for place, text in words if whole.search(text)]:
        several = ", ".join(one_line(names[place], WIDTH) for place in having[:3])
        more = f" and {len(having) - 3:,} more" if len(having) > 3 else ""
        raise NieError(f"No {kind} begins with the words {shown(asked)}; they are in those of {several}{more}.")
    known = [*names, *(text for text in texts if text)]
    raise NieError(f"The graph has no {kind} {shown(asked)}{nearest(asked, known)}.")


def whole_words(words: str) -> re.Pattern[str]:
    """What finds words that are not parts of longer ones; they may begin or end in a sign, as "C++" does.

    >>> bool(whole_words("c++").search("a c++ compiler")), bool(whole_words("comp").search("a c++ compiler"))
    (True, False)
    """
    return re.compile(rf"(?<!\w){re.escape(words)}(?!\w)")


def shown_entity(kg: KnowledgeGraph, node: int) -> str:
    """What a node is called in a table: its text, or without one its name."""
    return short(kg.text[node]) or one_line(kg.node_names[node], WIDTH)


def name_end(name: str, width: int) -> str:
    """A relation's name, of a long one the end, which says what it is.

    >>> name_end("/people/person/place_of_birth", 20)
    '...on/place_of_birth'
    """
    return one_line(name if len(name) <= width else f"...{name[3 - width :]}", width)


def short(text: str | None) -> str:
    """The beginning of a text, for a cell of a table."""
    return textwrap.shorten(text or "", WIDTH, placeholder=" ...")
