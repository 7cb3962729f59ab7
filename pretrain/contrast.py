"""The nodes that LICAP contrasts, as tensors: all of a fold, or those of a training step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nie.errors import NieError
from pretrain.binning import TopBins, closeness

LEAST_TOP = 2
"""The fewest top nodes of a step, because one alone would be its own centroid."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """Which rows of an embedding the losses compare.

    Attributes:
        top: (n,) rows of the top nodes.
        pool: (m,) rows of the drawn non-top nodes.
        bin: (n,) finer bin of each top node.
        closeness: (B, B) coefficients of the finer bins.
    """

    top: Tensor
    pool: Tensor
    bin: Tensor
    closeness: Tensor

    @classmethod
    def of(cls, bins: TopBins, device: torch.device) -> Contrast:
        """Contrast all of ``bins`` in an embedding of all nodes, whose rows are the node ids."""
        arrays = (bins.top, bins.pool, bins.bin, closeness(bins.num_bins))
        return cls(*(torch.from_numpy(array).to(device) for array in arrays))

    def steps(self, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Contrast]]:
        """Go once through all nodes in random order, in steps of at most ``size`` with their share of both kinds.

        Yields:
            The nodes of a step, and what to compare in an embedding that has a row for each of them.
        """
        number = num_steps(len(self.top), len(self.pool), size)
        orders = [torch.randperm(len(ids), generator=generator).to(ids.device) for ids in (self.top, self.pool)]
        for top, pool in zip(*(order.tensor_split(number) for order in orders), strict=True):
            rows = torch.arange(len(top) + len(pool), device=top.device)
            own = replace(self, top=rows[: len(top)], pool=rows[len(top) :], bin=self.bin[top])
            yield torch.cat([self.top[top], self.pool[pool]]), own


def num_steps(num_top: int, num_pool: int, size: int) -> int:
    """Steps of an epoch: the fewest whose top and non-top nodes are at most ``size`` together.

    Raises:
        NieError: a step would have fewer than two top nodes, or no non-top node.

    >>> num_steps(5, 5, 10), num_steps(5, 5, 6)
    (1, 2)
    """
    for steps in range(1, min(num_top // LEAST_TOP, num_pool) + 1):
        if -(-num_top // steps) + -(-num_pool // steps) <= size:
            return steps
    raise NieError(
        f"batch.size {size} is too small for {num_top} top and {num_pool} drawn non-top nodes: every step needs at "
        f"least {LEAST_TOP} top nodes and a non-top one; raise it, or leave it out to train on the whole graph."
    )
