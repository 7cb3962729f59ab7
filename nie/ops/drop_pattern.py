"""Which elements a dropout drops, as a function of a seed: no mask is stored, and every backend drops the same ones.

Whether the attention weight of edge e and head h is kept depends on the counter e * H + h and on the seed alone, by an
integer hash. A backward pass, another backend, or a pass that visits the edges in another order computes the same
answer again. For features, the counter is the place of the element.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nie.errors import NieError

# Two rounds of a 32-bit finaliser with low bias (C. Wellons, "Prospecting for hash functions", 2018).
FIRST, SECOND = 0x7FEB352D, 0x846CA68B
_MASK = 0xFFFFFFFF


def draw_seed() -> int:
    """A 64-bit seed from torch's default generator, which `torch.manual_seed` sets, as for torch's own dropout."""
    return int(torch.randint(2**62, (), generator=torch.default_generator, device="cpu"))


def threshold(probability: float) -> int:
    """The number below which a hash means that its element is dropped.

    Raises:
        NieError: the probability does not lie in [0, 1).

    >>> threshold(0.5) == 2**31
    True
    """
    if not 0 <= probability < 1:
        raise NieError(f"The dropout must be a probability in [0, 1); got {probability}.")
    return min(round(probability * 2**32), _MASK)


def split_seed(seed: int) -> tuple[int, int]:
    """The low and the high 32 bits of a seed."""
    return seed & _MASK, (seed >> 32) & _MASK


def dropout_scale(num_edges: int, num_heads: int, probability: float, seed: int, *, like: Tensor) -> Tensor:
    """(E, H) factors of the attention weights, 0 with the given probability and else ``1 / (1 - probability)``.

    >>> factor = dropout_scale(1000, 8, 0.25, seed=7, like=torch.zeros(()))
    >>> round((factor == 0).float().mean().item(), 2), round(factor.max().item(), 3)
    (0.25, 1.333)
    """
    low, high = split_seed(seed)
    x = torch.arange(num_edges * num_heads, device=like.device) & _MASK
    x = _mix(_mix(x ^ low) ^ high)
    kept = (x >= threshold(probability)).view(num_edges, num_heads)
    return kept.to(like.dtype) / (1 - probability)


def _mix(x: Tensor) -> Tensor:
    """The finaliser on 64-bit integers that hold 32 bits; products wrap, and their low half is right all the same."""
    x = ((x ^ (x >> 16)) * FIRST) & _MASK
    x = ((x ^ (x >> 15)) * SECOND) & _MASK
    return x ^ (x >> 16)
