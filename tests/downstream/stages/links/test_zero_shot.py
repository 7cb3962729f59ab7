"""downstream.stages.links.zero_shot and held_out_relations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from link_helpers import ring_of_many

from downstream.stages.links.held_out_relations import with_held_out_relations
from downstream.stages.links.known_triples import KnownTriples
from downstream.stages.links.zero_shot import zero_shot_figures
from nie.data import load
from nie.errors import NieError
from nie.models.kge import RotatE


def test_held_out_relations_are_in_no_training_triple(tmp_path: Path) -> None:
    ring_of_many(tmp_path)
    kg = load("links", tmp_path)
    split = with_held_out_relations(kg, 0.2, 0)
    tested, chosen = (set(split.held_out[name][:, 1].tolist()) for name in ("test", "valid"))
    assert len(tested) == 4
    assert len(chosen) == 2
    assert not tested & chosen
    assert not (tested | chosen) & set(split.etype.tolist())
    expected = kg.held_out["test"][np.isin(kg.held_out["test"][:, 1], list(tested))]
    np.testing.assert_array_equal(split.held_out["test"], expected)
    with pytest.raises(NieError, match=r"hold_out_relations 0\.01 leaves fewer than two of the 20 relations"):
        with_held_out_relations(kg, 0.01, 0)


def test_relations_that_validation_cannot_use_are_refused_before_training(tmp_path: Path) -> None:
    ring_of_many(tmp_path)
    kg = load("links", tmp_path)
    tested = np.isin(kg.etype, kg.held_out["test"][:, 1])
    only_tested = replace(
        kg, src=kg.src[~tested], etype=kg.etype[~tested], dst=kg.dst[~tested], edge_dates=None,
        held_out={**kg.held_out, "valid": kg.held_out["valid"][:0]},
    )  # fmt: skip
    with pytest.raises(NieError, match=r"hold_out_relations 0\.2 draws for validation only relations of links"):
        with_held_out_relations(only_tested, 0.2, 0)


def test_rotations_that_know_nothing() -> None:
    class Table(torch.nn.Module):
        def forward(self) -> torch.Tensor:
            return torch.tensor([[0.2, 3.0], [0.4, -3.0], [9.0, 9.0]])

    model = RotatE(num_entities=5, num_relations=3, size=2, relations=Table())
    triples = np.array([[0, 2, 1], [3, 2, 4]])
    known = KnownTriples(triples, 5, 3)
    trained = torch.tensor([True, True, False])
    with torch.no_grad():
        turned = torch.polar(torch.ones(2), torch.tensor([0.3, torch.pi]))
        first = torch.complex(model.entities[0, :2], model.entities[0, 2:]) * turned
        model.entities[1] = torch.cat([first.real, first.imag])
        found = zero_shot_figures(model, torch.from_numpy(triples[:1]), known, trained, torch.Generator())
    assert found["mrr, mean rotation"] == 1.0
    assert 0 < found["mrr, random rotation"] <= 1
