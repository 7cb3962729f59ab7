"""A knowledge graph with importance labels: plain read-only arrays and names, no framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from typing import Any

import numpy as np

from nie.arrays import Bools, Dates, Floats, Ints
from nie.data.channel import Channel
from nie.data.dates import as_of, days
from nie.data.digest import digest_of
from nie.data.from_elsewhere import FromElsewhere
from nie.data.graph_fields import check_name, mapping, real_numbers, truths, whole_numbers, words
from nie.data.signals import signal_columns
from nie.errors import NieError, shown

LARGEST_LABEL = {"log1p": 1e37, "none": 1e15}
"""The largest label by transform: what networks compute from it, such as its square, must be finite in float32."""
LABEL_TRANSFORMS = tuple(LARGEST_LABEL)


@dataclass(frozen=True, eq=False, repr=False)
class KnowledgeGraph(FromElsewhere):
    """A directed multigraph with typed edges, importance labels on some nodes, names and text.

    Edge ``i`` goes ``src[i] -> dst[i]`` with relation ``etype[i]``. Arrays are read-only, and may be memory-mapped.

    Args:
        name: name of the dataset; also its folder under ``datasets/``.
        src, dst: (E,) int64 node ids in ``[0, N)``.
        etype: (E,) int64 relation ids in ``[0, R)``.
        labels: (N,) float64 raw importance, finite and >= 0 on ``label_mask`` and nan elsewhere.
        label_mask: (N,) bool, True where a node is labelled.
        node_names, relation_names: N and R strings.
        text: N strings, or None for a node without text.
        channels: ready features by channel name.
        held_out: by name (``valid``, ``test``), further triples (n, 3) of head, relation and tail that are no edges,
            for link prediction.
        signals: by name, (N,) float64 further signals of importance, such as votes or revenue, and perhaps the label
            itself; nan where a node has none. `targets` are of ``labels`` alone; method ``multi-import`` reads signals.
        node_dates: (N,) days on which nodes come to be, as `datetime64` or strings such as "2001-05-16"; NaT or None
            for a node that was always there. None for a graph without time.
        edge_dates: (E,) the same of edges. An edge without a day of its own came to be with the later of its ends.
        meta: ``label_transform`` ("log1p", the default, or "none"), licence, attribution, sha256 of raw files, notes;
            ``inputs``, the features that "auto" stands for, by channel, as ``{"structural": "node2vec+literals"}``;
            ``type_relation``, the relation whose tails are the types of nodes.

    Raises:
        NieError: lengths disagree, an id is out of range, or a label is negative or not finite.

    >>> kg = KnowledgeGraph("tiny", [0, 1], [1, 2], [0, 0], [3.0, 0.0, 0.0], [True, False, False],
    ...                     ["a", "b", "c"], ["knows"], ["Ann", None, None])
    >>> kg.num_nodes, kg.num_relations, kg.num_edges
    (3, 1, 2)
    >>> kg.targets.round(2)
    array([1.39,  nan,  nan])
    >>> kg
    <KnowledgeGraph tiny: nodes 3, labelled 1, edges 2, relations 1>
    """

    name: str
    src: Ints
    dst: Ints
    etype: Ints
    labels: Floats
    label_mask: Bools
    node_names: Sequence[str]
    relation_names: Sequence[str]
    text: Sequence[str | None]
    channels: Mapping[str, Channel] = field(default_factory=dict)
    held_out: Mapping[str, Ints] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    signals: Mapping[str, Floats] = field(default_factory=dict)
    node_dates: Dates | None = None
    edge_dates: Dates | None = None

    def __post_init__(self) -> None:
        owner = f"Graph {check_name('dataset', self.name)}"
        kept: dict[str, Any] = {
            **{key: whole_numbers(owner, key, getattr(self, key)) for key in ("src", "dst", "etype")},
            "labels": real_numbers(owner, "labels", self.labels, np.float64),
            "label_mask": truths(owner, "label_mask", self.label_mask),
            **{key: words(owner, key, getattr(self, key)) for key in ("node_names", "relation_names")},
            "text": words(owner, "text", self.text, optional=True),
            **{key: mapping(owner, key, getattr(self, key)) for key in ("channels", "held_out", "meta")},
            "signals": signal_columns(owner, self.signals),
            **{key: days(owner, key, getattr(self, key)) for key in ("node_dates", "edge_dates")},
        }
        kept["held_out"] = {
            name: whole_numbers(owner, f"held_out {name}", triples) for name, triples in kept["held_out"].items()
        }
        for key, value in kept.items():
            object.__setattr__(self, key, value)
        self._check_meta()
        self._check_edges()
        self._check_held_out()
        self._check_nodes()
        if not np.isnan(self.labels[~self.label_mask]).all():
            labels = np.where(self.label_mask, self.labels, np.nan)
            labels.flags.writeable = False
            object.__setattr__(self, "labels", labels)
        self._check_labels()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {count:,}" for name, count in self._counts().items())
        return f"<KnowledgeGraph {self.name}: {shown}>"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{escape(name)}</td><td>{count:,}</td></tr>" for name, count in self._counts().items())
        return f"<p>{escape(self.name)}</p><table>{rows}</table>"

    def _counts(self) -> dict[str, int]:
        return {
            "nodes": self.num_nodes,
            "labelled": int(self.label_mask.sum()),
            "edges": self.num_edges,
            "relations": self.num_relations,
            **{f"channel {name}": channel.features.shape[1] for name, channel in self.channels.items()},
            **({"signals": len(self.signals)} if self.signals else {}),
            **{name: len(triples) for name, triples in self.held_out.items()},
        }

    @property
    def num_nodes(self) -> int:
        """Number of nodes, N."""
        return len(self.node_names)

    @property
    def num_relations(self) -> int:
        """Number of relations, R."""
        return len(self.relation_names)

    @property
    def num_edges(self) -> int:
        """Number of edges, E."""
        return len(self.src)

    @cached_property
    def targets(self) -> Floats:
        """What a model learns: (N,) ``log(1 + label)``, or the label itself; nan for a node without label."""
        targets = self.labels if self.label_transform == "none" else np.log1p(self.labels)
        targets.flags.writeable = False
        return targets

    @cached_property
    def structure_digest(self) -> str:
        """sha256 of nodes, relations and edges; labels, text and features do not enter."""
        return digest_of(self.node_names, self.relation_names, self.src, self.dst, self.etype)

    @cached_property
    def text_digest(self) -> str:
        """sha256 of the nodes' text; an absent text differs from an empty one."""
        return digest_of(["-" if text is None else "+" + text for text in self.text])

    @cached_property
    def digest(self) -> str:
        """sha256 of structure, targets and held-out triples: what a run's results are bound to.

        Targets are labels, label mask and ``label_transform``, which enters where it is not the usual one. Channels and
        text are no part of it: what a run reads of them, it is bound to by the sha256 of its features.
        """
        held_out = [part for name, triples in sorted(self.held_out.items()) for part in ([name], triples)]
        transform = [] if self.label_transform == "log1p" else [["label_transform", self.label_transform]]
        return digest_of([self.structure_digest], self.labels, self.label_mask, *held_out, *transform)

    @cached_property
    def data_digest(self) -> str:
        """sha256 of all that can change a result: `digest`, text, channels and which are read, signals, days."""
        given = [
            part
            for name, channel in sorted(self.channels.items())
            for part in ([name, _shape(channel)], channel.features, channel.mask)
        ]
        chosen = [f"{channel} {names}" for channel, names in sorted(self.meta.get("inputs", {}).items())]
        signals = [part for name, values in sorted(self.signals.items()) for part in ([f"signal {name}"], values)]
        dates = {"node_dates": self.node_dates, "edge_dates": self.edge_dates}
        dated = [part for name, each in dates.items() if each is not None for part in ([name], each.view(np.int64))]
        return digest_of([self.digest, self.text_digest], *given, *([chosen] if chosen else []), *signals, *dated)

    @property
    def label_transform(self) -> str:
        """What makes a target of a label: "log1p" or "none"."""
        return str(self.meta.get("label_transform", "log1p"))

    @property
    def triples(self) -> Ints:
        """(E, 3) head, relation and tail of every edge."""
        return np.stack([self.src, self.etype, self.dst], axis=1)

    def with_channels(self, channels: Mapping[str, Channel]) -> KnowledgeGraph:
        """Return the same graph that carries ``channels`` as well.

        >>> from nie.data.synthetic_graph import synthetic
        >>> kg = synthetic(0)
        >>> sorted(kg.with_channels({"extra": kg.channels["semantic"]}).channels)
        ['extra', 'semantic', 'structural']
        """
        return replace(self, channels={**self.channels, **mapping(f"Graph {self.name}", "channels", channels)})

    def until(self, date: Any) -> KnowledgeGraph:
        """The graph as it was known at the end of a day; nodes and relations keep their numbers.

        What came to be later is not known: an edge is gone, and a node stays as a bare name, without label, signals,
        text and features. What has no day was always there. (So people of whom only later films are known are there,
        without an edge.) Held-out triples stay.

        Args:
            date: a day, such as ``"2004-12-31"``.

        Raises:
            NieError: the graph has no dates, or that is no day.

        >>> kg = KnowledgeGraph("tiny", [0, 1], [2, 2], [0, 0], [3.0, 5.0, 0.0], [True, True, False], ["a", "b", "c"],
        ...                     ["by"], ["Ann", "Ben", None], node_dates=["2001-05-16", "2003-01-01", None])
        >>> then = kg.until("2002-12-31")
        >>> then.labels.tolist(), then.src.tolist(), list(then.text)
        ([3.0, nan, nan], [0], ['Ann', None, None])
        """
        return replace(self, **as_of(self, date))

    def _check_meta(self) -> None:
        for key in ("options", "notes", "raw", "inputs"):
            mapping(f"Graph {self.name}", f"meta {key}", self.meta.get(key, {}))
        words(f"Graph {self.name}", "the values of meta inputs", [*self.meta.get("inputs", {}).values()])
        transform = self.meta.get("label_transform", "log1p")
        if not isinstance(transform, str) or transform not in LABEL_TRANSFORMS:
            raise NieError(
                f"Graph {self.name}: label_transform must be one of {LABEL_TRANSFORMS}; got {shown(transform)}."
            )

    def _check_edges(self) -> None:
        if self.src.ndim != 1 or not self.src.shape == self.dst.shape == self.etype.shape:
            shapes = f"{self.src.shape}, {self.dst.shape}, {self.etype.shape}"
            raise NieError(f"Graph {self.name}: src, dst and etype must be vectors of one length; got {shapes}.")
        if self.edge_dates is not None and self.edge_dates.shape != self.src.shape:
            raise NieError(
                f"Graph {self.name}: edge_dates must be ({self.num_edges},), one for each edge; got "
                f"{self.edge_dates.shape}."
            )
        bounds = {"src": self.num_nodes, "dst": self.num_nodes, "etype": self.num_relations}
        for key, bound in bounds.items():
            ids = getattr(self, key)
            if len(ids) and (ids.min() < 0 or ids.max() >= bound):
                edge = int(np.argmax((ids < 0) | (ids >= bound)))
                raise NieError(f"Graph {self.name}: {key} of edge {edge} must be in 0..{bound - 1}; got {ids[edge]}.")

    def _check_held_out(self) -> None:
        for name, triples in self.held_out.items():
            check_name("split", name)
            if triples.ndim != 2 or triples.shape[1] != 3:
                raise NieError(f"Graph {self.name}: the split {name} of held_out must be (n, 3); got {triples.shape}.")
            outside = (triples < 0) | (triples >= [self.num_nodes, self.num_relations, self.num_nodes])
            if outside.any():
                row = int(np.argmax(outside.any(axis=1)))
                raise NieError(
                    f"Graph {self.name}: row {row} of the split {name} is {triples[row].tolist()}, but there are "
                    f"{self.num_nodes} nodes and {self.num_relations} relations."
                )

    def _check_nodes(self) -> None:
        sizes = {"labels": self.labels.shape, "label_mask": self.label_mask.shape, "text": (len(self.text),)}
        for key, channel in self.channels.items():
            check_name("channel", key)
            if not isinstance(channel, Channel):
                raise NieError(f"Graph {self.name}: channel {key} must be a nie.Channel; got {shown(channel)}.")
            sizes[f"channel {key}"] = channel.mask.shape
        sizes |= {f"signal {key}": values.shape for key, values in self.signals.items()}
        if self.node_dates is not None:
            sizes["node_dates"] = self.node_dates.shape
        for key, size in sizes.items():
            if size != (self.num_nodes,):
                raise NieError(f"Graph {self.name}: {key} must be ({self.num_nodes},), one for each node; got {size}.")

    def _check_labels(self) -> None:
        known = np.flatnonzero(self.label_mask)
        largest = LARGEST_LABEL[self.meta.get("label_transform", "log1p")]
        # A comparison with nan is false.
        wrong = known[~((self.labels[known] >= 0) & (self.labels[known] <= largest))]
        if len(wrong):
            node = int(wrong[0])
            raise NieError(
                f"Graph {self.name}: the label of node {node} ({self.node_names[node]}) must be finite and not "
                f"negative, and at most {largest:g}; got {self.labels[node]}."
            )


def _shape(channel: Channel) -> str:
    return str(channel.features.shape) + ("" if channel.steps is None else f" of {channel.steps} steps")
