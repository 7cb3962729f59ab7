"""The nodes that LICAP contrasts, as tensors: all of a fold, or those of a training step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nie.errors import NieError
from pretrain.binning import LabelBins, repulsion
from pretrain.licap_settings import RepelName

LEAST_TOP = 2
"""The fewest top nodes of a step, because one alone would be its own centroid."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """Which rows of an embedding the losses compare.

    Attributes:
        top: (n,) rows of the top nodes.
        pool: (m,) rows of the drawn non-top nodes.
        ordered: (k,) rows of the nodes in finer bins; those of ``top`` where these alone are ordered.
        bin: (k,) finer bin of each.
        weight: (B, B) how strongly the finer bins repel each other.
    """

    top: Tensor
    pool: Tensor
    ordered: Tensor
    bin: Tensor
    weight: Tensor

    @classmethod
    def of(cls, bins: LabelBins, device: torch.device, repel: RepelName = "near") -> Contrast:
        """Contrast all of ``bins`` in an embedding of all nodes, whose rows are the node ids."""
        arrays = (bins.top, bins.pool, bins.bin, repulsion(bins.num_bins, repel))
        top, pool, of_bin, weight = (torch.from_numpy(array).to(device) for array in arrays)
        ordered = top if bins.ordered is bins.top else torch.from_numpy(bins.ordered).to(device)
        return cls(top, pool, ordered, of_bin, weight)

    def steps(self, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Contrast]]:
        """Go once through all nodes in random order, in steps of at most ``size`` with their share of every kind.

        Yields:
            The nodes of a step, and what to compare in an embedding that has a row for each of them.
        """
        kinds = [self.top, self.pool] if self.ordered is self.top else [self.top, self.pool, self.ordered]
        number = num_steps(len(self.top), len(self.pool), size, sum(map(len, kinds[2:])))
        orders = [torch.randperm(len(ids), generator=generator).to(ids.device) for ids in kinds]
        for drawn in zip(*(order.tensor_split(number) for order in orders), strict=True):
            nodes = torch.cat([ids[some] for ids, some in zip(kinds, drawn, strict=True)])
            rows = torch.split(torch.arange(len(nodes), device=nodes.device), [len(some) for some in drawn])
            ordered, in_order = (rows[0], drawn[0]) if len(kinds) == 2 else (rows[2], drawn[2])
            yield nodes, replace(self, top=rows[0], pool=rows[1], ordered=ordered, bin=self.bin[in_order])


def num_steps(num_top: int, num_pool: int, size: int, num_ordered: int = 0) -> int:
    """Steps of an epoch: the fewest whose top, non-top and further ordered nodes are at most ``size`` together.

    Raises:
        NieError: a step would have fewer than two top nodes, or no non-top node.

    >>> num_steps(5, 5, 10), num_steps(5, 5, 6)
    (1, 2)
    """
    for steps in range(1, min(num_top // LEAST_TOP, num_pool) + 1):
        if sum(-(-count // steps) for count in (num_top, num_pool, num_ordered)) <= size:
            return steps
    further = f" and {num_ordered} ordered" if num_ordered else ""
    raise NieError(
        f"batch.size {size} is too small for {num_top} top, {num_pool} drawn non-top{further} nodes: every step needs "
        f"at least {LEAST_TOP} top nodes and a non-top one; raise it, or leave it out to train on the whole graph."
    )
