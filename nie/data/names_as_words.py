"""From the names of entities and relations, such as URIs, to words that a text encoder can read."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote

import numpy as np

from nie.data.graph import KnowledgeGraph
from nie.errors import NieError

WIKIDATA_ID = re.compile(r"[QP]\d+")


def name_in(uri: str) -> str | None:
    """The words in the last part of a URI; None for an id of Wikidata, which says nothing.

    >>> name_in("http://x.org/Ada_Lovelace#")
    'Ada Lovelace'
    >>> name_in("<http://dbpedia.org/resource/New_York_%28state%29>"), name_in("http://www.wikidata.org/entity/Q60")
    ('New York (state)', None)
    """
    last = unquote(re.split("[/#]", uri.strip("<>").rstrip("/#"))[-1])
    words = " ".join(last.replace("_", " ").split())
    return None if not words or WIKIDATA_ID.fullmatch(words) else words


def relation_text(name: str) -> str | None:
    """The words in the name of a relation: a URI, a path as in Freebase, or anything else; None for a mere id.

    >>> relation_text("<http://dbpedia.org/ontology/birthPlace>"), relation_text("/film/film/directed_by")
    ('birth place', 'film film directed by')
    """
    last = name_in(name) if "://" in name else " ".join(re.split(r"[/._\s-]+", name)).strip()
    if not last or WIKIDATA_ID.fullmatch(last):
        return None
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", last).lower()


def relations_as_nodes(
    kg: KnowledgeGraph, *, inverse_relations: bool = False, self_loops: bool = False
) -> KnowledgeGraph:
    """A graph without edges whose nodes are the relations of a message graph of ``kg``, to compute features of.

    Raises:
        NieError: no relation has words in its name.

    >>> from nie.data.synthetic_graph import synthetic
    >>> kg = relations_as_nodes(synthetic(0), inverse_relations=True, self_loops=True)
    >>> kg.text[0], kg.text[-1]
    ('cites', 'itself')
    """
    text = [relation_text(name) for name in kg.relation_names]
    if not any(text):
        raise NieError(
            f"No relation of {kg.name} has words in its name (such as {kg.relation_names[0]}), so there is no text of "
            "relations; leave model.relations.text out."
        )
    names = list(kg.relation_names)
    if inverse_relations:
        names += [f"inverse of {name}" for name in names]
        text += [None if words is None else f"inverse of {words}" for words in text]
    if self_loops:
        names.append("itself")
        text.append("itself")
    none = np.empty(0, dtype=np.int64)
    return replace(
        kg, src=none, dst=none, etype=none, node_names=names, text=text, channels={}, held_out={}, signals={},
        node_dates=None, edge_dates=None,
        labels=np.full(len(names), np.nan), label_mask=np.zeros(len(names), dtype=bool),
    )  # fmt: skip
