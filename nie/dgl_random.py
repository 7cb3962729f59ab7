"""DGL's random draws, the same for the same seed whatever the machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from nie.dgl_compat import dgl


@contextlib.contextmanager
def dgl_draws_from(seed: int) -> Iterator[None]:
    """Let DGL draw from ``seed`` in a block.

    DGL takes no generator. It is seeded globally, with a random state for each of its threads; which thread draws for
    which node is left to chance, so that only a single thread gives the same draws again.

    >>> graph = dgl.graph((torch.arange(100), torch.zeros(100, dtype=torch.int64)))
    >>> draws = []
    >>> for _ in range(2):
    ...     with dgl_draws_from(7):
    ...         draws.append(dgl.sampling.sample_neighbors(graph, 0, 5).edata[dgl.EID])
    >>> torch.equal(*draws)
    True
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    dgl.utils.set_num_threads(1)
    try:
        dgl.seed(seed)
        yield
    finally:
        dgl.utils.set_num_threads(threads)
        torch.set_num_threads(threads)
