"""What if: scores, ranks and chances with facts taken away or added, beside those of the graph as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from downstream.answers.by_name import shown_entity
from downstream.answers.changed_scores import ChangeableRun, ChangedScores, changed_graph
from downstream.answers.frame import as_frame, as_html, as_records
from downstream.answers.named_change import named_change, named_facts
from downstream.answers.node_scores import number_text
from downstream.reports.tables import markdown_grid
from nie.arrays import Floats
from nie.errors import NieError, nearest, shown
from nie.vocabulary import WHICH_NODES

MOST_CHANGED = 10
"""Nodes that are shown of those whose score changes most."""
ROUNDING = 1e-5
"""A smaller change of the label scale is one of rounding."""


@dataclass(frozen=True, eq=False)
class WhatIf:
    """What changes of the scores when the graph changes.

    Attributes:
        scores: before and after.
    """

    scores: ChangedScores

    def nodes(self, which: str = "named") -> list[int]:
        """Numbers of nodes: those that a changed fact names, or the ten whose score changes most.

        Raises:
            NieError: another word for ``which`` than ``named`` and ``changed``.
        """
        if which not in WHICH_NODES:
            hint = nearest(str(which), WHICH_NODES)
            raise NieError(f"nodes must be one of {', '.join(WHICH_NODES)}; got {shown(which)}{hint}.")
        if which == "named":
            return [int(node) for node in self.scores.graph.change.named]
        size, names = np.abs(self.scores.change), self.scores.before.name
        moved = np.flatnonzero(size > ROUNDING).tolist()
        return sorted(moved, key=lambda node: (-size[node], names[node]))[:MOST_CHANGED]

    @cached_property
    def kept(self) -> list[str]:
        """The features of nodes that stay as they were, because they cannot be computed from a node's own facts."""
        return self.scores.graph.kept

    def columns(self, nodes: str = "named") -> dict[str, list[Any]]:
        """The table as lists by column, as `to_frame` has it."""
        chosen, scores = self.nodes(nodes), self.scores
        before, after = scores.before, scores.after

        def column(values: Floats, kind: type = float) -> list[Any]:
            return [None if value != value else kind(value) for value in values[chosen].tolist()]

        return {
            "node": [before.name[node] for node in chosen],
            "text": [shown_entity(scores.trained.kg, node) for node in chosen],
            "score_before": column(before.score),
            "score_after": column(after.score),
            "rank_before": column(before.rank, int),
            "rank_after": column(after.rank, int),
            "p_top100_before": column(before.p_top100),
            "p_top100_after": column(after.p_top100),
            "change": column(scores.change),
            "spread": column(scores.spread),
        }

    def to_frame(self, nodes: str = "named") -> Any:
        """Scores before and after.

        Args:
            nodes: ``named`` for the nodes that a changed fact names, ``changed`` for the ten whose score changes most.

        Returns:
            A ``pandas.DataFrame`` with the columns ``node, text, score_before, score_after, rank_before, rank_after,
            p_top100_before, p_top100_after, change, spread``; a list of dicts without pandas. ``change`` is on the
            label scale, where a change c of logarithms multiplies an importance by exp(c); ``spread`` is the population
            standard deviation of the change over all networks of the run.
        """
        return as_frame(self.columns(nodes))

    def as_json(self, nodes: str = "named") -> dict[str, Any]:
        """All of it, for a file."""
        return {
            "removed": self._facts("removed"), "added": self._facts("added"), "kept": self.kept,
            "networks": self.scores.networks, "nodes": as_records(self.columns(nodes)),
        }  # fmt: skip

    def _facts(self, kind: str) -> list[list[str]]:
        change = self.scores.graph.change
        kg = change.before
        return [
            [kg.node_names[head], kg.relation_names[relation], kg.node_names[tail]]
            for head, relation, tail in getattr(change, kind).tolist()
        ]

    def _repr_html_(self) -> str:
        return as_html("What if", self.columns())


def what_if(trained: ChangeableRun, remove: Sequence[Any] = (), add: Sequence[Any] = ()) -> WhatIf:
    """Ask a run for the scores of its graph without some facts, and with others.

    Everything that the networks read of the facts is computed anew: messages, degrees, relation profiles. What is
    trained on the whole graph, such as node2vec, stays as it was.

    Args:
        trained: the run, of a network or of trees, which are fitted again.
        remove, add: facts (head, relation, tail) by name or text.

    Raises:
        NieError: no fact is given, a node or relation is unknown or stands for several, a fact to remove is not in the
            graph, or one to add is in it already.
    """
    change = named_change(trained.kg, named_facts("remove", remove), named_facts("add", add))
    return WhatIf(ChangedScores.of(changed_graph(trained, change)))


def what_if_text(result: WhatIf, nodes: str = "named") -> str:
    """The answer in words and a table."""
    scores, told = result.scores, result.columns(nodes)
    change = scores.graph.change
    title = f"Facts removed: {len(change.removed):,}, added: {len(change.added):,}; networks asked: {scores.networks}."
    kept = f"{', '.join(result.kept)} stay{'s' * (len(result.kept) == 1)} as before." if result.kept else ""
    if not told["node"]:
        return "\n\n".join(filter(None, (title, "No score changes.", kept)))
    header, rows = what_if_rows(result, nodes)
    return "\n\n".join(filter(None, (title, markdown_grid(header, rows, width=80), kept)))


def what_if_rows(result: WhatIf, nodes: str = "named") -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table in words, a row for each node of `WhatIf.nodes`."""
    logarithms = result.scores.trained.kg.label_transform == "log1p"
    rows = [
        [
            row["text"], _from_to(number_text, row, "score"),
            f"{row['change']:+.3f} ± {row['spread']:.3f}" + (f" (x {np.exp(row['change']):.2f})" if logarithms else ""),
            _from_to("{:,}".format, row, "rank"), _from_to("{:.0%}".format, row, "p_top100"),
        ]
        for row in as_records(result.columns(nodes))
    ]  # fmt: skip
    return ["node", "score", "change on the label scale", "rank", "chance of the top 100"], rows


def _from_to(text: Any, row: dict[str, Any], title: str) -> str:
    ends = [row[f"{title}_{side}"] for side in ("before", "after")]
    return " -> ".join("-" if end is None else text(end) for end in ends)
