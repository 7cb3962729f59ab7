"""Losses for importance scores: squared error of the score and of each channel, plus learning to rank."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from nie.training.loss_terms import term


def listwise_loss(score: Tensor, target: Tensor, lists: Tensor) -> Tensor:
    """Cross-entropy between the softmax of the true and of the predicted scores of each list; mean over the lists.

    ``mean_i - sum_j softmax(target[lists_i])_j log softmax(score[lists_i])_j``: ListNet's top-one loss (Cao et al.,
    2007), as RGTN uses it. A constant added to all scores or to all targets changes nothing.

    Args:
        score: (n,) predicted.
        target: (n,) true.
        lists: (L, m) long, positions in ``score``.

    Returns:
        () tensor.

    Example:
        >>> equal = torch.zeros(4)
        >>> round(listwise_loss(equal, equal, torch.tensor([[0, 1], [2, 3]])).item(), 4)
        0.6931
    """
    wanted = target[lists].softmax(dim=1)
    found = score.index_select(0, lists.flatten()).view_as(lists)  # twice as fast to differentiate as an index
    return -(wanted * found.log_softmax(dim=1)).sum(dim=1).mean()


def lambda_loss(score: Tensor, target: Tensor, lists: Tensor) -> Tensor:
    """LambdaRank's pairwise loss, in which a pair counts by how much its exchange would change the list's NDCG.

    ``mean over lists of sum_{i, j: t_i > t_j} |t_i - t_j| |1 / D_i - 1 / D_j| / ideal * log2(1 + exp(s_j - s_i))`` with
    ``D = log2(1 + rank by score)``: the LambdaLoss of Wang et al. (CIKM 2018), with the linear gains of
    `downstream.metrics.importance.ndcg_at_k`; gains are counted from the list's least target, so that targets may be
    negative. Ranks are constants for the gradient.

    Args:
        score: (n,) predicted.
        target: (n,) true.
        lists: (L, m) long, positions in ``score``; all pairs of a list are made, ``L m^2`` numbers.

    Returns:
        () tensor; a list of equal targets adds 0.

    Example:
        >>> target = torch.tensor([3.0, 2.0, 1.0])
        >>> lists = torch.tensor([[0, 1, 2]])
        >>> (lambda_loss(3 * target, target, lists) < lambda_loss(-target, target, lists)).item()
        True
    """
    found = score.index_select(0, lists.flatten()).view_as(lists)
    gain = target[lists] - target[lists].amin(dim=1, keepdim=True)
    places = torch.arange(2, lists.shape[1] + 2, device=score.device).to(score).log2().reciprocal()  # by rank
    discount = places[found.detach().argsort(dim=1, descending=True, stable=True).argsort(dim=1)]
    ideal = (gain.sort(dim=1, descending=True).values * places).sum(dim=1)
    ideal = torch.where(ideal > 0, ideal, torch.ones_like(ideal))
    more = (gain[:, :, None] - gain[:, None, :]).clamp(min=0)
    weight = more * (discount[:, :, None] - discount[:, None, :]).abs() / ideal[:, None, None]
    wrong = F.softplus(found[:, None, :] - found[:, :, None]) / math.log(2)
    return (weight * wrong).sum(dim=(1, 2)).mean()


def squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """The mean squared error, ``mean (prediction - target)^2``.

    >>> squared_error(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    return (prediction - target).square().mean()


def importance_loss(
    score: Tensor,
    by_channel: Tensor,
    target: Tensor,
    lists: Tensor | None,
    *,
    error: Callable[[Tensor, Tensor], Tensor] = squared_error,
    listwise: Callable[[Tensor, Tensor, Tensor], Tensor] = listwise_loss,
    value_error: Callable[[Tensor, Tensor], Tensor] | None = None,
    channel_weight: float = 0.0,
    listwise_weight: float = 0.0,
) -> Tensor:
    """The loss of RGTN: ``(1 - l) e(score) + l mean_c e(channel c) + a listwise(score)``, e the squared error.

    All arguments are those of the training nodes alone.

    Args:
        score: (n,) final scores.
        by_channel: (n, C) scores of the single channels.
        target: (n,) labels.
        lists: (L, m) long, from `downstream.losses.lists`; None where ``listwise_weight`` is 0.
        error: e, ``(prediction, target) -> () tensor`` of equal shapes; of all channels at once it is asked for (n, C).
        listwise: ``(score, target, lists) -> () tensor``.
        value_error: in the place of e for the final scores.
        channel_weight: l, between 0 and 1 (RGTN: 0.8 on FB15K, 0.5 elsewhere).
        listwise_weight: a >= 0 (RGTN: 0.3).

    Returns:
        () tensor.

    Example:
        >>> target = torch.tensor([0.0, 1.0])
        >>> importance_loss(target, target[:, None] + 2, target, None, channel_weight=0.5, listwise_weight=0.0)
        tensor(2.)
    """
    whole, channels = (value_error or error)(score, target), error(by_channel, target[:, None].expand_as(by_channel))
    loss = (1 - channel_weight) * term("regression", whole)
    loss = loss + channel_weight * (term("channels", channels) if channel_weight else channels)
    if listwise_weight:
        assert lists is not None
        loss = loss + listwise_weight * term("listwise", listwise(score, target, lists))
    return loss
