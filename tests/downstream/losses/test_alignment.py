"""downstream.losses.alignment."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference.graphs import normal
from reference.losses import info_nce
from torch import Tensor

from downstream.losses.alignment import (
    alignment_loss,
    cosine_mse_loss,
    mixed_loss,
    modality_contrastive_loss,
    neighbourhood_targets,
    projection_spread,
)
from nie.data.adjacency import adjacency, both_ways
from nie.errors import NieError


def inputs(num_nodes: int = 7, num_channels: int = 3) -> tuple[Tensor, Tensor]:
    mask = torch.rand(num_nodes, num_channels, generator=torch.Generator().manual_seed(3)) < 0.7
    return normal(num_nodes, num_channels, 5), mask


def pairs(projected: Tensor, mask: Tensor) -> list[tuple[Tensor, Tensor]]:
    count = projected.shape[1]
    both = {(a, b): mask[:, a] & mask[:, b] for a in range(count) for b in range(a + 1, count)}
    return [(projected[rows, a], projected[rows, b]) for (a, b), rows in both.items()]


def test_contrast_equals_the_loop() -> None:
    projected, mask = inputs()
    found = []
    for a, b in pairs(projected, mask):
        own = list(range(len(a)))
        found.append((info_nce(a.tolist(), b.tolist(), own, 0.1) + info_nce(b.tolist(), a.tolist(), own, 0.1)) / 2)
    loss = modality_contrastive_loss(projected, mask, temperature=0.1)
    assert float(loss) == pytest.approx(sum(found) / len(found), abs=1e-10)


def test_cosine_and_squared_error_equal_the_loop() -> None:
    projected, mask = inputs()
    found = []
    for a, b in pairs(projected, mask):
        cosines = [float(x @ y / (x.norm() * y.norm())) for x, y in zip(a, b, strict=True)]
        found.append(1 - sum(cosines) / len(cosines) + float((a - b).square().mean()))
    assert float(cosine_mse_loss(projected, mask)) == pytest.approx(sum(found) / len(found), abs=1e-10)


@pytest.mark.parametrize("soft", [False, True])
def test_alignment_equals_the_loop(soft: bool) -> None:
    projected, mask = inputs(num_channels=2)
    targets = torch.rand(7, 7, generator=torch.Generator().manual_seed(1)).double()
    targets /= targets.sum(1, keepdim=True)
    rows = mask.all(1).nonzero()[:, 0].tolist()
    unit = [[v / v.norm() for v in projected[rows, channel]] for channel in range(2)]
    feature = sum(float((a - b).square().mean()) for a, b in zip(*unit, strict=True)) / len(rows)
    semantic = 1 - sum(float(a @ b) for a, b in zip(*unit, strict=True)) / len(rows)
    if soft:
        wanted = targets[rows][:, rows]
        wanted = wanted / wanted.sum(1, keepdim=True)
        likeness = torch.stack(unit[0]) @ torch.stack(unit[1]).T / 0.1
        semantic = -float((wanted * likeness.log_softmax(1)).sum(1).mean())
        semantic = (semantic - float((wanted * likeness.T.log_softmax(1)).sum(1).mean())) / 2
    expected = 0.5 * float(modality_contrastive_loss(projected, mask, temperature=0.1)) + 0.3 * feature + 0.2 * semantic
    loss = alignment_loss(projected, mask, temperature=0.1, soft_targets=targets if soft else None)
    assert float(loss) == pytest.approx(expected, abs=1e-10)


def test_scale_of_projections_does_not_matter_to_the_alignment() -> None:
    """The trap: squared errors of raw projections are least for tiny ones."""
    projected, mask = inputs()
    one, two = alignment_loss(projected, mask), alignment_loss(projected * 1e-3, mask)
    torch.testing.assert_close(one, two)


def test_on_normalised_projections_the_feature_term_is_the_cosine_again() -> None:
    """The trap: the published loss names three terms, of which two are the same."""
    projected, mask = inputs()
    feature, semantic = (
        alignment_loss(projected, mask, ratios=ratios) for ratios in ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    )
    torch.testing.assert_close(feature, semantic * 2 / projected.shape[2])


def test_collapse_is_seen_in_the_spread_and_not_in_the_loss() -> None:
    """The trap: a loss without negatives is satisfied by projections that are all the same."""
    there = torch.ones(50, 2, dtype=torch.bool)
    collapsed = normal(1, 1, 8).expand(50, 2, 8)
    assert float(cosine_mse_loss(collapsed, there)) == pytest.approx(0, abs=1e-12)
    assert float(projection_spread(collapsed, there)) == pytest.approx(0, abs=1e-12)
    assert float(modality_contrastive_loss(collapsed, there)) == pytest.approx(np.log(50))
    assert float(projection_spread(normal(50, 2, 8), there)) == pytest.approx(1, abs=0.1)


def test_what_is_missing_plays_no_part() -> None:
    projected, mask = inputs()
    other = projected.clone()
    other[~mask] = torch.nan
    for loss in (modality_contrastive_loss, cosine_mse_loss, alignment_loss, projection_spread):
        torch.testing.assert_close(loss(other, mask), loss(projected, mask), rtol=0, atol=0)


@pytest.mark.parametrize("loss", [modality_contrastive_loss, cosine_mse_loss, alignment_loss])
def test_nothing_to_align_is_zero(loss: object) -> None:
    assert callable(loss)
    projected = normal(4, 2, 5, requires_grad=True)
    value = loss(projected, torch.zeros(4, 2, dtype=torch.bool))
    assert value.item() == 0
    value.backward()
    assert float(modality_contrastive_loss(normal(1, 2, 5), torch.ones(1, 2, dtype=torch.bool))) == 0


def test_gradcheck() -> None:
    projected, mask = inputs()
    for loss in (modality_contrastive_loss, cosine_mse_loss, alignment_loss):
        assert torch.autograd.gradcheck(lambda p, loss=loss: loss(p, mask), (projected.requires_grad_(),))


def test_neighbourhoods_are_sets_without_direction() -> None:
    src, dst = np.array([0, 0, 2, 3, 3, 5]), np.array([2, 2, 1, 4, 0, 5])  # the last joins a node to itself
    targets = neighbourhood_targets(adjacency(*both_ways(src, dst), 6), np.array([0, 1, 5])).double()
    # 0 has the neighbours 2 and 3, 1 has 2, 5 has none.
    likeness = 1 / np.sqrt(2)
    expected = np.array([[2, likeness, 0], [likeness, 2, 0], [0, 0, 2]])
    np.testing.assert_allclose(targets, expected / expected.sum(1, keepdims=True), rtol=1e-6)


def test_bad_input() -> None:
    projected, mask = inputs()
    with pytest.raises(NieError, match="sum to 1; got"):
        alignment_loss(projected, mask, ratios=(0.5, 0.3, 0.3))
    with pytest.raises(NieError, match="a row and a column for each node"):
        alignment_loss(projected, mask, soft_targets=torch.ones(2, 2))
    with pytest.raises(NieError, match=r"projected must be \(N, M, P\)"):
        cosine_mse_loss(projected, mask[:, :2])
    with pytest.raises(NieError, match="temperature must be positive"):
        modality_contrastive_loss(projected, mask, temperature=0.0)


def test_the_published_feature_term_is_least_for_tiny_projections() -> None:
    """The trap: shrinking everything lowers it, although nothing has come nearer in direction."""
    projected, mask = torch.randn(8, 2, 4), torch.ones(8, 2, dtype=torch.bool)
    ratios = (0.0, 1.0, 0.0)
    literal = [alignment_loss(s * projected, mask, ratios=ratios, literal=True).item() for s in (1.0, 0.01)]
    ours = [alignment_loss(s * projected, mask, ratios=ratios).item() for s in (1.0, 0.01)]
    assert literal[1] < 1e-3 * literal[0]
    assert ours[1] == pytest.approx(ours[0], rel=1e-4)


def test_mixed_is_the_weighted_sum_of_both_auxiliary_losses() -> None:
    projected, mask = torch.randn(8, 3, 4), torch.ones(8, 3, dtype=torch.bool)
    wanted = 0.3 * cosine_mse_loss(projected, mask) + 2 * modality_contrastive_loss(projected, mask, temperature=0.2)
    found = mixed_loss(projected, mask, lambda_mse=0.3, lambda_contrastive=2.0, temperature=0.2)
    torch.testing.assert_close(found, wanted)
    with pytest.raises(NieError, match="nor both 0"):
        mixed_loss(projected, mask, lambda_mse=0.0, lambda_contrastive=0.0)
