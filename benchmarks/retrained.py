"""How near what-if answers, which train nothing again, are to those of training again.

::

    python benchmarks/retrained.py checkpoints/downstream/fb15k/rgcn-afca42c3 --data-root datasets --run-root again

Of random test nodes of a fold with ten facts and more, those five facts are taken out of the graph at once that raise
or lower their scores most by integrated gradients. The network of the run is asked for its predictions on that graph,
and another one is trained on it, with the same settings and seed, on features that are computed anew. Two figures say
how the changes of a prediction compare on the nodes that lost facts, and how much training again changes the
predictions of all other test nodes, of which nothing was taken: what it changes by chance. The unit is that of the
label scale.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from downstream.answers.attribution import ATTRIBUTIONS
from downstream.answers.changed_graph import ChangedGraph
from downstream.answers.scored_node import ScoredNode
from downstream.answers.trained import TrainedRun
from downstream.reports.tables import markdown_grid
from downstream.stages.estimation import estimate
from nie.arrays import Floats, Ints
from nie.data.graph_change import GraphChange
from nie.errors import NieError
from nie.rank_correlation import spearman
from nie.runs.run import read_run
from pretrain.inputs import prepare

LEAST_FACTS = 10


def facts_to_remove(trained: TrainedRun, fold: int, nodes: Ints, count: int) -> Ints:
    """(n, 3) for each node the facts of one sign that contribute most to its score."""
    found = []
    for node in nodes.tolist():
        scored = ScoredNode(trained.networks_of(fold)[0], node, trained.triples)
        worth = ATTRIBUTIONS["ig"](scored).facts
        rising = np.argsort(worth)
        chosen = max((rising[:count], rising[::-1][:count]), key=lambda some: abs(worth[some].sum()))
        found.append(trained.kg.triples[scored.facts[chosen]])
    return np.unique(np.concatenate(found), axis=0)


def retrained(trained: TrainedRun, change: GraphChange, fold: int, run_root: Path) -> Floats:
    """(N,) predictions of a network that is trained on the changed graph."""
    name = f"{trained.kg.name}-without-{len(change.removed)}-facts"
    less = replace(change.after, name=name, channels=trained.kg.channels)
    folds = trained.config.folds.model_copy(update={"run": (fold,)})
    config = trained.config.model_copy(update={"dataset": less.name, "folds": folds})
    inputs = prepare(config, data_root=trained.inputs.data_root, kg=less)
    run = estimate(config, data_root=trained.inputs.data_root, run_root=run_root, inputs=inputs)
    return run.predictions(fold, less.num_nodes)


def table(asked: Floats, again: Floats, lost: Ints, others: Ints) -> str:
    """The figures in Markdown.

    Args:
        asked, again: (N,) changes of predictions, without and with training again.
        lost: nodes that lost facts.
        others: test nodes that did not.
    """
    header = ["test nodes", "nodes", "asked: mean size", "trained again: mean size", "mean difference of the two"]
    rows = [
        [
            name, f"{len(nodes):,}", *(f"{np.abs(each[nodes]).mean():.3f}" for each in (asked, again)),
            f"{np.abs(asked[nodes] - again[nodes]).mean():.3f}",
        ]
        for name, nodes in (("that lost facts", lost), ("all others", others))
    ]  # fmt: skip
    same = float(np.mean(np.sign(asked[lost]) == np.sign(again[lost])))
    correlation = float(np.corrcoef(asked[lost], again[lost])[0, 1])
    slope = float(asked[lost] @ again[lost] / (asked[lost] @ asked[lost]))
    said = (
        f"Of the nodes that lost facts, {same:.0%} change in the same direction; correlation of the two changes "
        f"{correlation:.2f}, Spearman {spearman(asked[lost], again[lost]):.2f}; training again changes {slope:.2f} "
        "times as much (least squares through 0)."
    )
    return f"{markdown_grid(header, rows)}\n\n{said}"


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run of a network")
    parser.add_argument("--data-root", type=Path, default=Path("datasets"))
    parser.add_argument("--run-root", type=Path, default=Path("checkpoints"), help="where the new run goes")
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--facts", type=int, default=5, help="that each of them loses")
    parser.add_argument("--fold", type=int, default=0)
    arguments = parser.parse_args()
    fold = arguments.fold
    try:
        trained = TrainedRun.open(read_run(arguments.run), data_root=arguments.data_root)
        kg, test = trained.kg, trained.inputs.folds[fold].test
        degree = np.bincount(np.concatenate([kg.src, kg.dst]), minlength=kg.num_nodes)
        able = test[degree[test] >= LEAST_FACTS]
        if not len(able):
            sys.exit(f"No test node of fold {fold} has {LEAST_FACTS} facts, so that there is nothing to take away.")
        nodes = np.random.default_rng(0).choice(able, min(arguments.nodes, len(able)), replace=False)
        change = GraphChange(kg, removed=facts_to_remove(trained, fold, nodes, arguments.facts))
        before = np.asarray(trained.run.predictions(fold, kg.num_nodes), dtype=np.float64)
        asked = ChangedGraph(trained, change).predictions()[fold].mean(axis=0) - before
        again = retrained(trained, change, fold, arguments.run_root) - before
    except NieError as error:
        sys.exit(str(error))
    print(table(asked, again, nodes, np.setdiff1d(test, change.named)))


if __name__ == "__main__":
    main()
