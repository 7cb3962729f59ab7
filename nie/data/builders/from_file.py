"""The fields of a graph of one's own from files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from nie.data.builders.given_features import given_channels
from nie.data.builders.node_column import NodeColumn
from nie.data.builders.own_graph import OwnGraph
from nie.data.builders.score_table import ScoreTable
from nie.data.builders.triple_file import read_triples
from nie.data.raw import checksums, find_packed

Path_ = str | os.PathLike[str]


def fields_of_files(
    name: str, triples: Path_, scores: Path_ | None = None, *, text: Path_ | None = None,
    features: Mapping[str, Any] | None = None, columns: str | None = None, **options: Any,
) -> dict[str, Any]:  # fmt: skip
    """The arguments of `nie.KnowledgeGraph`; ``options`` are those of `nie.data.builders.own_graph.OwnGraph`."""
    # Before the triples, which may take minutes: what is wrong with the other files shows at once.
    table = None if scores is None else ScoreTable.read(scores)
    for file in (text, *(features.values() if isinstance(features, Mapping) else ())):
        if isinstance(file, (str, os.PathLike)):
            find_packed(file)
    graph = OwnGraph(str(find_packed(triples)), read_triples(triples, columns), **options)
    if table is not None:
        graph.take_scores(table.columns(graph.nodes))
    if text is not None:
        graph.take(NodeColumn.of_file("text", text, graph.nodes))
    files = [file for file in (triples, scores, text) if file is not None]
    return graph.fields(name, given_channels(features, list(graph.nodes)), raw=checksums(*files))
