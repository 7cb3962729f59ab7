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

The last two are repeated with networks that were trained with ``unseen_nodes``. Further flags are settings of the runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
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

    def figures(self, unseen: float) -> dict[str, float]:
        """SPEARMAN on the hidden nodes, by way of scoring them."""
        config = self.config.model_copy(update={"unseen_nodes": unseen})
        whole = self._trained(config, self.inputs)
        hidden = config.model_copy(update={"dataset": self.less.name})
        part = prepare(hidden, data_root=self.inputs.data_root, kg=self.less)
        apart = self._trained(hidden, replace(part, folds=[self._without_hidden(fold) for fold in self.inputs.folds]))
        kg = self.inputs.kg
        found = {
            "in place": whole.run.predictions(self.fold, kg.num_nodes)[self.hidden],
            "in place, stand-ins": self._new(whole, moved(kg, self.hidden)),
            "added afterwards": self._new(apart, added(kg, self.hidden, self.place, self.less)),
        }
        return {name: spearman(kg.targets[self.hidden], scores) for name, scores in found.items()}

    def _new(self, trained: TrainedRun, change: GraphChange) -> Floats:
        scores = ChangedGraph(trained, change, self.given).predictions()[self.fold].mean(axis=0)
        return np.asarray(scores[change.new])

    def _trained(self, config: NetworkConfig, inputs: NodeInputs) -> TrainedRun:
        run = estimate(config, data_root=inputs.data_root, run_root=self.run_root, inputs=inputs)
        return TrainedRun(run, inputs, config)

    def _without_hidden(self, fold: Fold) -> Fold:
        parts = (self.place[nodes] for nodes in (fold.train, fold.val, fold.test))
        return Fold(fold.index, *(nodes[nodes >= 0] for nodes in parts))


def table(config: NetworkConfig, folds: Sequence[int], share: float, unseen: float, roots: tuple[Path, Path]) -> str:
    """The figures of all folds in Markdown."""
    data_root, run_root = roots
    inputs, rows, hidden = prepare(config, data_root=data_root), dict[str, list[float]](), 0
    for fold in folds:
        settings = config.model_copy(update={"folds": config.folds.model_copy(update={"run": (fold,)})})
        compared = Comparison(settings, inputs, fold, share, run_root)
        hidden += len(compared.hidden)
        for value in (0.0, unseen):
            for name, figure in compared.figures(value).items():
                rows.setdefault(f"{name}, unseen_nodes {value:g}" if value else name, []).append(figure)
    cells = [
        [name, *(f"{value:.3f}" for value in values), f"{np.mean(values):.3f} ± {np.std(values):.3f}"]
        for name, values in rows.items()
    ]
    header = [f"SPEARMAN on {hidden:,} hidden nodes", *(f"fold {fold}" for fold in folds), "mean"]
    return markdown_grid(header, cells)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--recipe")
    parser.add_argument("--data-root", type=Path, default=Path("datasets"))
    parser.add_argument("--run-root", type=Path, default=Path("checkpoints"))
    parser.add_argument("--folds", default="0", help="numbers of folds, with commas between them")
    parser.add_argument("--share", type=float, default=0.05, help="of the test nodes of a fold to hide")
    parser.add_argument("--unseen", type=float, default=0.2, help="unseen_nodes of the second training")
    arguments, flags = parser.parse_known_args()
    try:
        config = IMPORTANCE.recipes.resolve(arguments.recipe, flags=["--dataset", arguments.dataset, *flags])
        folds = [int(fold) for fold in arguments.folds.split(",")]
        print(table(config, folds, arguments.share, arguments.unseen, (arguments.data_root, arguments.run_root)))
    except NieError as error:
        sys.exit(str(error))
