"""What scores of nodes are worth that training never saw, beside those of training with them in place.

::

    python benchmarks/new_nodes.py fb15k --recipe fb15k-fast --method rgtn --data-root datasets --run-root checkpoints

Of each fold, a share of the test nodes is hidden with all their facts and texts before training, and added afterwards.
Training, validation and all other test nodes are the same with them and without. The figures are SPEARMAN on the hidden
nodes against their labels:

- in place: by the network that was trained with their facts in the graph, as test nodes always are;
- in place, stand-ins: by the same network, with the mean of the neighbours' vectors in the place of node2vec and the
  like: what stand-ins alone cost;
- added afterwards: by the network that never saw them.

The last is repeated with networks that were trained with other settings (``--or``; by default, a fifth of the nodes is
fed as new ones in each epoch). Behind the mean over folds stand its differences to two of the rows, with standard
errors by a bootstrap over the hidden nodes, and SPEARMAN on the other test nodes, which were not hidden: what such
settings cost those. Further flags are settings of all runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from downstream.answers.changed_graph import ChangedGraph
from downstream.answers.trained import TrainedRun
from downstream.methods.importance_settings import NetworkConfig
from downstream.reports.tables import markdown_grid
from downstream.stages.estimation import estimate
from downstream.stages.importance import IMPORTANCE
from nie.arrays import Floats, Ints
from nie.data import Channel, KnowledgeGraph
from nie.data.graph_change import GraphChange, NewNode
from nie.errors import NieError
from nie.inputs.changed_features import is_learned
from nie.rank_correlation import spearman
from pretrain.cross_validation import Fold
from pretrain.inputs import NodeInputs, prepare

RESAMPLES = 1000
REFERENCES = ("in place", "added afterwards")


def without(kg: KnowledgeGraph, hidden: Ints) -> tuple[KnowledgeGraph, Ints]:
    """The graph without some nodes and all that names them; and the number in it of each node, -1 for those.

    >>> from nie.data import synthetic
    >>> less, place = without(synthetic(0), np.array([0, 7]))
    >>> less.num_nodes, place[:3].tolist()
    (298, [-1, 0, 1])
    """
    stays = np.setdiff1d(np.arange(kg.num_nodes), hidden)
    place = np.full(kg.num_nodes, -1)
    place[stays] = np.arange(len(stays))
    edges = (place[kg.src] >= 0) & (place[kg.dst] >= 0)
    channels = {name: Channel(one.features[stays], one.mask[stays]) for name, one in kg.channels.items()}
    return replace(
        kg, src=place[kg.src[edges]], dst=place[kg.dst[edges]],
        etype=kg.etype[edges], labels=kg.labels[stays], label_mask=kg.label_mask[stays],
        node_names=[kg.node_names[node] for node in stays], text=[kg.text[node] for node in stays], channels=channels,
        held_out={},
    ), place  # fmt: skip


def added(kg: KnowledgeGraph, hidden: Ints, place: Ints, less: KnowledgeGraph) -> GraphChange:
    """The hidden nodes with their facts and texts, as new ones of the graph without them."""
    number = place.copy()
    number[hidden] = less.num_nodes + np.arange(len(hidden))
    facts = kg.triples[np.isin(kg.src, hidden) | np.isin(kg.dst, hidden)]
    facts[:, [0, 2]] = number[facts[:, [0, 2]]]
    return GraphChange(less, added=facts, nodes=_named(kg, hidden))


def moved(kg: KnowledgeGraph, hidden: Ints) -> GraphChange:
    """The hidden nodes as new ones of the graph that has them, where nothing is left of them."""
    facts = kg.triples[np.isin(kg.src, hidden) | np.isin(kg.dst, hidden)]
    number = np.arange(kg.num_nodes)
    number[hidden] = kg.num_nodes + np.arange(len(hidden))
    new = facts.copy()
    new[:, [0, 2]] = number[facts[:, [0, 2]]]
    return GraphChange(kg, facts, new, _named(kg, hidden))


def _named(kg: KnowledgeGraph, nodes: Ints) -> list[NewNode]:
    return [NewNode(f"{kg.node_names[node]} (new)", kg.text[node]) for node in nodes.tolist()]


@dataclass(frozen=True)
class Scored:
    """Scores of the hidden nodes of a fold.

    Attributes:
        scores, labels: (n,) of the nodes.
        others: SPEARMAN on the test nodes that are not hidden.
    """

    scores: Floats
    labels: Floats
    others: float

    @property
    def spearman(self) -> float:
        """SPEARMAN on the hidden nodes."""
        return self.of(np.arange(len(self.scores)))

    def of(self, some: Ints) -> float:
        """SPEARMAN on some of them, of which one may be there several times."""
        return float(spearman(self.labels[some], self.scores[some]))


class Comparison:
    """A fold whose test nodes are hidden in part.

    Args:
        config: settings of the run on the whole graph.
        inputs: of these settings.
        fold: its number.
        share: of the test nodes to hide.
        run_root: folder of the runs.
    """

    def __init__(self, config: NetworkConfig, inputs: NodeInputs, fold: int, share: float, run_root: Path) -> None:
        self.config, self.inputs, self.fold, self.run_root = config, inputs, fold, run_root
        test = inputs.folds[fold].test
        count = max(round(share * len(test)), 2)
        self.hidden = np.sort(np.random.default_rng(fold).choice(test, count, replace=False))
        less, self.place = without(inputs.kg, self.hidden)
        self.less = replace(less, name=f"{inputs.kg.name}-hidden-in-fold-{fold}")
        # What came with the graph and is no embedding is known of a new node, too.
        known = {name: one for name, one in inputs.kg.channels.items() if not is_learned(inputs.kg, name)}
        self.given = {name: Channel(one.features[self.hidden], one.mask[self.hidden]) for name, one in known.items()}

    def in_place(self) -> dict[str, Scored]:
        """The scores by the network that was trained with the hidden nodes in place, by way of scoring them."""
        whole, count = self._trained(self.config, self.inputs), self.inputs.kg.num_nodes
        predictions = whole.run.predictions(self.fold, count)
        found = predictions[self.hidden], self._new(whole, moved(self.inputs.kg, self.hidden))
        ways = REFERENCES[0], "in place, stand-ins"
        return {way: self._scored(scores, predictions) for way, scores in zip(ways, found, strict=True)}

    def added(self, config: NetworkConfig) -> Scored:
        """The scores by a network that never saw the hidden nodes, of these settings."""
        hidden = config.model_copy(update={"dataset": self.less.name})
        part = prepare(hidden, data_root=self.inputs.data_root, kg=self.less)
        apart = self._trained(hidden, replace(part, folds=[self._without_hidden(fold) for fold in self.inputs.folds]))
        scores = self._new(apart, added(self.inputs.kg, self.hidden, self.place, self.less))
        return self._scored(scores, apart.run.predictions(self.fold, self.less.num_nodes)[self.place])

    def _scored(self, hidden: Floats, all_others: Floats) -> Scored:
        targets, others = self.inputs.kg.targets, np.setdiff1d(self.inputs.folds[self.fold].test, self.hidden)
        return Scored(hidden, targets[self.hidden], float(spearman(targets[others], all_others[others])))

    def _new(self, trained: TrainedRun, change: GraphChange) -> Floats:
        scores = ChangedGraph(trained, change, self.given).predictions()[self.fold].mean(axis=0)
        return np.asarray(scores[change.new])

    def _trained(self, config: NetworkConfig, inputs: NodeInputs) -> TrainedRun:
        run = estimate(config, data_root=inputs.data_root, run_root=self.run_root, inputs=inputs)
        return TrainedRun(run, inputs, config)

    def _without_hidden(self, fold: Fold) -> Fold:
        parts = (self.place[nodes] for nodes in (fold.train, fold.val, fold.test))
        return Fold(fold.index, *(nodes[nodes >= 0] for nodes in parts))


def table(configs: Mapping[str, NetworkConfig], folds: Sequence[int], share: float, roots: tuple[Path, Path]) -> str:
    """The figures of all folds in Markdown.

    Args:
        configs: settings by what is said of them; the first are those of the network with the nodes in place, too.
        folds: their numbers.
        share: of the test nodes of a fold to hide.
        roots: folders of the datasets and of the runs.
    """
    usual, (data_root, run_root) = next(iter(configs.values())), roots
    inputs, rows = prepare(usual, data_root=data_root), dict[str, list[Scored]]()
    for fold in folds:
        compared = Comparison(_on(usual, fold), inputs, fold, share, run_root)
        found = compared.in_place()
        found |= {f"{REFERENCES[1]}{said}": compared.added(_on(config, fold)) for said, config in configs.items()}
        for name, scored in found.items():
            rows.setdefault(name, []).append(scored)
    cells = [
        [
            name, *(f"{one.spearman:.3f}" for one in scored), f"{np.mean([one.spearman for one in scored]):.3f}",
            *("{:+.3f} ± {:.3f}".format(*_difference(scored, rows[other])) for other in REFERENCES),
            f"{np.mean([one.others for one in scored]):.3f}",
        ]
        for name, scored in rows.items()
    ]  # fmt: skip
    title = f"SPEARMAN on {sum(len(one.scores) for one in rows[REFERENCES[0]]):,} hidden nodes"
    differences = [f"to '{other}'" for other in REFERENCES]
    return markdown_grid([title, *(f"fold {fold}" for fold in folds), "mean", *differences, "others"], cells)


def _on(config: NetworkConfig, fold: int) -> NetworkConfig:
    return config.model_copy(update={"folds": config.folds.model_copy(update={"run": (fold,)})})


def _difference(scored: Sequence[Scored], reference: Sequence[Scored]) -> tuple[float, float]:
    """The mean difference of SPEARMAN over folds, and its standard error by a bootstrap over the nodes of each."""
    rng, drawn = np.random.default_rng(0), np.empty((RESAMPLES, len(scored)))
    for column, (one, other) in enumerate(zip(scored, reference, strict=True)):
        for row in range(RESAMPLES):
            some = rng.integers(len(one.scores), size=len(one.scores))
            drawn[row, column] = one.of(some) - other.of(some)
    differences = [one.spearman - other.spearman for one, other in zip(scored, reference, strict=True)]
    return float(np.mean(differences)), float(drawn.mean(axis=1).std())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--recipe")
    parser.add_argument("--data-root", type=Path, default=Path("datasets"))
    parser.add_argument("--run-root", type=Path, default=Path("checkpoints"))
    parser.add_argument("--folds", default="0", help="numbers of folds, with commas between them")
    parser.add_argument("--share", type=float, default=0.05, help="of the test nodes of a fold to hide")
    parser.add_argument(
        "--or", action="append", dest="others", metavar="FLAGS",
        help="settings of a further training without the hidden nodes; may be said several times",
    )  # fmt: skip
    arguments, flags = parser.parse_known_args()
    try:
        configs = {
            f", {said}" if said else "": IMPORTANCE.recipes.resolve(
                arguments.recipe, flags=["--dataset", arguments.dataset, *flags, *said.split()]
            )
            for said in ["", *(arguments.others or ["--unseen_nodes 0.2"])]
        }
        folds = [int(fold) for fold in arguments.folds.split(",")]
        print(table(configs, folds, arguments.share, (arguments.data_root, arguments.run_root)))
    except NieError as error:
        sys.exit(str(error))
