"""A finished run as a model: what it predicts, and how far it was right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from downstream.answers.frame import as_frame, as_html
from downstream.answers.interval import COVERAGE
from downstream.answers.node_scores import NodeScores, score_nodes
from downstream.stages.importance import IMPORTANCE
from nie.arguments import a_name, inner_share
from nie.errors import NieError, nearest, shown
from nie.progress import log
from nie.runs.run import Run, read_run

if TYPE_CHECKING:
    from downstream.answers.changed_scores import ChangeableRun
    from downstream.answers.explanation import Explanation
    from downstream.answers.score_sum import AskedRun
    from downstream.answers.suggestions import Suggestions
    from downstream.answers.trained import TrainedRun
    from downstream.answers.what_if import WhatIf


@dataclass(frozen=True, eq=False)
class Estimate:
    """A finished run of importance estimation.

    Attributes:
        run: its folder.
        data_root: folder of the datasets, where its graph is.
    """

    run: Run
    data_root: Path

    @property
    def method(self) -> str:
        """What the run is called in tables: its method, with ``+licap`` on pretrained features."""
        return str(self.run.config["label"])

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings that it was made with, nested."""
        return self.run.config

    @cached_property
    def node_scores(self) -> NodeScores:
        """The scores of all nodes, with what should be known of them (`NodeScores.remarks`)."""
        return score_nodes(self.run, data_root=self.data_root)

    def predict(self, nodes: Sequence[str | int] | None = None, *, interval: float = COVERAGE) -> Any:
        """The scores of all nodes, best first, or of the named ones in the order given.

        Args:
            nodes: names; all nodes where None.
            interval: the share of nodes whose interval ``lower`` to ``upper`` is to hold their importance.

        Returns:
            A ``pandas.DataFrame`` with the columns ``node, type, score, lower, upper, rank, rank_in_type, p_top100,
            known, held_out, extrapolated``; a list of dicts without pandas.

        Raises:
            NieError: ``nodes`` is no list of names, or one is not in the graph; the nearest is given. An interval that
                is not between 0 and 1.
        """
        scores = self.node_scores.at(inner_share("interval", interval))
        if interval != COVERAGE and (shortage := scores.remarks().get("intervals")):
            log.warning("%s", shortage)
        columns = scores.columns()
        if nodes is None:
            return as_frame(columns)
        place = {name: row for row, name in enumerate(columns["node"])}
        names = _names(nodes)
        for name in names:
            if name not in place:
                raise NieError(f"There is no node {shown(name)} in the graph{nearest(name, place)}.")
        return as_frame({key: [of[place[name]] for name in names] for key, of in columns.items()})

    def explain(self, node: str | int, method: str = "ig") -> Explanation:
        """Why a node has its score: ``.to_frame()`` has its facts, ``.plot()`` draws them, and ``.sum`` adds up.

        Args:
            node: its name in the graph, or its text.
            method: ``ig`` for integrated gradients, whose contributions add up to the score; ``leave-one-out`` for the
                change when a fact is removed; ``attention`` for what the network looks at.

        Raises:
            NieError: there is no such node or method, or the run's method cannot be explained.
        """
        from downstream.answers.explanation import explain  # loads torch, which scores do without

        return explain(self._asked, node, method)

    @cached_property
    def _asked(self) -> AskedRun:
        from downstream.answers.asked_run import asked_run
        from downstream.methods.table import method_of

        method = method_of(self.run)
        if method is not None and method.is_network:
            return self.trained  # so that all questions to a network share what it computed
        return asked_run(self.run, data_root=self.data_root)

    def what_if(self, remove: Sequence[Any] = (), add: Sequence[Any] = ()) -> WhatIf:
        """The scores of the graph without some facts, and with others; of a run of a network or of trees.

        Args:
            remove, add: facts (head, relation, tail), each of them by its name or its text.

        Returns:
            What changes; ``to_frame()`` has a row for each node that a changed fact names, ``to_frame("changed")`` for
            the ten whose score changes most.

        Raises:
            NieError: no fact is given, a node or relation is unknown or stands for several, a fact to remove is not in
                the graph, one to add is in it already, or the run is neither of a network nor of trees.
        """
        from downstream.answers.what_if import what_if

        return what_if(self._changeable, remove, add)

    @cached_property
    def _changeable(self) -> ChangeableRun:
        from downstream.answers.asked_run import changeable_run
        from downstream.methods.table import method_of

        method = method_of(self.run)
        trees = method is not None and method.predictor is not None
        return changeable_run(self.run, data_root=self.data_root) if trees else self.trained

    def suggest(self, node: str | int, count: int = 10, *, lower: bool = False) -> Suggestions:
        """The single facts, of those that similar nodes have, that would raise the score of a node most.

        Args:
            node: its name or text.
            count: facts to give at most.
            lower: those that would lower it most.

        Returns:
            The facts; ``to_frame()`` has a row for each.

        Raises:
            NieError: there is no such node, or the run is not one of a network.
        """
        from downstream.answers.suggestions import suggest

        return suggest(self.trained, node, count, lower=lower)

    def predict_new(
        self, triples: Any = None, text: Any = None, features: Mapping[str, Any] | None = None, *,
        interval: float = COVERAGE,
    ) -> Any:  # fmt: skip
        """The scores of nodes that training never saw, without training again; of a run of a network.

        Args:
            triples: their facts, and any further ones: a list of (head, relation, tail), a table or a file, by the
                names in the graph. A name that the graph does not have is a new node.
            text: their texts: a dict by node, a table or a file. Other nodes have their name for text where the graph
                was built without texts, and else none.
            features: their rows of features that cannot be computed, such as ``node2vec`` or a channel of the graph: a
                table or a file by the name of the feature.
            interval: as of `predict`.

        Returns:
            As of `predict`, with a column ``not_computed`` that says in words what stands for features that could not
            be computed: for embeddings such as node2vec the mean of the neighbours' vectors.

        Raises:
            NieError: nothing is given, no node is new, training never saw a relation, a fact is in the graph already,
                a text is that of a known node, or the run is not one of a network.
        """
        from downstream.answers.new_nodes import predict_new

        coverage = inner_share("interval", interval)
        return as_frame(predict_new(self.trained, triples, text, features).columns(coverage))

    @cached_property
    def trained(self) -> TrainedRun:
        """The networks of the run on its graph, which all questions to them share.

        Raises:
            NieError: the run is not one of a network, or its data have changed.
        """
        from downstream.answers.trained import TrainedRun  # loads torch, which scores alone do not need

        return TrainedRun.open(self.run, data_root=self.data_root)

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Mean, population standard deviation and n over the folds of every metric on test nodes."""
        figures: dict[str, dict[str, Any]] = self.run.summary()["test"]
        return figures

    def __repr__(self) -> str:
        return f"<Estimate {self.method}: {self.run.path}>"

    def _repr_html_(self) -> str:
        return as_html(f"{self.method}, {self.run.path}", self.node_scores.columns())


def _names(nodes: Any) -> list[str]:
    try:
        if isinstance(nodes, (str, bytes)):
            raise TypeError("one name")
        given = [*nodes]
    except TypeError as error:
        raise NieError(f"nodes must be a list of names; got {shown(nodes)}.") from error
    return [a_name("Each of nodes", node) for node in given]


def load_run(path: str | Path, data_root: str | Path = "datasets") -> Estimate:
    """Open a finished run, such as one that ``nie run`` printed the folder of.

    Args:
        path: of the run.
        data_root: folder of the datasets, where its graph is.

    Raises:
        NieError: there is no run, or it is one of another stage.
    """
    return Estimate(read_run(path, IMPORTANCE.name), Path(data_root))
