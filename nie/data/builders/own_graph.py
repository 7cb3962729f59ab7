"""The one builder of graphs of one's own, whatever their triples, scores and texts are read from.

It gives the fields of a `nie.KnowledgeGraph` and not the graph, so that the class can call it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nie.arguments import of_kind
from nie.arrays import Floats
from nie.data.builders.literal_features import literal_channel, telling_scores, with_strings
from nie.data.builders.literals import Literals, set_apart
from nie.data.builders.node_column import NodeColumn, in_graph
from nie.data.builders.triples import Triples
from nie.data.channel import Channel
from nie.errors import NieError, nearest, shown
from nie.progress import log

VERSION = 3
LITERALS = ("features", "nodes")
ONLY_RELATION = "edge"
"""The relation of all edges, where no edge names one."""
MOST_SHOWN = 10
SMALL = 0.01
"""A typical score below this is lost beside the 1 in log(1 + score), and in figures of four digits."""


class OwnGraph:
    """A graph in the making: triples first, then what is given for their nodes.

    Args:
        source: what the triples are read from, for messages.
        read: the triples, in the order of names, with literals among the nodes.
        literals: "features" makes features and text of numbers, dates and strings; "nodes" leaves them as nodes.
        type_relation: the relation whose tails are the types of nodes, if there is one.
        allow_unknown: skip scores and texts of what is no node, instead of refusing them.
        label_transform: "log1p", or "none" for scores that are learned as they are.

    Raises:
        NieError: an unknown choice or relation, or nothing but literals.
    """

    def __init__(
        self, source: str, read: Triples, *, literals: str = "features", type_relation: str | None = None,
        allow_unknown: bool = False, label_transform: str = "log1p",
    ) -> None:  # fmt: skip
        if literals not in LITERALS:
            raise NieError(f"literals must be one of {', '.join(LITERALS)}; got {shown(literals)}.")
        self.type_relation = None if type_relation is None else _relation(source, type_relation, read)
        self.read, self.literals = read, Literals({}, {}, {})
        if literals == "features":
            self.read, self.literals = set_apart(source, read, self.type_relation)
        self.allow_unknown, self.label_transform = allow_unknown, label_transform
        self.values: dict[str, dict[int, Any]] = {}
        self.signals: dict[str, dict[int, Any]] = {}
        self.label = "score"
        self.notes = {"repeated_triples": read.repeated}
        if read.repeated:
            log.warning("%d repeated triples were dropped", read.repeated)

    @property
    def nodes(self) -> Mapping[str, int]:
        """Number by name."""
        return self.read.nodes

    def take(self, column: NodeColumn) -> None:
        """Give nodes the scores or texts of a column.

        Raises:
            NieError: as `NodeColumn.values`, or there are no scores in a column of scores.
        """
        values, unknown = column.values(self.nodes, self.literals.names, allow_unknown=self.allow_unknown)
        if unknown:
            log.warning("%d nodes in %s are in no triple and were skipped", unknown, column.kind)
            self.notes[f"unknown_in_{column.kind}"] = unknown
        if column.kind == "scores" and not values:
            raise NieError(f"{column.source.name}: at least one node of the graph must have a score; none has.")
        if column.kind == "scores" and self.label_transform == "log1p":
            _warn_of_small(np.array(list(values.values())))
        self.values[column.kind] = values

    def take_scores(self, columns: Mapping[str, NodeColumn]) -> None:
        """Give nodes the scores of the first of some columns by name; of several, all are signals, too.

        Raises:
            NieError: as `take`, or a signal that no node of the graph has.
        """
        first = next(iter(columns))
        self.take(columns[first])
        if len(columns) == 1:
            return
        self.label = first
        log.info(
            "%s: the column %s is what is predicted, and further signals are %s",
            columns[first].source.name, first, ", ".join([*columns][1:]),
        )  # fmt: skip
        for name, column in columns.items():
            signal = replace(column, kind="signals")
            values, _ = signal.values(self.nodes, self.literals.names, allow_unknown=self.allow_unknown)
            if not values:
                raise NieError(f"{column.source.name}: at least one node must have the signal {name}; none has.")
            self.signals[name] = values

    def fields(
        self, name: str, channels: Mapping[str, Channel] | None = None, raw: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The arguments of `nie.KnowledgeGraph`.

        Args:
            name: of the dataset.
            channels: features that are given.
            raw: sha256 of the files by name.
        """
        nodes = list(self.nodes)
        scores, text = self.values.get("scores", {}), self.values.get("text")
        labels = _column(scores, len(nodes))
        for relation in telling_scores(self.literals, scores):
            log.warning(
                "the numbers of the relation %s are the scores themselves, if on another scale, so that test figures "
                "will say too much; "
                "remove its triples", relation,
            )  # fmt: skip
        own = literal_channel(self.literals, len(nodes))
        made = with_more({} if own is None else {"literals": own}, {} if channels is None else channels)
        src, etype, dst = np.ascontiguousarray(self.read.edges.T)
        return {
            "name": name,
            "src": src,
            "dst": dst,
            "etype": etype,
            "labels": labels,
            "label_mask": np.isfinite(labels),
            "node_names": nodes,
            "relation_names": list(self.read.relations),
            "text": with_strings(
                nodes if text is None else [text.get(node) for node in range(len(nodes))], self.literals
            ),
            "channels": made,
            "signals": {key: _column(values, len(nodes)) for key, values in self.signals.items()},
            "meta": {
                "label_transform": self.label_transform,
                "label": self.label,
                "licence": "your own",
                "attribution": "",
                "raw": {} if raw is None else dict(raw),
                "builder": {"name": "triples", "version": VERSION},
                "notes": self.notes,
                "inputs": inputs_of(made),
                **({} if self.type_relation is None else {"type_relation": self.type_relation}),
            },
        }


def _column(values: Mapping[int, float], num_nodes: int) -> Floats:
    """(N,) values by node; nan for the others."""
    column = np.full(num_nodes, np.nan)
    column[list(values)] = list(values.values())
    return column


def _warn_of_small(scores: Floats) -> None:
    """Warn where models, which learn log(1 + score), would hardly tell the scores apart."""
    usual = float(np.median(scores[scores > 0])) if (scores > 0).any() else SMALL
    if usual < SMALL:
        log.warning(
            "half of the positive scores are below %.3g, and models learn log(1 + score), which hardly tells such "
            "scores apart; give them in a smaller unit, such as multiplied by %.0e, or take them as they are with "
            "--label-transform none",
            usual, 10 ** np.ceil(-np.log10(usual) + 1),
        )  # fmt: skip


def with_more(channels: Mapping[str, Channel], given: Mapping[str, Channel]) -> dict[str, Channel]:
    """The channels of a graph of one's own, and those that are given with it.

    Raises:
        NieError: a name that is taken, or that holds the ``+`` which joins features.
    """
    for name in given:
        if name in channels:
            raise NieError(f"The channel name {name} is that of the graph's own numbers and dates; use another name.")
        if "+" in name:
            raise NieError(f"The channel name {shown(name)} must hold no '+', which joins the names of features.")
    return {**channels, **given}


def inputs_of(channels: Iterable[str]) -> dict[str, str]:
    """What ``auto`` means for a graph that carries these channels: the structure, and whatever was given with it.

    >>> inputs_of(["literals", "bib", "semantic"])
    {'structural': 'node2vec+literals+bib'}
    """
    names = [*channels]
    first = "structural" if "structural" in names else "node2vec"
    more = sorted({*names} - {"literals", "structural", "semantic"})
    return {"structural": "+".join([first, *(["literals"] if "literals" in names else []), *more])}


def _relation(source: str, given: str, read: Triples) -> str:
    of_kind("type_relation", given, str, "the name of a relation")
    name = in_graph(given, read.relations)
    if name not in read.relations:
        known = [*read.relations]
        there = f"there are {', '.join(map(shown, known[:MOST_SHOWN]))}{' and more' * (len(known) > MOST_SHOWN)}"
        raise NieError(
            f"{source} has no relation {shown(given)}{nearest(given, known)}, which is to be that of types; {there}."
        )
    return name
