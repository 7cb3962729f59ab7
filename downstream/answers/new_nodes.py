"""Scores of nodes that training never saw, from their facts and texts, without training again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from downstream.answers.by_name import WIDTH, find_entity
from downstream.answers.changed_graph import ChangedGraph
from downstream.answers.changed_scores import ChangedScores
from downstream.answers.interval import COVERAGE
from downstream.answers.named_change import NamedFact, check_new, named_facts
from downstream.answers.trained import TrainedRun
from nie.data import KnowledgeGraph
from nie.data.builders.frame import Frame
from nie.data.builders.from_frames import blocks_of_frame
from nie.data.builders.given_features import given_channels
from nie.data.builders.literals import Literal
from nie.data.builders.node_column import NodeColumn, in_graph
from nie.data.builders.triple_file import read_triples
from nie.data.builders.triples import Source, Triples, numbered
from nie.data.graph_change import GraphChange, NewNode
from nie.data.raw import unfit_letter
from nie.errors import NieError, nearest, shown
from nie.foreign import one_line
from nie.progress import log

MOST_NAMES = 5
"""Unknown relations that a message lists, and new nodes that may be known ones."""


@dataclass(frozen=True, eq=False)
class NewNodes:
    """New nodes among those of a graph, with their scores.

    Attributes:
        scores: of the graph with them.
    """

    scores: ChangedScores

    def columns(self, coverage: float = COVERAGE) -> dict[str, list[Any]]:
        """The columns of `downstream.answers.node_scores.NodeScores.columns` for the new nodes, and ``not_computed``.

        That one says in words which features of a node could not be computed, and what stands for them: the mean of its
        neighbours' vectors, or nothing. Ranks are those among all nodes, old and new.
        """
        change, after = self.scores.graph.change, self.scores.after.at(coverage)
        columns = after.columns(change.new)
        words = {
            node.name: "; ".join(f"{name}: {said}" for name, said in stand_ins.items())
            for node, stand_ins in zip(change.nodes, self.scores.graph.stand_ins, strict=True)
        }
        return columns | {"not_computed": [words[name] for name in columns["node"]]}


def predict_new(
    trained: TrainedRun, triples: Any = None, text: Any = None, features: Mapping[str, Any] | None = None
) -> NewNodes:
    """Score the nodes that the given facts and texts name and that the run's graph does not have.

    Args:
        trained: the run of a network.
        triples: facts of new nodes, and further ones of known nodes, by the names in the graph: a file as ``nie data
            build`` reads it, a list of (head, relation, tail) or a table.
        text: texts of new nodes: a file or a table of nodes and texts, or a dict. Other new nodes have their name for
            text where the graph was built without texts, and else none.
        features: rows of new nodes for features that cannot be computed, such as ``node2vec`` or a channel that the
            graph carries: a file or a table by name of the feature.

    Raises:
        NieError: nothing is given, or no new node; a relation that training never saw; a fact that is in the graph
            already; a text of a known node; or what is malformed.
    """
    if isinstance(triples, Sequence) and not triples:
        triples = None
    if triples is None and text is None:
        raise NieError("Give the facts of new nodes, their texts, or both.")
    change = new_nodes(trained.kg, *_read(trained.kg, triples, text))
    _warn_of_known(change)
    given = given_channels(features, [node.name for node in change.nodes])
    known = [name for names in trained.inputs.feature_names.values() for name in names]
    for name in given:
        if name not in known:
            raise NieError(f"The run reads no feature {shown(name)}{nearest(name, known)}; it has {', '.join(known)}.")
    found = NewNodes(ChangedScores.of(ChangedGraph(trained, change, given)))
    if apart := int(found.scores.after.extrapolated[change.new].sum()):
        log.warning(
            "%d of %d new nodes are of types of which no node has a score: they are ranked apart.",
            apart, len(change.nodes),
        )  # fmt: skip
    return found


def _warn_of_known(change: GraphChange) -> None:
    """Say which new nodes may be meant for known ones, whose words they have: triples name nodes in full."""
    for node in change.nodes[:MOST_NAMES]:
        with contextlib.suppress(NieError):  # of words that no node has, or several
            known = change.before.node_names[find_entity(change.before, node.name)]
            log.warning(
                "%s is taken for a new node; if %s is meant, give this name.", one_line(node.name, WIDTH),
                one_line(known, WIDTH),
            )  # fmt: skip


def new_nodes(
    kg: KnowledgeGraph, read: Triples, texts: Mapping[str, str | None], source: str = "triples"
) -> GraphChange:
    """The change of a graph that triples and texts of new nodes are.

    Args:
        kg: the graph.
        read: the triples.
        texts: by name, of new nodes.
        source: of the triples, for messages.

    Raises:
        NieError: as `predict_new`.
    """
    known = {name: node for node, name in enumerate(kg.node_names)}
    names = {in_graph(name, known) for name in [*read.nodes, *texts]} - known.keys()
    if not names:
        raise NieError(f"{source}: no node is new to the graph; 'nie what-if' answers for facts of known nodes.")
    _check_names(source, names)
    place = {name: kg.num_nodes + number for number, name in enumerate(sorted(names))}
    number = {**known, **place}
    nodes = np.array([number[in_graph(name, known)] for name in read.nodes], dtype=np.int64)
    relations = _relations(kg, source, list(read.relations))
    head, relation, tail = read.edges.T
    added = np.stack([nodes[head], relations[relation], nodes[tail]], axis=1)

    def named(row: int) -> NamedFact:  # asked for known nodes alone
        head, relation, tail = added[row].tolist()
        return NamedFact(kg.node_names[head], kg.relation_names[relation], kg.node_names[tail], source)

    check_new(kg, added, named)
    if _names_are_texts(kg):
        texts = {name: name for name in place} | dict(texts)
    return GraphChange(kg, added=added, nodes=[NewNode(name, texts.get(name)) for name in place])


def _names_are_texts(kg: KnowledgeGraph) -> bool:
    """Whether the text of each node is its name and any strings of its own, as in a graph that was built without texts.

    So building a new node in would give it this text, too.
    """
    texts = zip(kg.node_names, kg.text, strict=True)
    return all(text is not None and (text == name or text.startswith(f"{name}. ")) for name, text in texts)


def _read(kg: KnowledgeGraph, triples: Any, text: Any) -> tuple[Triples, dict[str, str | None], str]:
    source, read = "text", Triples({}, {}, np.zeros((0, 3), dtype=np.int64), 0)
    if isinstance(triples, (str, os.PathLike)):
        source, read = str(triples), read_triples(triples)
    elif triples is not None:
        if isinstance(triples, Sequence):
            columns = zip(*(fact[:3] for fact in named_facts("triples", triples)), strict=True)
            triples = dict(zip(("head", "relation", "tail"), columns, strict=True))
        source = "triples"
        read = numbered(Source(source, "row"), blocks_of_frame(Frame(source, triples), quoted=True)).in_order_of_names()
    return read, {} if text is None else _texts(kg, text), source


def _texts(kg: KnowledgeGraph, given: Any) -> dict[str, str | None]:
    known = dict.fromkeys(kg.node_names, 0)
    if isinstance(given, (str, os.PathLike)):
        column = NodeColumn.of_file("text", given, known)
    else:
        column = NodeColumn.of_frame("text", given)
    column = replace(column, rows=list(column.rows))
    for number, name, _ in column.rows:
        if in_graph(name, known) in known:
            raise NieError(
                f"{column.source.at(number)}: training has seen the node {shown(name)}; give texts of new nodes alone."
            )
    nodes = {name: place for place, name in enumerate(dict.fromkeys(name for _, name, _ in column.rows))}
    values, _ = column.values(nodes, {}, allow_unknown=False)
    return {name: values.get(place) for name, place in nodes.items()}


def _check_names(source: str, names: set[str]) -> None:
    for name in sorted(names):
        if Literal.quoted(name) is not None:
            raise NieError(
                f"{source}: {shown(name)} is a value and no node; leave its triples out, or in Python give what it "
                "says as features."
            )
        if not name or unfit_letter(name):
            raise NieError(f"{source}: {unfit_letter(name) or 'the name of a node must not be empty'}.")


def _relations(kg: KnowledgeGraph, source: str, names: Sequence[str]) -> np.ndarray:
    """(R',) the number in the graph of each relation."""
    known = {name: number for number, name in enumerate(kg.relation_names)}
    unknown = [name for name in names if in_graph(name, known) not in known]
    if unknown:
        listed = ", ".join(f"{shown(name)}{nearest(name, known)}" for name in unknown[:MOST_NAMES])
        more = f" and {len(unknown) - MOST_NAMES:,} more" if len(unknown) > MOST_NAMES else ""
        raise NieError(
            f"{source}: training never saw the relation{'s' * (len(unknown) != 1)} {listed}{more}; correct the names, "
            "or leave such triples out."
        )
    return np.array([known[in_graph(name, known)] for name in names], dtype=np.int64)
