"""nie.layers.relation.similarity."""

from __future__ import annotations

import math

import pytest
import torch

from nie.errors import NieError
from nie.layers.relation import (
    SimilarityEnhancer,
)

REL = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_similarity_equals_the_loop() -> None:
    enhance = SimilarityEnhancer(threshold=0.3, temperature=0.2).double()
    found = enhance(REL)
    units = [row / row.norm() for row in REL]
    for i in range(6):
        others = [j for j in range(6) if j != i]
        cosines = {j: float(units[i] @ units[j]) for j in others}
        raw = {j: math.exp(c / 0.2) / (1 + math.exp(-(c - 0.3) / 0.2)) for j, c in cosines.items()}
        expected = REL[i].norm() * (sum(raw[j] / sum(raw.values()) * units[j] for j in others) - units[i])
        torch.testing.assert_close(found[i], expected, rtol=0, atol=1e-6)


def test_the_length_of_a_relation_changes_no_direction() -> None:
    """The published form takes the relation itself as it is, so that a long one is pushed back whatever it is like."""
    enhance = SimilarityEnhancer().double()
    lengths = torch.tensor([1.0, 5.0, 0.1, 1.0, 1.0, 9.0], dtype=torch.float64)[:, None]
    torch.testing.assert_close(enhance(lengths * REL), lengths * enhance(REL), rtol=0, atol=1e-10)


def test_a_step_is_as_long_in_many_dimensions_as_in_few() -> None:
    shares = []
    for size in (10, 250):
        rel = torch.randn(50, size, generator=torch.Generator().manual_seed(0))
        shares.append(float((SimilarityEnhancer()(rel).norm(dim=1) / rel.norm(dim=1)).detach().mean()))
    assert abs(shares[0] - shares[1]) < 0.5
    assert min(shares) > 0.5


def test_threshold_and_temperature_learn() -> None:
    enhance = SimilarityEnhancer(threshold=0.25)
    assert torch.sigmoid(enhance.threshold).item() == pytest.approx(0.25)
    enhance(REL.float()).square().sum().backward()
    assert enhance.threshold.grad is not None
    assert bool(enhance.threshold.grad)
    assert bool(enhance.temperature.grad)
    assert not SimilarityEnhancer()(torch.ones(1, 3)).any()
    with pytest.raises(NieError, match="threshold must lie between"):
        SimilarityEnhancer(threshold=1.0)


def test_the_published_form_measures_the_length_of_a_relation() -> None:
    """The trap: with its own vector as it is and the neighbours' normalised, a long relation is far from its equals."""
    rel = torch.tensor([[9.0, 0.0], [9.0, 0.0], [9.0, 0.1]])
    assert SimilarityEnhancer(literal=True)(rel).norm(dim=1).min() > 7.9
    assert SimilarityEnhancer()(rel).norm(dim=1).max() < 0.2
