"""The loss of variational encoders of several channels."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import torch
from torch import Tensor

from nie.errors import NieError
from nie.layers import Encoding
from nie.training.loss_terms import term


def prior_divergence(encoding: Encoding, has_channel: Tensor) -> Tensor:
    """KL divergence to the standard normal, ``(mu^2 + sigma^2 - 1 - log sigma^2) / 2``, mean over nodes and dimensions.

    >>> prior_divergence(Encoding(torch.ones(2, 4), torch.zeros(2, 4)), torch.tensor([True, False])).item()
    0.5
    """
    mean, logvar = _mean_and_logvar(encoding)
    return _mean_of((mean.square() + logvar.exp() - 1 - logvar) / 2, has_channel)


def divergence(one: Encoding, other: Encoding, has_both: Tensor) -> Tensor:
    """KL divergence of ``one`` from ``other``, mean over the nodes that have both channels and over dimensions.

    ``(log sigma_b^2 - log sigma_a^2 + (sigma_a^2 + (mu_a - mu_b)^2) / sigma_b^2 - 1) / 2`` for a = ``one``.

    >>> a, b = Encoding(torch.ones(1, 4), torch.zeros(1, 4)), Encoding(torch.zeros(1, 4), torch.zeros(1, 4))
    >>> divergence(a, b, torch.tensor([True])).item()
    0.5
    """
    (mean_a, logvar_a), (mean_b, logvar_b) = _mean_and_logvar(one), _mean_and_logvar(other)
    apart = (logvar_a - logvar_b).exp() + (mean_a - mean_b).square() * (-logvar_b).exp()
    return _mean_of((logvar_b - logvar_a + apart - 1) / 2, has_both)


def variational_loss(
    encodings: Mapping[str, Encoding], masks: Mapping[str, Tensor], *, features: Mapping[str, Tensor],
    decoded: Mapping[str, Tensor], prior_weight: float = 1.0, reconstruction_weight: float = 1.0,
    cross_weight: float = 1.0,
) -> Tensor:  # fmt: skip
    """``p KL to the prior + r reconstruction error + x KL between channels``.

    Every term is a mean over nodes, dimensions and channels (the last over ordered pairs of channels), so that its
    weight means the same for a channel of 10 and of 400 dimensions. A node that lacks a channel plays no part in that
    channel's terms.

    Args:
        encodings: by channel, with log-variances.
        masks: (N,) bool by channel.
        features: (N, d) by channel, what was encoded, of those that are decoded.
        decoded: (N, d) by channel, what a decoder made of a sample; some channels, or none.
        prior_weight, reconstruction_weight, cross_weight: p, r and x.

    Returns:
        () tensor; a term of no channel, or of no pair of channels, is 0.

    Raises:
        NieError: an encoding without log-variances or channels that differ between the arguments.
    """
    names = list(encodings)
    if not names or set(masks) != set(names) or set(features) != set(decoded) or not set(decoded) <= set(names):
        raise NieError(
            f"masks must be of the channels of encodings, {names}; features and decoded, of the same channels "
            "among these."
        )
    prior = [prior_divergence(encodings[name], masks[name]) for name in names]
    errors = [_mean_of((decoded[name] - features[name]).square(), masks[name]) for name in decoded]
    cross = [
        divergence(encodings[one], encodings[other], masks[one] & masks[other])
        for one, other in itertools.permutations(names, 2)
    ]
    total = prior_weight * term("KL", torch.stack(prior).mean())
    for name, weight, terms in (("reconstruction", reconstruction_weight, errors), ("cross KL", cross_weight, cross)):
        if terms:
            total = total + weight * term(name, torch.stack(terms).mean())
    return total


def _mean_and_logvar(encoding: Encoding) -> tuple[Tensor, Tensor]:
    if encoding.logvar is None:
        raise NieError("An encoding must have log-variances to have a divergence; use a variational encoder.")
    return encoding.mean, encoding.logvar


def _mean_of(values: Tensor, rows: Tensor) -> Tensor:
    """Mean over these nodes and over dimensions; 0 where there is none."""
    kept = values[rows]
    return kept.mean() if len(kept) else kept.sum()
