"""The study of another kind of nodes: a method learns the labels of films, and ranks directors, who have none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from downstream.metrics.registry import evaluate, title
from downstream.reports.page import Table
from downstream.stages.runner import Runner
from downstream.studies.needs import Need
from downstream.studies.settings import Settings
from downstream.studies.study import Arm, Pair, Study
from nie.arrays import Array, Bools, Floats, Ints
from nie.data import KnowledgeGraph
from nie.runs.run import Run

METHODS = ("geni", "graphsage", "rgcn")
UNTRAINED = ", untrained"
STILL = {"max_epochs": 1, "lr": 1e-12}
"""One step that moves no weight by more than rounding does: the network as it is drawn."""

RELATION = "Directing"
"""Its edges lead from a labelled node to the nodes that are ranked."""
METRICS = ("spearman", "ndcg@100")


class Signal(NamedTuple):
    """What a director is worth: a signal of the films, summed or averaged, as ``log(1 + value)``."""

    name: str
    summed: bool

    def __str__(self) -> str:
        return f"{'total' if self.summed else 'mean'} {self.name}"


SIGNALS = (Signal("revenue", True), Signal("revenue", False), Signal("vote_count", False))

OWN_SIGNAL = Need(
    f"a relation {RELATION} from labelled nodes and the signals {' and '.join(sorted({one.name for one in SIGNALS}))}",
    "build tmdb5k again if it was built before it had signals",
    lambda kg, _config: RELATION in kg.relation_names and {one.name for one in SIGNALS} <= kg.signals.keys(),
)


@dataclass(frozen=True, eq=False)
class OtherKind:
    """Nodes of another kind in one fold, and what they are to be ranked by.

    Attributes:
        kg: the graph.
        split: ids of training, validation and test nodes.
    """

    kg: KnowledgeGraph
    split: Mapping[str, Array]

    @cached_property
    def _ends(self) -> tuple[Ints, Ints]:
        """Ids of labelled nodes, and of those that the relation leads to from them."""
        chosen = (self.kg.etype == self.kg.relation_names.index(RELATION)) & self.kg.label_mask[self.kg.src]
        return self.kg.src[chosen], self.kg.dst[chosen]

    def signal(self, one: Signal, films: Bools) -> Floats:
        """(N,) the signal over those of a director's ``films`` whose value is known; nan where there is none.

        A labelled node is never ranked.
        """
        film, director = self._ends
        values = self.kg.signals[one.name][film]
        kept = films[film] & ~np.isnan(values) & ~self.kg.label_mask[director]
        count = np.bincount(director[kept], minlength=self.kg.num_nodes)
        total = np.bincount(director[kept], values[kept], minlength=self.kg.num_nodes)
        with np.errstate(invalid="ignore"):
            made: Floats = np.log1p(np.where(count > 0, total / (1 if one.summed else count), np.nan))
        return made

    def of_nodes(self, part: str) -> Bools:
        """(N,) whether a node is one of a part of the fold."""
        return np.isin(np.arange(self.kg.num_nodes), self.split[part])

    @cached_property
    def _pairs(self) -> Ints:
        """(2, pairs) nodes and their neighbours, along edges of either direction, each pair once."""
        src, dst, size = self.kg.src, self.kg.dst, self.kg.num_nodes
        return np.stack(np.divmod(np.unique(np.r_[src * size + dst, dst * size + src]), size))

    @cached_property
    def _seen(self) -> tuple[Ints, Floats]:
        """(N,) number and sum of the training labels among a node's neighbours."""
        node, neighbour = self._pairs[:, self.of_nodes("train")[self._pairs[1]]]
        size = self.kg.num_nodes
        total = np.bincount(node, self.kg.targets[neighbour], minlength=size).astype(np.float64)
        return np.bincount(node, minlength=size), total

    @property
    def seen(self) -> Bools:
        """(N,) whether a node has a training label among its neighbours."""
        return self._seen[0] > 0

    def controls(self) -> dict[str, Floats]:
        """(N,) scores that take no network. A node without training labels around it has the mean of all."""
        (node, neighbour), size = self._pairs, self.kg.num_nodes
        count, total = self._seen
        mean = np.where(count > 0, total / np.maximum(count, 1), self.kg.targets[self.split["train"]].mean())
        carried, degree = mean, np.maximum(np.bincount(node, minlength=size), 1)
        for _ in range(2):  # to a director from his films' people
            carried = np.bincount(node, carried[neighbour], minlength=size) / degree
        return {
            "degree": np.bincount(np.r_[self.kg.src, self.kg.dst], minlength=size).astype(np.float64),
            "mean training label of the neighbours": mean,
            "the same, averaged over two steps": carried,
            "sum of the training labels of the neighbours": total,
        }


FILMS: dict[str, tuple[str, Callable[[OtherKind], tuple[Bools, Bools]]]] = {
    "Signal of all films": (
        "The signal is made of all films of a director, most of which are training nodes: not their signals, but "
        "labels that measure much the same have been learned.",
        lambda other: (other.kg.label_mask, np.ones(other.kg.num_nodes, dtype=bool)),
    ),
    "Signal of test films": (
        "The signal is made of the test films of a director alone, whose labels were not learned. Other films of the "
        "same director may be training nodes.",
        lambda other: (other.of_nodes("test"), np.ones(other.kg.num_nodes, dtype=bool)),
    ),
    "Signal of test films, directors of no training film": (
        "The same, of the directors that no edge connects with a training node.",
        lambda other: (other.of_nodes("test"), ~other.seen),
    ),
}
"""By title: what is said below the table, and what films make the signal and which nodes are ranked by it."""


def _arms(settings: Settings) -> list[Arm]:
    return [
        Arm(method + end, settings.method(method, **changes), needs=(OWN_SIGNAL,))
        for method in METHODS
        for end, changes in (("", {}), (UNTRAINED, {"optim": STILL}))
    ]


def _pairs(_arms: Sequence[Arm]) -> list[Pair]:
    return [(method, method + UNTRAINED) for method in METHODS]


def judged(signal: Floats, nodes: Bools, score: Floats) -> dict[str, float]:
    """The metrics of a score on the ``nodes`` that have the signal.

    >>> signal, everybody = np.array([1.0, 2.0, np.nan, 4.0]), np.ones(4, dtype=bool)
    >>> judged(signal, everybody, np.array([0.1, 0.2, 9.0, 0.3]))
    {'spearman': 1.0}
    """
    asked = nodes & ~np.isnan(signal)
    return evaluate(signal[asked], score[asked], METRICS) if asked.sum() > 1 else {}


def _rankings(arms: Sequence[Arm], runs: Mapping[str, Run], runner: Runner) -> tuple[list[Table], dict[str, Any]]:
    """A table for every choice of films, with a column for each signal and metric, and means over the folds."""
    made = [arm for arm in arms if arm.name in runs]
    if not made:
        return [], {}
    kg = runner.graph(made[0].config.dataset)
    folds: dict[int, OtherKind] = {}
    scores: dict[str, dict[int, Floats]] = {}
    for arm in made:
        run = runs[arm.name]
        for fold in run.finished_folds():
            folds.setdefault(fold, OtherKind(kg, run.split(fold)))
            scores.setdefault(arm.name, {})[fold] = run.ranking_scores(fold, kg.num_nodes)
    for fold, other in folds.items():
        for name, score in other.controls().items():
            scores.setdefault(name, {})[fold] = score
    return [_table(name, folds, scores) for name in FILMS], {}


def _table(name: str, folds: Mapping[int, OtherKind], scores: Mapping[str, Mapping[int, Floats]]) -> Table:
    said, choose = FILMS[name]
    chosen = {fold: choose(other) for fold, other in folds.items()}
    signals = {(fold, one): other.signal(one, chosen[fold][0]) for fold, other in folds.items() for one in SIGNALS}

    def cells(row: Mapping[int, Floats]) -> Iterator[str]:
        for one in SIGNALS:
            found = [judged(signals[fold, one], chosen[fold][1], score) for fold, score in row.items()]
            for metric in METRICS:
                values = np.array([each.get(metric, np.nan) for each in found])
                yield "—" if np.isnan(values).any() else f"{values.mean():.4f} ± {values.std():.4f}"

    asked = {
        one: [str(int((chosen[fold][1] & ~np.isnan(signals[fold, one])).sum())) for fold in sorted(folds)]
        for one in SIGNALS
    }
    counts = "; ".join(f"{one} {', '.join(numbers)}" for one, numbers in asked.items())
    columns = ["row", *(f"{title(metric)}, {one}" for one in SIGNALS for metric in METRICS)]
    rows = [[row, *cells(own)] for row, own in scores.items()]
    note = f"{said} Mean ± population standard deviation over the finished folds. Nodes ranked, by fold: {counts}."
    return Table(name, columns, rows, note)


OUT_OF_DOMAIN = Study(
    "out-of-domain",
    "Does a network that learned the importance of films rank directors, who have no label, by a signal of their own?",
    _arms,
    _pairs,
    also=_rankings,
    note="These are test films, the kind of node that was learned; further tables rank directors.",
)
