"""nie.models.kge.likeness."""

from __future__ import annotations

import pytest
import torch

from nie.errors import NieError
from nie.models.kge import RotatE
from nie.models.kge.likeness import placed_by_likeness

GENERATOR = torch.Generator().manual_seed(0)
VECTORS, FEATURES = (torch.randn(7, size, generator=GENERATOR, dtype=torch.float64) for size in (4, 3))
PLACED = torch.tensor([False, True, False, False, True, False, False])
TRAINED = ~PLACED & (torch.arange(7) != 6)  # entity 6 is neither


def test_it_equals_the_loop() -> None:
    found = placed_by_likeness(VECTORS, FEATURES, TRAINED, PLACED, neighbours=2, temperature=0.3)
    for i in range(7):
        expected = VECTORS[i]
        if PLACED[i]:
            cosine = {j: float(torch.cosine_similarity(FEATURES[i], FEATURES[j], dim=0)) for j in (0, 2, 3, 5)}
            near = sorted(cosine, key=lambda j: -cosine[j])[:2]
            weights = torch.tensor([cosine[j] / 0.3 for j in near], dtype=torch.float64).softmax(0)
            mean = sum(w * VECTORS[j] for w, j in zip(weights, near, strict=True))
            length = sum(w * VECTORS[j].norm() for w, j in zip(weights, near, strict=True))
            expected = mean / mean.norm() * length
        torch.testing.assert_close(found[i], expected, rtol=0, atol=1e-12)


def test_more_neighbours_than_there_are() -> None:
    few, many = (placed_by_likeness(VECTORS, FEATURES, TRAINED, PLACED, neighbours=k) for k in (4, 99))
    torch.testing.assert_close(few, many, rtol=0, atol=0)


def test_what_cannot_be_placed() -> None:
    with pytest.raises(NieError, match="No entity is trained"):
        placed_by_likeness(VECTORS, FEATURES, torch.zeros(7, dtype=torch.bool), PLACED)
    with pytest.raises(NieError, match="these have their place"):
        placed_by_likeness(VECTORS, FEATURES, TRAINED | PLACED, PLACED)


def test_a_handicap_lowers_scores_of_a_ranking_alone() -> None:
    model = RotatE(num_entities=5, num_relations=2, size=4, handicap=True)
    triples = torch.tensor([[0, 1, 4]])
    before = model.scorer()(triples, "tail")
    with torch.no_grad():
        assert model.handicap is not None
        model.handicap[4] = 2.0
    torch.testing.assert_close(before - model.scorer()(triples, "tail"), torch.tensor([[0.0, 0.0, 0.0, 0.0, 2.0]]))
    torch.testing.assert_close(model.against(triples, "tail"), before)
    assert "handicap" in model.state_dict()
    assert "handicap" not in RotatE(num_entities=5, num_relations=2, size=4).state_dict()
