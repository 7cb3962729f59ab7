"""What an epoch of LICAP costs as a graph has more nodes, more edges or more top nodes, in turns in one process.

python benchmarks/licap_cost.py
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np
import torch
from machine import describe
from measure import Step, interleave, ratio, summary
from tabulate import tabulate
from torch import Tensor

from nie.data import KnowledgeGraph, message_graph
from nie.models import PreGAT
from pretrain.contrast import Contrast
from pretrain.contrast_sets import draw_sets
from pretrain.cross_validation import Fold
from pretrain.licap_settings import LicapLossConfig, PreGATConfig
from pretrain.losses import finer_bin_loss, top_bin_loss

FACTORS = (0.5, 1, 2, 4)
FEATURES, SIZE, RELATIONS = 128, 64, 30
PARTS = ("encoder", "top against others (L1)", "finer bins (L2)")


@dataclass(frozen=True)
class Scale:
    """A random graph, all of whose nodes are labelled and learned from, and the share of them in the top bin."""

    nodes: int
    edges: int
    gamma: float

    def graph(self) -> KnowledgeGraph:
        """The graph, with labels that are exponential, as logarithms of page views nearly are at their top."""
        rng = np.random.default_rng(0)
        ends = rng.integers(self.nodes, size=(2, self.edges))
        return KnowledgeGraph(
            "random", *ends, rng.integers(RELATIONS, size=self.edges), rng.exponential(1.0, self.nodes),
            np.ones(self.nodes, dtype=bool), list(map(str, range(self.nodes))), list(map(str, range(RELATIONS))),
            [None] * self.nodes,
        )  # fmt: skip


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", type=int, default=15_000)
    parser.add_argument("--edges", type=int, default=500_000)
    parser.add_argument("--gamma", type=float, default=0.1, help="share of training nodes in the top bin")
    parser.add_argument("--repeat", type=int, default=5, help="turns")
    options = parser.parse_args()
    machine = describe("cpu")
    usual = Scale(options.nodes, options.edges, options.gamma)
    print(f"{machine['threads']} threads, commit {machine['git_commit'][:8]}")
    for what in ("edges", "nodes", "gamma"):
        kind = int if what != "gamma" else float
        scales = [replace(usual, **{what: kind(getattr(usual, what) * factor)}) for factor in FACTORS]
        print(f"\n{tabulate(_rows(scales, scales[FACTORS.index(1)], options.repeat), **_FORM)}")


_FORM = {
    "headers": ["nodes", "edges", "top", *(f"{part}{unit}" for part in PARTS for unit in (", ms", ", times"))],
    "tablefmt": "github",
    "floatfmt": (",.0f", ",.0f", ",.0f", *(".1f", ".2f") * len(PARTS)),
}


def _rows(scales: list[Scale], usual: Scale, repeat: int) -> list[list[float]]:
    """Each scale with the milliseconds of every part, and how many times those of the usual one."""
    made = {scale: _steps(scale) for scale in scales}
    steps = {(scale, part): step for scale, (_, parts) in made.items() for part, step in parts.items()}
    times = interleave(steps, repeat)
    rows = []
    for scale, (top, _) in made.items():
        row: list[float] = [scale.nodes, scale.edges, top]
        for part in PARTS:
            taken = times[scale, part]
            row += [summary(taken)["total_ms"], ratio(taken.total, times[usual, part].total)]
        rows.append(row)
    return rows


def _steps(scale: Scale) -> tuple[int, dict[str, Step]]:
    """The number of top nodes, and the forward and backward pass of every part of an epoch."""
    torch.manual_seed(0)
    kg, loss = scale.graph(), LicapLossConfig(gamma=scale.gamma)
    message = message_graph(kg)
    settings = PreGATConfig().model_dump(exclude={"structural_size", "semantic_size", "relations"})
    model = PreGAT(FEATURES, SIZE, num_relations=message.num_relations, **settings)
    feat = torch.randn(scale.nodes, FEATURES)
    nodes = np.arange(scale.nodes)
    sets = draw_sets(loss, kg.targets, Fold(0, nodes, nodes[:0], nodes[:0]), seed=0)
    contrast = Contrast.of(sets, torch.device("cpu"), loss.repel)
    embedding = torch.randn(scale.nodes, SIZE, requires_grad=True)

    def encoded() -> list[Tensor]:
        return [model(message.graph, feat, message.etype)]

    def of_top() -> list[Tensor]:
        top, pool = embedding[contrast.top], embedding[contrast.pool]
        return [top_bin_loss(top, pool, temperature=loss.temperature)]

    def of_bins() -> list[Tensor]:
        ordered = embedding[contrast.ordered]
        return [finer_bin_loss(ordered, contrast.bin, contrast.weight, temperature=loss.temperature)]

    steps = (Step(encoded, list(model.parameters())), Step(of_top, [embedding]), Step(of_bins, [embedding]))
    return len(contrast.top), dict(zip(PARTS, steps, strict=True))


if __name__ == "__main__":
    main()
