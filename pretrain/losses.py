"""Contrastive losses of LICAP, both through one weighted InfoNCE."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nie.errors import NieError
from nie.ops.row_sum import row_sum


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
    score = F.normalize(query, dim=-1) @ F.normalize(keys, dim=-1).T / temperature  # (Q, K)
    matched = score.gather(1, positive[:, None]).squeeze(1)  # (Q,)
    if weight is not None:
        score = score * weight
    return (score.logsumexp(dim=1) - matched).mean()


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


def finer_bin_loss(top: Tensor, bins: Tensor, closeness: Tensor, *, temperature: float = 0.05) -> Tensor:
    """Order the finer bins: draw a node to the centroid of its bin and away from those of others (LICAP, L2).

    c_n is the mean embedding of finer bin n, normalised after the mean, m the bin of node i, n runs over the bins
    that hold a node, and beta are the closeness coefficients::

        mean_i -log( exp(h_i . c_m / T) / sum_n exp(beta[m, n] h_i . c_n / T) )

    Args:
        top: (n, d) embeddings of the top nodes.
        bins: (n,) long, finer bin of each.
        closeness: (B, B) coefficients of all B bins, the empty ones included; cast to the dtype of ``top``.
        temperature: T, 0.05 in the paper.

    Returns:
        () tensor; 0 when all nodes share a bin.

    Raises:
        NieError: no top node, or a temperature that is not positive.

    Example:
        >>> finer_bin_loss(torch.eye(2), torch.tensor([0, 0]), torch.ones(1, 1)).item()
        0.0
    """
    num_bins = len(closeness)
    centroid_sum = row_sum(top, bins, num_bins)
    count = torch.bincount(bins, minlength=num_bins)
    filled = count > 0
    centroid = centroid_sum[filled] / count[filled, None]
    row = filled.cumsum(0) - 1  # bin -> its row among the filled ones
    weight = closeness.to(top)[bins][:, filled]
    return info_nce(top, centroid, row[bins], temperature=temperature, weight=weight)
