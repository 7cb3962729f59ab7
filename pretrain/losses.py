"""Losses of stage 1: LICAP's two through one weighted InfoNCE, and two contrasts of all training nodes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nie.errors import NieError
from nie.ops.row_sum import row_sum

SCORES = 1 << 24
"""Scores that a loss holds at once where no gradient is kept, so that the evaluation of a large graph stays small."""


def info_nce(
    query: Tensor, keys: Tensor, positive: Tensor, *, temperature: float | Tensor, weight: Tensor | None = None
) -> Tensor:
    """Mean over the queries of the weighted InfoNCE loss, on L2-normalised vectors.

    With s = q . k for normalised q and k, p the query's positive key and T the temperature::

        -log( exp(s_p / T) / sum_k exp(w_k s_k / T) )

    Without weights every w is 1 (van den Oord et al., 2018, eq. 4). Weights do not touch the numerator.

    Args:
        query: (Q, d).
        keys: (K, d); the positive keys are among them.
        positive: (Q,) long, row of ``keys`` that belongs to each query.
        temperature: T > 0; a tensor where it is learned.
        weight: (Q, K) or None.

    Returns:
        () tensor.

    Raises:
        NieError: no query, no key, or a temperature that is not positive.

    Example:
        >>> vectors = torch.eye(2)
        >>> round(info_nce(vectors, vectors, torch.tensor([0, 1]), temperature=1.0).item(), 4)
        0.3133
    """
    if not temperature > 0:
        raise NieError(f"temperature must be positive (LICAP uses 0.05); got {temperature}.")
    if len(query) == 0 or len(keys) == 0:
        raise NieError(f"A contrastive loss needs at least one query and one key; got {len(query)} and {len(keys)}.")
    unit, keys = F.normalize(query, dim=-1), F.normalize(keys, dim=-1)
    most = len(unit) if torch.is_grad_enabled() else max(SCORES // len(keys), 1)

    def of_each(part: slice) -> Tensor:
        score = unit[part] @ keys.T / temperature  # (Q, K)
        matched = score.gather(1, positive[part, None]).squeeze(1)  # (Q,)
        if weight is not None:
            score = score * weight[part]
        return score.logsumexp(dim=1) - matched

    return torch.cat([of_each(slice(first, first + most)) for first in range(0, len(unit), most)]).mean()


def top_bin_loss(top: Tensor, non_top: Tensor, *, temperature: float = 0.05) -> Tensor:
    """Pull the top nodes to their centroid and away from non-top nodes (LICAP, L1).

    c is the mean of the top embeddings, normalised after the mean; j runs over the drawn non-top nodes::

        mean_i -log( exp(h_i . c / T) / (exp(h_i . c / T) + sum_j exp(h_i . h_j / T)) )

    Args:
        top: (n, d) embeddings of the top nodes.
        non_top: (m, d) embeddings of the drawn non-top nodes.
        temperature: T, 0.05 in the paper.

    Returns:
        () tensor.

    Raises:
        NieError: no top node, or a temperature that is not positive.

    Example:
        >>> top, non_top = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
        >>> round(top_bin_loss(top, non_top, temperature=1.0).item(), 4)
        0.3133
    """
    keys = torch.cat([top.mean(dim=0, keepdim=True), non_top])
    positive = torch.zeros(len(top), dtype=torch.long, device=top.device)
    return info_nce(top, keys, positive, temperature=temperature)


def finer_bin_loss(nodes: Tensor, bins: Tensor, repulsion: Tensor, *, temperature: float = 0.05) -> Tensor:
    """Order the finer bins: draw a node to the centroid of its bin and away from those of others (LICAP, L2).

    c_n is the mean embedding of finer bin n, normalised after the mean, m the bin of node i, n runs over the bins
    that hold a node, and w says how strongly two bins repel each other (`pretrain.binning.repulsion`; the paper's
    coefficients beta)::

        mean_i -log( exp(h_i . c_m / T) / sum_n exp(w[m, n] h_i . c_n / T) )

    Args:
        nodes: (n, d) embeddings of the nodes in bins.
        bins: (n,) long, finer bin of each.
        repulsion: (B, B) weights w of all B bins, the empty ones included; cast to the dtype of ``nodes``.
        temperature: T, 0.05 in the paper.

    Returns:
        () tensor; 0 when all nodes share a bin.

    Raises:
        NieError: no node, or a temperature that is not positive.

    Example:
        >>> finer_bin_loss(torch.eye(2), torch.tensor([0, 0]), torch.ones(1, 1)).item()
        0.0
    """
    num_bins = len(repulsion)
    centroid_sum = row_sum(nodes, bins, num_bins)
    count = torch.bincount(bins, minlength=num_bins)
    filled = count > 0
    centroid = centroid_sum[filled] / count[filled, None]
    row = filled.cumsum(0) - 1  # bin -> its row among the filled ones
    weight = repulsion.to(nodes)[bins][:, filled]
    return info_nce(nodes, centroid, row[bins], temperature=temperature, weight=weight)


def rank_n_contrast(nodes: Tensor, labels: Tensor, *, temperature: float = 0.05) -> Tensor:
    """Bring nodes of near labels nearer than those of farther ones (Rank-N-Contrast, Zha et al., NeurIPS 2023, eq. 2).

    For every pair (i, j) of different nodes, node j is contrasted with all nodes whose labels are at least as far from
    that of i. With s the cosine (the paper has the negative distance, which on normalised vectors orders the same)::

        mean_i mean_{j != i} -log( exp(s_ij / T) / sum_{k != i, |y_k - y_i| >= |y_j - y_i|} exp(s_ik / T) )

    Args:
        nodes: (n, d) embeddings; n x n similarities are held.
        labels: (n,) on the scale of the loss.
        temperature: T > 0.

    Returns:
        () tensor.

    Raises:
        NieError: fewer than two nodes, or a temperature that is not positive.

    Example:
        >>> round(rank_n_contrast(torch.eye(3), torch.tensor([0.0, 1.0, 3.0]), temperature=1.0).item(), 4)
        0.3466
    """
    score, distance = _pairs(nodes, labels, temperature)
    nearness, order = distance.neg().sort(dim=1)  # from the farthest label to the nearest
    score = score.gather(1, order)
    last = torch.searchsorted(nearness, nearness, right=True) - 1  # equal distances contrast with each other, too
    return (score.logcumsumexp(dim=1).gather(1, last) - score).mean()


def y_aware_info_nce(nodes: Tensor, labels: Tensor, *, bandwidth: float, temperature: float = 0.05) -> Tensor:
    """Bring nodes together by how near their labels are (y-aware InfoNCE, Dufumier et al., MICCAI 2021, eq. 3).

    With s the cosine and a Gaussian kernel on labels::

        w_ij = exp(-(y_i - y_j)^2 / (2 bandwidth^2)) / sum_{k != i} exp(-(y_i - y_k)^2 / (2 bandwidth^2))
        mean_i -sum_{j != i} w_ij log( exp(s_ij / T) / sum_{k != i} exp(s_ik / T) )

    The paper contrasts two augmented views of each image; here a node has one embedding and is no pair of itself.

    Args:
        nodes: (n, d) embeddings; n x n similarities are held.
        labels: (n,) on the scale of the loss.
        bandwidth: of the kernel, in the units of ``labels``; > 0.
        temperature: T > 0.

    Returns:
        () tensor.

    Raises:
        NieError: fewer than two nodes, or a bandwidth or temperature that is not positive.

    Example:
        >>> labels = torch.tensor([0.0, 1.0, 3.0])
        >>> round(y_aware_info_nce(torch.eye(3), labels, bandwidth=1.0, temperature=1.0).item(), 4)
        0.6931
    """
    if not bandwidth > 0:
        raise NieError(f"bandwidth must be positive; got {bandwidth}.")
    score, distance = _pairs(nodes, labels, temperature)
    weight = (distance.square() / (-2 * bandwidth**2)).softmax(dim=1)
    return -(weight * score.log_softmax(dim=1)).sum(dim=1).mean()


def _pairs(nodes: Tensor, labels: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Cosines over temperature and label distances of every node, in rows, to all others: (n, n - 1) both."""
    count = len(nodes)
    if count < 2:
        raise NieError(f"A contrast of pairs must have at least two nodes; got {count}.")
    if not temperature > 0:
        raise NieError(f"temperature must be positive; got {temperature}.")
    unit = F.normalize(nodes, dim=-1)
    others = ~torch.eye(count, dtype=torch.bool, device=nodes.device)
    score, distance = unit @ unit.T / temperature, (labels[:, None] - labels).abs()
    return score[others].view(count, count - 1), distance[others].view(count, count - 1)
