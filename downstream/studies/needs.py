"""What a row of a study reads and not every graph has, so that a study runs with what there is and says what is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nie.data import KnowledgeGraph
from nie.data.names_as_words import relation_text
from nie.errors import NieError
from nie.progress import log

if TYPE_CHECKING:
    from downstream.studies.study import Arm


@dataclass(frozen=True)
class Need:
    """Something that a row reads and that not every graph has.

    Attributes:
        what: it is, such as "texts of entities".
        remedy: what its owner can do, as an imperative.
        met: ``(graph, settings of the row) -> bool``: whether the graph has it.
    """

    what: str
    remedy: str
    met: Callable[[KnowledgeGraph, Any], bool]


def has_text(kg: KnowledgeGraph) -> bool:
    """Whether any node has text."""
    return any(text is not None and text.strip() for text in kg.text)


def _has_semantic_channel(kg: KnowledgeGraph, config: Any) -> bool:
    return config.features.semantic != "auto" or "semantic" in kg.channels or has_text(kg)


TEXT = Need("texts of entities", "build it with --text FILE", lambda kg, _config: has_text(kg))

SEMANTIC = Need(
    "a semantic channel", "build it with --text FILE, or with --features semantic=FILE", _has_semantic_channel
)
"""Of importance estimation, which reads a ready channel as well as texts."""

FACTS = Need(
    "a channel of numbers named facts",
    "build it with --features facts=FILE",
    lambda kg, _config: "facts" in kg.channels,
)

RELATION_WORDS = Need(
    "words in the names of its relations",
    "name its relations in words",
    lambda kg, _config: any(relation_text(name) for name in kg.relation_names),
)


def lacking(arm: Arm, kg: KnowledgeGraph) -> tuple[Need, ...]:
    """What the row needs and the graph has not."""
    return tuple(need for need in arm.needs if not need.met(kg, arm.config))


def served(arms: Sequence[Arm], kg: KnowledgeGraph, study: str) -> list[Arm]:
    """The arms that the graph has everything for; one warning names the others, and what is lacking.

    Args:
        arms: of the study.
        kg: the graph.
        study: its name, for the error.

    Raises:
        NieError: no arm is left.
    """
    left_out: dict[tuple[Need, ...], list[str]] = {}
    for arm in arms:
        left_out.setdefault(lacking(arm, kg), []).append(arm.name)
    left = set(left_out.pop((), []))
    if arms and not left:
        needs = dict.fromkeys(need for missing in left_out for need in missing)
        what, remedy = (joined([getattr(need, part) for need in needs]) for part in ("what", "remedy"))
        raise NieError(f"The study {study} needs {what}, which {kg.name} has not; {remedy}.")
    if left_out:
        reasons = [
            f"{', '.join(rows)} (it has not: {joined([need.what for need in missing])})"
            for missing, rows in left_out.items()
        ]
        log.warning("On %s the study %s leaves out %s.", kg.name, study, "; ".join(reasons))
    return [arm for arm in arms if arm.name in left]


def joined(words: Sequence[str]) -> str:
    """A list in words.

    >>> joined(["texts"]), joined(["texts", "numbers", "dates"])
    ('texts', 'texts, numbers and dates')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
