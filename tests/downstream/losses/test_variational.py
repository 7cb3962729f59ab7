"""downstream.losses.variational."""

from __future__ import annotations

import pytest
import torch
from reference.graphs import normal
from torch.distributions import Normal, kl_divergence

from downstream.losses.variational import divergence, prior_divergence, variational_loss
from nie.errors import NieError
from nie.layers import Encoding

HALF = torch.tensor([True, False, True, True])
ALL = torch.ones(4, dtype=torch.bool)


def encoding(seed: int, size: int = 3) -> Encoding:
    return Encoding(normal(4, size, seed=seed), normal(4, size, seed=seed + 1) * 0.5)


def as_normal(given: Encoding) -> Normal:
    assert given.logvar is not None
    return Normal(given.mean, (given.logvar / 2).exp())


def test_divergences_equal_torch() -> None:
    one, two = encoding(1), encoding(5)
    between = kl_divergence(as_normal(one), as_normal(two))[HALF].mean()
    torch.testing.assert_close(divergence(one, two, HALF), between)
    prior = kl_divergence(as_normal(one), Normal(0.0, 1.0))[HALF].mean()
    torch.testing.assert_close(prior_divergence(one, HALF), prior)


def test_terms_and_weights() -> None:
    encodings = {"a": encoding(1), "b": encoding(5)}
    masks, features = {"a": HALF, "b": ALL}, {"a": normal(4, 10, seed=3), "b": normal(4, 2, seed=4)}
    decoded = {name: torch.zeros_like(given) for name, given in features.items()}
    prior = (prior_divergence(encodings["a"], HALF) + prior_divergence(encodings["b"], ALL)) / 2
    error = (features["a"][HALF].square().mean() + features["b"].square().mean()) / 2
    cross = (
        divergence(encodings["a"], encodings["b"], HALF) + divergence(encodings["b"], encodings["a"], HALF)
    ) / 2  # fmt: skip
    loss = variational_loss(
        encodings, masks, features=features, decoded=decoded, prior_weight=2, reconstruction_weight=3, cross_weight=5
    )
    torch.testing.assert_close(loss, 2 * prior + 3 * error + 5 * cross)


def test_channels_that_are_not_decoded_have_a_prior_and_a_cross_term() -> None:
    encodings, masks = {"a": encoding(1), "b": encoding(5)}, {"a": ALL, "b": ALL}
    features = {"a": normal(4, 10, seed=3)}
    decoded = {"a": torch.zeros_like(features["a"])}
    loss = variational_loss(encodings, masks, features=features, decoded=decoded, prior_weight=0, cross_weight=0)
    torch.testing.assert_close(loss, features["a"].square().mean())
    assert variational_loss(encodings, masks, features={}, decoded={}) > 0


def test_a_term_does_not_depend_on_the_number_of_dimensions() -> None:
    """The trap: summed over dimensions, a channel of 400 drowns one of 10."""
    narrow = Encoding(torch.ones(4, 10), torch.zeros(4, 10))
    wide = Encoding(torch.ones(4, 400), torch.zeros(4, 400))
    torch.testing.assert_close(prior_divergence(narrow, ALL), prior_divergence(wide, ALL))


def test_a_channel_that_no_node_has_adds_nothing() -> None:
    loss = variational_loss(
        {"a": encoding(1)}, {"a": ~ALL}, features={"a": normal(4, 2)}, decoded={"a": normal(4, 2, seed=9)}
    )
    assert float(loss) == 0


def test_bad_input() -> None:
    with pytest.raises(NieError, match="must have log-variances"):
        prior_divergence(Encoding(torch.zeros(4, 2)), ALL)
    with pytest.raises(NieError, match="must be of the channels of encodings"):
        variational_loss({"a": encoding(1)}, {"b": ALL}, features={"a": normal(4, 2)}, decoded={"a": normal(4, 2)})
