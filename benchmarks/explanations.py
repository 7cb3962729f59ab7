"""Whether explanations of scores name the facts that scores are owed to.

::

    python benchmarks/explanations.py checkpoints/downstream/fb15k/rgtn-038115cb --data-root datasets

Of random test nodes with ten facts and more, each way of explaining puts the facts of a node in an order. With S the
first 1, 2, 5, 10, 20 of them, and f the score in units of the label scale,

    fid+(S) = |f(all facts) - f(all but S)|,    fid-(S) = |f(all facts) - f(S alone)|:

high fid+ and low fid- are good. Where contributions have signs, the facts of fid+ are those of one sign, of that whose
first facts contribute more, because facts that raise a score and facts that lower it would make up for each other. The
rivals are facts in random order, facts of the neighbours with most facts, and what attention looks at, where there is
one. Leaving out each fact in turn is what integrated gradients stand in for; it is tried on the first nodes alone, as
it takes long.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from downstream.answers.attribution import ATTRIBUTIONS, Attribution
from downstream.answers.scored_node import ScoredNode
from downstream.answers.trained import TrainedRun
from downstream.reports.tables import markdown_grid
from nie.arrays import Floats, Ints
from nie.errors import NieError
from nie.rank_correlation import spearman
from nie.runs.run import read_run

COUNTS = (1, 2, 5, 10, 20)
LEAST_FACTS = 10
MOST_COMPARED = 20


def fidelities(scored: ScoredNode, worth: Floats) -> tuple[Floats, Floats]:
    """fid+ and fid- of the facts of the largest worth, by `COUNTS`."""
    plus, minus = np.empty(len(COUNTS)), np.empty(len(COUNTS))
    sizes, rising = np.argsort(-np.abs(worth), kind="stable"), np.argsort(-worth, kind="stable")
    with torch.no_grad():
        for place, count in enumerate(COUNTS):
            ends = rising[:count], rising[::-1][:count]
            removed = max(ends, key=lambda facts: abs(worth[facts].sum()))
            without, alone = torch.ones(len(worth)), torch.zeros(len(worth))
            without[removed.copy()], alone[sizes[:count].copy()] = 0, 1
            plus[place] = abs(scored.score - float(scored(without)))
            minus[place] = abs(scored.score - float(scored(alone)))
    return plus, minus


class Judged:
    """Figures of all nodes so far."""

    def __init__(self) -> None:
        self.fidelity: dict[str, list[tuple[Floats, Floats]]] = defaultdict(list)
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.error: list[float] = []
        self.agreement: list[float] = []

    def add(self, trained: TrainedRun, node: int, degree: Ints, rng: np.random.Generator, *, exact: bool) -> None:
        """Judge the explanations of one node."""
        started = time.perf_counter()
        scored = ScoredNode(trained.networks(node)[0], node, trained.triples)
        found = {"ig": self._timed("ig", scored, started)}
        gap = abs(scored.score - (found["ig"].base or 0.0))
        self.error.append(abs(scored.score - found["ig"].total) / gap if gap else 0.0)
        if exact:
            found["leave-one-out"] = self._timed("leave-one-out", scored)
            order = np.argsort(-np.abs(found["leave-one-out"].facts), kind="stable")[:MOST_COMPARED]
            self.agreement.append(float(spearman(found["leave-one-out"].facts[order], found["ig"].facts[order])))
        with contextlib.suppress(NieError):  # of a network without any
            found["attention"] = ATTRIBUTIONS["attention"](scored)
        kg = trained.kg
        other = np.where(kg.src[scored.facts] == node, kg.dst[scored.facts], kg.src[scored.facts])
        worth = {name: one.facts for name, one in found.items()}
        worth |= {"degree": degree[other].astype(float), "random": rng.permutation(len(other)) + 1.0}
        for name, of_facts in worth.items():
            self.fidelity[name].append(fidelities(scored, of_facts))

    def _timed(self, name: str, scored: ScoredNode, started: float | None = None) -> Attribution:
        started = time.perf_counter() if started is None else started
        made = ATTRIBUTIONS[name](scored)
        self.seconds[name].append(time.perf_counter() - started)
        return made

    def tables(self) -> str:
        """Mean fidelities, and what else there is to say."""
        parts = []
        for which, title in enumerate(("fid+, high is good", "fid-, low is good")):
            rows = [
                [name, str(len(pairs)), *(f"{value:.3f}" for value in np.mean([pair[which] for pair in pairs], axis=0))]
                for name, pairs in self.fidelity.items()
            ]
            parts.append(markdown_grid([title, "nodes", *(f"{count} facts" for count in COUNTS)], rows))
        within = float(np.mean(np.array(self.error) <= 0.05))
        parts.append(
            f"Integrated gradients: contributions miss at most 5 % of the score's difference to the base for "
            f"{within:.0%} of the nodes (median {np.median(self.error):.1%}); seconds a node: median "
            + ", ".join(f"{np.median(taken):.2f} ({name})" for name, taken in self.seconds.items())
            + "."
        )
        if self.agreement:
            parts.append(
                f"Spearman of integrated gradients with leave-one-out over the top {MOST_COMPARED} facts: mean "
                f"{np.nanmean(self.agreement):.3f}, n = {len(self.agreement)}."
            )
        return "\n\n".join(parts)


def main() -> None:
    """Read the command line and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished run of a network")
    parser.add_argument("--data-root", type=Path, default=Path("datasets"))
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--exact", type=int, default=20, help="nodes on which leave-one-out is tried")
    parser.add_argument("--fold", type=int, default=0)
    arguments = parser.parse_args()
    try:
        trained = TrainedRun.open(read_run(arguments.run), data_root=arguments.data_root)
    except NieError as error:
        sys.exit(str(error))
    kg, rng, judged = trained.kg, np.random.default_rng(0), Judged()
    degree = np.bincount(np.concatenate([kg.src, kg.dst]), minlength=kg.num_nodes)
    test = trained.inputs.folds[arguments.fold].test
    test = test[degree[test] >= LEAST_FACTS]
    if not len(test):
        sys.exit(f"No test node of fold {arguments.fold} has {LEAST_FACTS} facts, so that there is nothing to judge.")
    nodes = rng.choice(test, min(arguments.nodes, len(test)), replace=False)
    trained.networks(int(nodes[0]))[0].on_all  # noqa: B018  made once for all nodes, and no part of the time of one
    for place, node in enumerate(nodes.tolist()):
        judged.add(trained, node, degree, rng, exact=place < arguments.exact)
    print(judged.tables())


if __name__ == "__main__":
    main()
