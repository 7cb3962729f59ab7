"""What a row of a study needs of a graph, and not every graph offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nie.data import KnowledgeGraph
from nie.data.names_as_words import relation_text


@dataclass(frozen=True)
class Need:
    """Something that a row needs of a graph, and that not every graph has.

    Attributes:
        what: its name, such as "texts of entities".
        remedy: what the graph's owner can do, as an imperative.
        met: ``(graph, settings of the row) -> bool``: whether the graph has it.
    """

    what: str
    remedy: str
    met: Callable[[KnowledgeGraph, Any], bool]


def has_text(kg: KnowledgeGraph) -> bool:
    """Whether any node has text."""
    return any(text is not None and text.strip() for text in kg.text)


def _has_semantic_channel(kg: KnowledgeGraph, config: Any) -> bool:
    name, _, _control = config.features.semantic.split("+")[0].partition("~")
    return name != "none" and (name != "auto" or "semantic" in kg.channels or has_text(kg))


TEXT = Need("texts of entities", "build it with --text FILE", lambda kg, _config: has_text(kg))

SEMANTIC = Need(
    "a semantic channel", "build it with --text FILE or with --features semantic=FILE", _has_semantic_channel
)
"""The need of importance estimation, which reads a ready channel as well as texts."""

FACTS = Need(
    "a channel of numbers named facts",
    "build it with --features facts=FILE",
    lambda kg, _config: "facts" in kg.channels,
)

SIGNALS = Need(
    "further signals of importance",
    "give --scores with more columns; a dataset that was built before it had signals, build again",
    lambda kg, _config: bool(kg.signals),
)

FEWEST_TRAINING = 20
"""Two nodes in each of ten bins."""


def _has_training_labels(kg: KnowledgeGraph, config: Any) -> bool:
    tested = 3 / (2 * config.folds.num_folds)  # of the labels, those of validation and test nodes
    return bool(config.folds.train_share * (1 - tested) * kg.label_mask.sum() >= FEWEST_TRAINING)


TRAINING_LABELS = Need(f"{FEWEST_TRAINING} training labels", "give the scores of more nodes", _has_training_labels)
"""The need of rows that are given a small share of the labels."""

RELATION_WORDS = Need(
    "words in the names of its relations",
    "name its relations in words",
    lambda kg, _config: any(relation_text(name) for name in kg.relation_names),
)
