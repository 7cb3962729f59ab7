"""The questions of the page to one run, answered one after another."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from downstream.answers.changed_graph import tell_one_node
from downstream.answers.changed_scores import scores_before
from downstream.answers.estimate import Estimate
from downstream.answers.explanation import Explanation
from downstream.answers.last_asked import LastAsked
from downstream.answers.new_nodes import predict_new
from downstream.answers.suggestions import Suggestions
from downstream.answers.what_if import WhatIf
from downstream.methods.table import method_of
from nie.data import KnowledgeGraph
from nie.errors import NieError
from nie.progress import log
from nie.threads import computing_with, free_threads

KEPT = 200
"""Explanations that are kept."""

Fact = tuple[str, str, str]
"""Head, relation and tail by name."""


@dataclass(frozen=True, eq=False)
class Questions:
    """A run that several requests may ask at once.

    Whoever asks waits for the lock: what a network computes for all nodes is recorded in one place
    (`nie.ops.excerpt.recording`), which two questions at a time would mix up.

    Attributes:
        model: the run.
        kg: its graph.
        coverage: of the intervals.
    """

    model: Estimate
    kg: KnowledgeGraph
    coverage: float
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _explained: LastAsked[Explanation] = field(default_factory=lambda: LastAsked(KEPT, lambda _: 1), repr=False)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Wait for one's turn, and compute on the cores that other processes leave free."""
        with self._one_at_a_time, computing_with(free_threads()):
            yield

    def explain(self, node: int, method: str = "ig") -> Explanation:
        """Why a node, by its number, has its score; see `downstream.answers.explanation.explain`."""
        name = self.kg.node_names[node]
        with self._asking():
            return self._explained.get((node, method), lambda: self.model.explain(name, method))

    def what_if(self, remove: Sequence[Fact], add: Sequence[Fact]) -> WhatIf:
        """The scores of another graph; see `downstream.answers.what_if.what_if`."""
        with self._asking():
            result = self.model.what_if(remove, add)
            result.columns()  # computed here, under the lock
            return result

    def suggest(self, node: int, count: int, *, lower: bool) -> Suggestions:
        """Facts that would change a score; see `downstream.answers.suggestions.suggest`."""
        with self._asking():
            return self.model.suggest(self.kg.node_names[node], count, lower=lower)

    def new_nodes(self, facts: Sequence[Fact], texts: Mapping[str, str]) -> dict[str, list[Any]]:
        """The columns of new nodes; see `downstream.answers.new_nodes.predict_new`."""
        with self._asking():
            made = predict_new(self.model.trained, facts or None, dict(texts) or None)
            return made.columns(self.coverage)

    def warm_up(self) -> None:
        """Make what is kept for the next time, so that whoever asks first does not wait for it.

        That is what each network gives on the graph as it is, the scores of that graph, and the encoder of texts.
        """
        run, method = self.model.run, method_of(self.model.run)
        try:
            for fold in run.finished_folds():
                self.explain(int(run.split(fold)["test"][0]))
            if method is not None and method.is_network:
                with self._asking():
                    scores_before(self.model.trained)
                tell_one_node(self.model.trained)  # loads libraries for seconds, during which others may ask
        except NieError as error:  # the page says so where somebody asks
            log.info("%s", error)
