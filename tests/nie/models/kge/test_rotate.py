"""nie.models.kge.rotate and its arithmetic, nie.models.kge.rotation."""

from __future__ import annotations

import math

import pytest
import torch

from nie.errors import NieError
from nie.models.kge import RotatE

TRIPLES = torch.tensor([[0, 1, 4], [2, 0, 3], [4, 1, 4]])


def model() -> RotatE:
    torch.manual_seed(0)
    return RotatE(num_entities=6, num_relations=2, size=5, margin=3.0).double()


def test_scores_equal_complex_arithmetic() -> None:
    net = model()
    entities = torch.complex(net.entities[:, :5], net.entities[:, 5:])
    turned = torch.polar(torch.ones_like(net.phases), net.phases)
    head, relation, tail = TRIPLES.T
    expected = 3 - (entities[head] * turned[relation] - entities[tail]).abs().sum(dim=1)
    torch.testing.assert_close(net(TRIPLES), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("side", ["head", "tail"])
def test_all_candidates_are_scored_as_the_triples_are(side: str) -> None:
    net, column = model(), 0 if side == "head" else 2
    scores = net.against(TRIPLES, side)  # type: ignore[arg-type]
    for entity in range(6):
        changed = TRIPLES.clone()
        changed[:, column] = entity
        torch.testing.assert_close(scores[:, entity], net(changed), rtol=0, atol=1e-10)
    few = net.against(TRIPLES, side, torch.tensor([3, 1]))  # type: ignore[arg-type]
    torch.testing.assert_close(few, scores[:, [3, 1]], rtol=0, atol=1e-12)
    own = net.against(TRIPLES, side, torch.tensor([[3], [1], [0]]))  # type: ignore[arg-type]
    torch.testing.assert_close(own[:, 0], scores[[0, 1, 2], [3, 1, 0]], rtol=0, atol=1e-10)
    contrast = net.contrast(TRIPLES, torch.tensor([3, 1]))
    torch.testing.assert_close(contrast.positive, net(TRIPLES), rtol=0, atol=1e-12)
    torch.testing.assert_close(getattr(contrast, side), few, rtol=0, atol=1e-12)
    torch.testing.assert_close(net.scorer()(TRIPLES, side), scores, rtol=0, atol=1e-12)  # type: ignore[arg-type]


def test_it_equals_that_of_pyg_in_every_dimension() -> None:
    """PyG's distance is the Euclidean norm over all dimensions; ours, as published, sums the moduli of each."""
    kge = pytest.importorskip("torch_geometric.nn.kge", reason="needs the extra bench")
    net = model()
    distance = torch.zeros(len(TRIPLES), dtype=torch.float64)
    for d in range(5):
        other = kge.RotatE(6, 2, hidden_channels=1, margin=0.0).double()
        with torch.no_grad():
            other.node_emb.weight.copy_(net.entities[:, d : d + 1])
            other.node_emb_im.weight.copy_(net.entities[:, 5 + d : 6 + d])
            other.rel_emb.weight.copy_(net.phases[:, d : d + 1])
        distance = distance - other(*TRIPLES.T)
    torch.testing.assert_close(net(TRIPLES), 3 - distance, rtol=0, atol=1e-6)


def test_gradients_reach_what_takes_part() -> None:
    net = model()
    net.against(TRIPLES[:1], "tail", torch.tensor([5])).sum().backward()
    assert net.entities.grad is not None
    assert net.phases.grad is not None
    assert net.entities.grad.abs().sum(dim=1).nonzero()[:, 0].tolist() == [0, 5]
    assert net.phases.grad.abs().sum(dim=1).nonzero()[:, 0].tolist() == [1]


def test_reset_parameters() -> None:
    net = model()
    torch.nn.init.constant_(net.entities, 9.0)
    net.reset_parameters()
    assert net.entities.abs().max() <= 5 / 5
    assert net.phases.abs().max() <= math.pi


def test_what_does_not_fit() -> None:
    with pytest.raises(NieError, match=r"\(B, 3\), of head"):
        model()(TRIPLES[:, :2])
    with pytest.raises(NieError, match="no side 'middle'"):
        model().against(TRIPLES, "middle")  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [-1, 6, 99])
def test_candidates_that_are_not_there(wrong: int) -> None:
    for candidates in ([0, wrong], [[0, 1], [2, 3], [wrong, 5]]):
        with pytest.raises(NieError, match=f"A candidate names the entity {wrong}, but ids go from 0 to 5"):
            model().against(TRIPLES, "tail", torch.tensor(candidates))
    with pytest.raises(NieError, match=f"A candidate names the entity {wrong}"):
        model().contrast(TRIPLES, torch.tensor([0, wrong]))


@pytest.mark.parametrize("shape", [(), (2, 4), (3, 4, 1)])
def test_candidates_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(NieError, match=r"the shape \(K,\) or \(3, K\), of entities; got"):
        model().against(TRIPLES, "tail", torch.zeros(shape, dtype=torch.int64))
    with pytest.raises(NieError, match=r"the shape \(K,\), of entities; got"):
        model().contrast(TRIPLES, torch.zeros(shape, dtype=torch.int64))


@pytest.mark.parametrize("side", ["head", "tail"])
def test_no_triples(side: str) -> None:
    net = model()
    scores = net.against(TRIPLES[:0], side)  # type: ignore[arg-type]
    assert scores.shape == (0, 6)
    scores.sum().backward()
    assert net.entities.grad is not None
    assert net.entities.grad.abs().sum() == 0


class Table(torch.nn.Module):
    def __init__(self, phases: torch.Tensor) -> None:
        super().__init__()
        self.phases = torch.nn.Parameter(phases)

    def forward(self) -> torch.Tensor:
        return self.phases


def test_phases_that_something_else_makes() -> None:
    net = model()
    assert net.phases is not None
    made = RotatE(num_entities=6, num_relations=2, size=5, margin=3.0, relations=Table(net.phases.detach())).double()
    made.load_state_dict({"entities": net.entities, "relations.phases": net.phases})
    torch.testing.assert_close(made(TRIPLES), net(TRIPLES), rtol=0, atol=0)
    with pytest.raises(NieError, match=r"phases of shape \(2, 5\); got \(2, 4\)"):
        RotatE(num_entities=6, num_relations=2, size=5, relations=Table(torch.ones(2, 4)))(TRIPLES)
