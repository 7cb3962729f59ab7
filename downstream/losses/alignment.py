"""Losses that draw the channels of a node together, on projections (N, M, P) with a mask (N, M) of what is there.

All are means over pairs of channels, and in a pair over the nodes that have both. A pair of too few such nodes is left
out, and without any pair the loss is 0: a batch of one node has nothing to contrast with.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional as F

from nie.arrays import Ints
from nie.errors import NieError
from nie.training.loss_terms import pair_term
from pretrain.losses import info_nce

RATIOS = (0.5, 0.3, 0.2)
"""The shares of the contrastive, the feature and the semantic term, as published."""


def modality_contrastive_loss(projected: Tensor, mask: Tensor, *, temperature: float | Tensor = 0.07) -> Tensor:
    """Symmetric InfoNCE between the channels of a node: CLIP's loss (Radford et al., 2021), over all pairs of channels.

    For channels a and b, mean of ``info_nce(a, b)`` and ``info_nce(b, a)``, where the positive of a node is the node.

    Args:
        projected: (N, M, P), from one projection head for each channel.
        mask: (N, M) bool.
        temperature: T > 0.

    Returns:
        () tensor; a pair needs two nodes.

    Example:
        >>> same = torch.eye(2)[:, None].expand(2, 2, 2)  # both channels of both nodes agree
        >>> round(modality_contrastive_loss(same, torch.ones(2, 2, dtype=torch.bool), temperature=1.0).item(), 4)
        0.3133
    """

    def contrast(a: Tensor, b: Tensor) -> Tensor:
        own = torch.arange(len(a), device=a.device)
        return (info_nce(a, b, own, temperature=temperature) + info_nce(b, a, own, temperature=temperature)) / 2

    return _mean_over_pairs(projected, mask, {"contrastive": contrast}, least=2)


def cosine_mse_loss(projected: Tensor, mask: Tensor) -> Tensor:
    """Mean of ``1 - cos(a, b) + MSE(a, b)``: the auxiliary loss of the modal collaborative extractor.

    It has no negatives: projections that are all the same satisfy it. Watch `projection_spread` beside it.

    >>> cosine_mse_loss(torch.ones(3, 2, 4), torch.ones(3, 2, dtype=torch.bool)).item()
    0.0
    """
    return _mean_over_pairs(projected, mask, {"cosine": _distance, "MSE": F.mse_loss})


def mixed_loss(
    projected: Tensor, mask: Tensor, *, lambda_mse: float = 1.0, lambda_contrastive: float = 1.0,
    temperature: float = 0.07,
) -> Tensor:  # fmt: skip
    """``lambda_mse cosine_mse_loss + lambda_contrastive modality_contrastive_loss``: both auxiliary losses at once.

    The second has negatives, so that the first can no longer be satisfied by projections that are all the same.

    Raises:
        NieError: a weight below 0, both 0, or a temperature that is not positive.

    >>> same = torch.eye(2)[:, None].expand(2, 2, 2)
    >>> round(mixed_loss(same, torch.ones(2, 2, dtype=torch.bool), lambda_contrastive=0.5, temperature=1.0).item(), 4)
    0.1566
    """
    if min(lambda_mse, lambda_contrastive) < 0 or lambda_mse + lambda_contrastive == 0:
        raise NieError(
            f"lambda_mse and lambda_contrastive must not be negative, nor both 0; got {lambda_mse} and "
            f"{lambda_contrastive}."
        )
    contrastive = modality_contrastive_loss(projected, mask, temperature=temperature)
    return lambda_mse * cosine_mse_loss(projected, mask) + lambda_contrastive * contrastive


def projection_spread(projected: Tensor, mask: Tensor) -> Tensor:
    """How far from collapsed the projections are: 0 when all point the same way, about 1 when they point everywhere.

    The mean over channels and dimensions of the standard deviation of normalised projections, times sqrt(P).

    >>> projection_spread(torch.ones(3, 2, 4), torch.ones(3, 2, dtype=torch.bool)).item()
    0.0
    """
    spreads = [
        F.normalize(projected[has_channel, channel], dim=1).std(dim=0, correction=0).mean()
        for channel, has_channel in enumerate(mask.unbind(1))
        if bool(has_channel.any())
    ]
    return torch.stack(spreads).mean() * projected.shape[2] ** 0.5 if spreads else projected.new_zeros(())


def alignment_loss(
    projected: Tensor, mask: Tensor, *, ratios: tuple[float, float, float] = RATIOS, temperature: float = 0.07,
    soft_targets: Tensor | None = None, literal: bool = False,
) -> Tensor:  # fmt: skip
    """``r1 contrastive + r2 feature + r3 semantic``.

    The contrastive term is `modality_contrastive_loss`. The feature term is the mean squared error between *normalised*
    projections: on raw ones it would be least for tiny projections. The semantic term is 1 minus the mean cosine, which
    on normalised projections is the feature term times P / 2 (so that the published loss has two terms in truth); given
    soft targets, it is the cross-entropy between them and the softmax of the similarities
    of one channel to the other, both ways: nodes that are related in the graph count as partly the same.

    Args:
        projected: (N, M, P).
        mask: (N, M) bool.
        ratios: weights of the three terms, not negative, with the sum 1. The weight of the whole is the caller's.
        temperature: T > 0.
        soft_targets: (N, N), rows with the sum 1, of `neighbourhood_targets`.
        literal: the published feature term, the mean squared error of raw projections.

    Raises:
        NieError: ratios that do not sum to 1, or soft targets of another shape.

    Example:
        >>> same = torch.eye(2)[:, None].expand(2, 2, 2)
        >>> has_channel = torch.ones(2, 2, dtype=torch.bool)
        >>> round(alignment_loss(same, has_channel, ratios=(0.0, 0.5, 0.5)).item(), 4)
        0.0
    """
    if len(ratios) != 3 or min(ratios) < 0 or abs(sum(ratios) - 1) > 1e-6:
        raise NieError(f"ratios must be three numbers that are not negative and sum to 1; got {ratios}.")
    if soft_targets is not None and soft_targets.shape != (len(projected), len(projected)):
        raise NieError(f"soft_targets must have a row and a column for each node; got {tuple(soft_targets.shape)}.")

    def feature(a: Tensor, b: Tensor) -> Tensor:
        return F.mse_loss(a, b) if literal else F.mse_loss(F.normalize(a, dim=1), F.normalize(b, dim=1))

    def semantic(a: Tensor, b: Tensor, rows: Tensor) -> Tensor:
        if soft_targets is None:
            return _distance(a, b)
        wanted = soft_targets[rows][:, rows]
        wanted = wanted / wanted.sum(dim=1, keepdim=True)
        likeness = F.normalize(a, dim=1) @ F.normalize(b, dim=1).T / temperature
        return (F.cross_entropy(likeness, wanted) + F.cross_entropy(likeness.T, wanted)) / 2

    terms = (
        modality_contrastive_loss(projected, mask, temperature=temperature),
        _mean_over_pairs(projected, mask, {"feature": feature}),
        _mean_over_pairs(projected, mask, {"semantic": semantic}, with_rows=True),
    )
    return sum((ratio * term for ratio, term in zip(ratios, terms, strict=True)), projected.new_zeros(()))


def neighbourhood_targets(linked: sparse.csr_array, ids: Ints) -> Tensor:
    """(n, n) soft targets: a node is itself, and partly every node that shares neighbours with it.

    The cosine of the neighbourhoods as sets, plus the identity; rows sum to 1.

    Args:
        linked: (N, N) of `nie.data.adjacency.adjacency`, edges taken both ways.
        ids: (n,) the nodes to compare.

    Example:
        >>> from nie.data.adjacency import adjacency, both_ways
        >>> linked = adjacency(*both_ways(np.array([0, 1]), np.array([2, 2])), 3)
        >>> neighbourhood_targets(linked, np.array([0, 1])).tolist()
        [[0.6666666865348816, 0.3333333432674408], [0.3333333432674408, 0.6666666865348816]]
    """
    of_ids = linked[ids]
    length = np.sqrt(np.maximum(of_ids.sum(axis=1), 1))
    shared = (of_ids @ of_ids.T).toarray() / length[:, None] / length
    np.fill_diagonal(shared, 2)  # the cosine with itself, and the identity
    return torch.from_numpy((shared / shared.sum(axis=1, keepdims=True)).astype(np.float32))


def _distance(a: Tensor, b: Tensor) -> Tensor:
    return 1 - F.cosine_similarity(a, b, dim=1).mean()


def _mean_over_pairs(
    projected: Tensor, mask: Tensor, terms: Mapping[str, Callable[..., Tensor]], *, least: int = 1,
    with_rows: bool = False,
) -> Tensor:  # fmt: skip
    """Mean of the sum of terms over the pairs of channels that at least ``least`` nodes have; 0 without such a pair."""
    found = []
    for (first, second), a, b, rows in _pairs(projected, mask):
        if len(rows) >= least:
            given = (a, b, rows) if with_rows else (a, b)
            values = [pair_term(name, function(*given), first, second) for name, function in terms.items()]
            found.append(functools.reduce(torch.add, values))
    return torch.stack(found).mean() if found else projected[:0].sum()


def _pairs(projected: Tensor, mask: Tensor) -> Iterator[tuple[tuple[int, int], Tensor, Tensor, Tensor]]:
    """Every pair of channels, on the nodes that have both, with their rows."""
    if projected.dim() != 3 or mask.shape != projected.shape[:2]:
        raise NieError(
            f"projected must be (N, M, P) and mask (N, M); got {tuple(projected.shape)} and {tuple(mask.shape)}."
        )
    for first, second in itertools.combinations(range(projected.shape[1]), 2):
        rows = (mask[:, first] & mask[:, second]).nonzero()[:, 0]
        yield (first, second), projected[rows, first], projected[rows, second], rows
