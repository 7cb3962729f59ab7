"""Scores of every node from a finished run, and the top of the list beside the truth."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from downstream.answers.interval import COVERAGE, Intervals
from downstream.answers.predicted import Predicted, predicted
from downstream.answers.score_scale import importance_of
from downstream.methods.table import method_of
from downstream.reports.tables import markdown_grid
from downstream.stages.importance import IMPORTANCE
from downstream.stages.same_graph import check_same_graph
from nie.arguments import inner_share
from nie.arrays import Array, Bools, Floats, Ints
from nie.data import KnowledgeGraph, load
from nie.data.node_types import NodeTypes, node_types
from nie.data.version import version_of
from nie.errors import NieError
from nie.foreign import one_line
from nie.progress import log
from nie.runs.run import Run

MOST_NAMES = 5


@dataclass(frozen=True, eq=False)
class NodeScores:
    """The scores of all nodes, with ranks that always agree with them.

    Attributes:
        name: node names.
        type: the type of each node, as `nie.data.node_types.node_types` finds it.
        score: (N,) predicted importance, on the scale of the given importance.
        known: (N,) the given importance, nan where there is none.
        held_out: (N,) True where no model behind ``score`` has seen the node's own label.
        extrapolated: (N,) True where no node of that type was ever labelled, so that nothing is known of its scale.
        drawn_in: (N,) True where a prediction lay beyond the labels that its model was trained on, and was drawn in.
        intervals: how sure the scores are; None where nothing tells.
        coverage: the share of nodes whose interval is to hold their importance.
        channel_weights: by channel (N,) how much it counts in the score; empty where nobody asked for it.

    Example:
        >>> none, nobody = np.full(3, np.nan), np.zeros(3, bool)
        >>> scores = NodeScores(list("abc"), ["Film", "Film", "Year"], np.array([1.0, 3.0, 9.0]), none, ~nobody,
        ...                     np.array([False, False, True]), nobody)
        >>> {column: values for column, values in scores.columns().items() if column in ("node", "score", "rank")}
        {'node': ['b', 'a', 'c'], 'score': [3.0, 1.0, 9.0], 'rank': [1, 2, None]}
        >>> scores.remarks()
        {'extrapolated': '1 of 3 nodes are of types of which no node has a score (Year): they are ranked apart.'}
    """

    name: Sequence[str]
    type: Sequence[str]
    score: Floats
    known: Floats
    held_out: Bools
    extrapolated: Bools
    drawn_in: Bools
    intervals: Intervals | None = None
    coverage: float = COVERAGE
    channel_weights: Mapping[str, Floats] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Predicted, kg: KnowledgeGraph, types: NodeTypes, intervals: Intervals) -> NodeScores:
        """The scores that predictions are, on the scale of the importance."""
        return cls(
            name=[str(name) for name in kg.node_names],
            type=types.name,
            score=importance_of(found.value, kg.label_transform),
            known=np.where(kg.label_mask, kg.labels, np.nan),
            held_out=(found.fold >= 0) | ~kg.label_mask,
            extrapolated=types.extrapolated,
            drawn_in=found.drawn_in,
            intervals=intervals,
        )

    def at(self, coverage: float) -> NodeScores:
        """The same scores with intervals of another coverage.

        Raises:
            NieError: a coverage that is not between 0 and 1.
        """
        return replace(self, coverage=inner_share("coverage", coverage))

    @cached_property
    def interval(self) -> tuple[Floats, Floats]:
        """Lower and upper ends, (N,) each, of the interval around every score; nan where there is none."""
        nothing = np.full(len(self.score), np.nan)
        return (nothing, nothing) if self.intervals is None else self.intervals.at(self.coverage)

    @property
    def p_top100(self) -> Floats:
        """(N,) the chance to be one of the 100 most important ranked nodes; nan where nothing tells."""
        return np.full(len(self.score), np.nan) if self.intervals is None else self.intervals.p_top100

    @cached_property
    def rank(self) -> Floats:
        """(N,) 1 for the highest score of those that are not extrapolated; nan for those that are.

        Nodes of equal scores share the best of their places.
        """
        rank = np.full(len(self.score), np.nan)
        rank[~self.extrapolated] = rank_of(self.score[~self.extrapolated])
        return rank

    @cached_property
    def rank_in_type(self) -> Ints:
        """(N,) 1 for the highest score of all nodes of the same type; equal scores share the best of their places."""
        rank = np.empty(len(self.score), dtype=np.int64)
        number = {name: place for place, name in enumerate(dict.fromkeys(self.type))}
        type_of_node = np.array([number[name] for name in self.type])
        order = np.argsort(type_of_node, kind="stable")
        for nodes in np.split(order, np.flatnonzero(np.diff(type_of_node[order])) + 1):
            rank[nodes] = rank_of(self.score[nodes])
        return rank

    @cached_property
    def order(self) -> list[int]:
        """All nodes by rank, and behind them the extrapolated ones by score; where these are equal, by name."""
        apart, score = self.extrapolated.tolist(), self.score.tolist()
        return sorted(range(len(score)), key=lambda node: (apart[node], -score[node], self.name[node]))

    def columns(self, nodes: Ints | None = None) -> dict[str, list[Any]]:
        """The columns of the written table as plain lists, in its `order`; None for what there is not.

        Of all nodes, or of some, by their numbers:
        ``node, type, score, lower, upper, rank, rank_in_type, p_top100, known, held_out, extrapolated``, and where
        there are weights of channels, ``weight_structural`` and so on.
        """
        order, (lower, upper) = self.order, self.interval
        if nodes is not None:
            chosen = set(nodes.tolist())
            order = [node for node in order if node in chosen]
        return {
            "node": [self.name[node] for node in order],
            "type": [self.type[node] for node in order],
            "score": self.score[order].tolist(),
            "lower": _or_none(lower[order]),
            "upper": _or_none(upper[order]),
            "rank": [None if rank is None else int(rank) for rank in _or_none(self.rank[order])],
            "rank_in_type": self.rank_in_type[order].tolist(),
            "p_top100": _or_none(self.p_top100[order]),
            "known": _or_none(self.known[order]),
            "held_out": self.held_out[order].tolist(),
            "extrapolated": self.extrapolated[order].tolist(),
            **{f"weight_{name}": weight[order].tolist() for name, weight in self.channel_weights.items()},
        }

    def remarks(self) -> dict[str, str]:
        """What whoever uses the scores should know, a sentence each.

        ``extrapolated``, ``intervals`` (where there are none), ``drawn_in``, ``ties``.
        """
        nodes, said = len(self.score), {}
        if apart := int(self.extrapolated.sum()):
            count = Counter(name for name, alone in zip(self.type, self.extrapolated, strict=True) if alone)
            names = [_quoted(one_line(name, 60)) for name, _ in count.most_common(MOST_NAMES)]
            more = f" and {len(count) - MOST_NAMES:,} more" if len(count) > MOST_NAMES else ""
            said["extrapolated"] = (
                f"{apart:,} of {nodes:,} nodes are of types of which no node has a score ({', '.join(names)}{more}): "
                "they are ranked apart."
            )
        given = ~np.isnan(self.known)
        if given.any() and not (self.held_out & given).any():
            said["intervals"] = (
                "The method has seen every known score, those that it is tested on, too: nothing tells how good its "
                "scores are, and there are no intervals."
            )
        elif self.intervals is not None and (shortage := self.intervals.calibration.shortage(self.coverage)):
            said["intervals"] = shortage
        usual = self.score[~self.extrapolated]
        if drawn := int(self.drawn_in[~self.extrapolated].sum()):
            known = self.known[~np.isnan(self.known)]
            said["drawn_in"] = (
                f"The predictions of {drawn:,} of the {len(usual):,} ranked nodes lay beyond the scores that the "
                f"models learned from and were drawn in: known scores go from {_range_text(known)}, and predicted "
                f"ones now from {_range_text(usual)}."
            )
        _, sizes = np.unique(usual, return_counts=True)
        if tied := int(sizes[sizes > 1].sum()):
            said["ties"] = (
                f"{tied:,} of the {len(usual):,} ranked nodes share their score, and so their rank, with another."
            )
        return said


def score_nodes(run: Run, *, data_root: str | Path = "datasets", coverage: float = COVERAGE) -> NodeScores:
    """Score every node with the models of all finished folds.

    A labelled node that was in the test set of a finished fold gets that fold's prediction, which has not seen its
    label; any other node gets the mean over folds, on the label scale (`downstream.answers.predicted.predicted`). The
    rank is that of the score. What such predictions miss on test nodes calibrates the intervals
    (`downstream.answers.interval.Intervals`). `NodeScores.remarks` are logged.

    Args:
        run: of the importance stage.
        data_root: folder of the datasets.
        coverage: the share of nodes whose interval is to hold their importance, between 0 and 1.

    Raises:
        NieError: another stage made the run, it has no finished fold, its dataset has changed, or a coverage that is
            not between 0 and 1.
    """
    coverage = inner_share("coverage", coverage)
    run.check_stage(IMPORTANCE.name)
    folds = run.finished_folds()
    if not folds:
        raise NieError(
            f"{run.path} has no finished fold to predict from; run 'nie {IMPORTANCE.command}' to its end first."
        )
    kg = load(run.config["dataset"], data_root)
    check_same_graph(run, version_of(kg))
    types, found, method = node_types(kg), predicted(run, folds, kg), method_of(run)
    if method is not None and method.sees_test_labels:  # a fold that tests a node has not held it out
        found = replace(found, fold=np.full(kg.num_nodes, -1))
    scores = NodeScores.of(found, kg, types, Intervals.of(found, kg, ~types.extrapolated)).at(coverage)
    for kind, remark in scores.remarks().items():
        log.log(logging.WARNING if kind in ("extrapolated", "intervals") else logging.INFO, "%s", remark)
    return scores


def top_table(scores: NodeScores, model: str, count: int = 10) -> str:
    """The most important held-out labelled nodes as ``model`` sees them, next to their true ranks among these.

    Nodes of equal importance share the best of their ranks, and stand in the order of their names; a line below says
    how many there are. Types are shown where there are several.
    """
    ids = np.flatnonzero(scores.held_out & ~np.isnan(scores.known)).tolist()
    predicted_rank, true_rank = rank_of(scores.score[ids]), rank_of(scores.known[ids])
    several = len({scores.type[node] for node in ids}) > 1
    rows = [
        [
            str(predicted_rank[i]), scores.name[ids[i]], *([scores.type[ids[i]]] if several else []),
            number_text(scores.score[ids[i]]), str(true_rank[i]), number_text(scores.known[ids[i]]),
        ]
        for i in listed_by_rank(predicted_rank, [scores.name[node] for node in ids])[:count]
    ]  # fmt: skip
    kind = ["type"] if several else []
    headers = ["predicted rank", "node", *kind, "predicted importance", "true rank", "true importance"]
    table = markdown_grid(headers, rows, width=80)
    tied = len(ids) - int((np.unique(predicted_rank, return_counts=True)[1] == 1).sum())
    ties = f"\n{tied:,} of them share their predicted rank with another.\n" if tied else ""
    return f"Most important of the {len(ids):,} held-out labelled nodes, as {model} sees them:\n\n{table}\n{ties}"


def number_text(value: float) -> str:
    """A score as text: whole from a thousand on, else with four significant digits.

    >>> number_text(24_874_500.4), number_text(3.14159), number_text(0.0)
    ('24,874,500', '3.142', '0')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _or_none(values: Floats) -> list[float | None]:
    """As a plain list, with None for nan."""
    return [None if value != value else value for value in values.tolist()]


def _range_text(values: Floats) -> str:
    return f"{number_text(values.min())} to {number_text(values.max())}"


def _quoted(name: str) -> str:
    """A name in a list with commas, which it may have, too."""
    return f'"{name}"' if "," in name or ";" in name else name


def rank_of(score: Array) -> Ints:
    """1 for the highest score; nodes of equal scores share the best of their places."""
    return np.asarray(np.searchsorted(np.sort(-score), -score) + 1)


def listed_by_rank(rank: Array, name: Sequence[str]) -> list[int]:
    """Places in the order of the ranks, and where these are equal in that of the names: never in that of a file."""
    return sorted(range(len(name)), key=lambda i: (rank[i], name[i]))
