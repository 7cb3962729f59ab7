from __future__ import annotations

import pytest
import torch
from reference import losses as reference
from torch import Tensor

from nie.errors import NieError
from pretrain.binning import closeness, repulsion
from pretrain.losses import finer_bin_loss, info_nce, rank_n_contrast, top_bin_loss, y_aware_info_nce


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


BINS = torch.tensor([0, 3, 1, 0, 3, 0, 5])  # bins 2 and 4 are empty
BETA = torch.from_numpy(closeness(6))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("temperature", [0.05, 0.7])
def test_info_nce_against_a_loop(weighted: bool, temperature: float) -> None:
    query, keys, positive = draw(6, 4), draw(5, 4, seed=1), torch.tensor([0, 4, 2, 2, 1, 3])
    weight = draw(6, 5, seed=2).sigmoid() if weighted else None
    ours = info_nce(query, keys, positive, temperature=temperature, weight=weight)
    expected = reference.info_nce(
        query.tolist(),
        keys.tolist(),
        positive.tolist(),
        temperature,
        None if weight is None else weight.tolist(),
    )
    assert ours.item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_without_gradients_the_scores_of_some_queries_at_a_time_give_the_same(
    weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, keys = torch.randn(11, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    positive, weight = torch.arange(11) % 5, torch.rand(11, 5, dtype=torch.float64) if weighted else None
    whole = info_nce(query, keys, positive, temperature=0.5, weight=weight)
    for scores in (1, 17, 55):
        monkeypatch.setattr("pretrain.losses.SCORES", scores)
        with torch.no_grad():
            found = info_nce(query, keys, positive, temperature=0.5, weight=weight)
        torch.testing.assert_close(found, whole)


def test_info_nce_is_cross_entropy_without_weights() -> None:
    query, keys, positive = draw(6, 4), draw(5, 4, seed=1), torch.tensor([0, 4, 2, 2, 1, 3])
    cosine = torch.nn.functional.cosine_similarity(query[:, None], keys[None], dim=-1)
    expected = torch.nn.functional.cross_entropy(cosine / 0.2, positive)
    torch.testing.assert_close(info_nce(query, keys, positive, temperature=0.2), expected)


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_top_bin_loss_against_a_loop(temperature: float) -> None:
    top, non_top = draw(7, 3), draw(11, 3, seed=1)
    ours = top_bin_loss(top, non_top, temperature=temperature).item()
    assert ours == pytest.approx(reference.top_bin_loss(top.tolist(), non_top.tolist(), temperature), abs=1e-10)


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_finer_bin_loss_against_a_loop(temperature: float) -> None:
    top = draw(7, 3)
    ours = finer_bin_loss(top, BINS, BETA, temperature=temperature).item()
    assert ours == pytest.approx(reference.finer_bin_loss(top.tolist(), BINS.tolist(), 5, temperature), abs=1e-10)


def test_default_temperature_is_the_papers() -> None:
    top = draw(7, 3)
    assert top_bin_loss(top, top).item() == top_bin_loss(top, top, temperature=0.05).item()
    assert finer_bin_loss(top, BINS, BETA).item() == finer_bin_loss(top, BINS, BETA, temperature=0.05).item()


def test_gradients() -> None:
    top, non_top = draw(7, 3).requires_grad_(), draw(4, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: top_bin_loss(a, b, temperature=0.5), (top, non_top))
    assert torch.autograd.gradcheck(lambda a: finer_bin_loss(a, BINS, BETA, temperature=0.5), (top,))


def test_scale_and_order_of_the_nodes_do_not_matter() -> None:
    top, order = draw(7, 3), torch.randperm(7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(finer_bin_loss(top[order], BINS[order], BETA), finer_bin_loss(top, BINS, BETA))
    torch.testing.assert_close(finer_bin_loss(3 * top, BINS, BETA), finer_bin_loss(top, BINS, BETA))
    torch.testing.assert_close(top_bin_loss(top[order], top), top_bin_loss(top, top[order]))


def test_empty_bins_keep_their_distance() -> None:
    top = draw(4, 3)
    near = finer_bin_loss(top, torch.tensor([0, 0, 1, 1]), torch.from_numpy(closeness(2)))
    far = finer_bin_loss(top, torch.tensor([0, 0, 5, 5]), BETA)
    assert near.item() != far.item()
    assert far.isfinite()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept_and_nothing_overflows(dtype: torch.dtype) -> None:
    top = draw(7, 3).to(dtype)
    for loss in (finer_bin_loss(top, BINS, BETA, temperature=1e-3), top_bin_loss(top, -top, temperature=1e-3)):
        assert loss.dtype == dtype
        assert loss.isfinite()


def test_bad_input() -> None:
    top = draw(3, 2)
    with pytest.raises(NieError, match="temperature must be positive"):
        top_bin_loss(top, top, temperature=0.0)
    with pytest.raises(NieError, match="at least one query and one key"):
        info_nce(top[:0], top, torch.zeros(0, dtype=torch.long), temperature=1.0)
    with pytest.raises(NieError, match="at least one query and one key"):
        finer_bin_loss(top[:0], BINS[:0], BETA)


LABELS = torch.tensor([1.0, 2.0, 2.0, 5.0, 3.0, 2.5, 8.0], dtype=torch.float64)  # ties, and pairs equally far apart


@pytest.mark.parametrize("temperature", [0.05, 0.7])
def test_pairwise_contrasts_against_loops(temperature: float) -> None:
    nodes = draw(7, 4)
    given = nodes.tolist(), LABELS.tolist()
    ours = rank_n_contrast(nodes, LABELS, temperature=temperature)
    assert ours.item() == pytest.approx(reference.rank_n_contrast(*given, temperature), rel=1e-10)
    ours = y_aware_info_nce(nodes, LABELS, bandwidth=0.8, temperature=temperature)
    assert ours.item() == pytest.approx(reference.y_aware_info_nce(*given, 0.8, temperature), rel=1e-10)


def test_pairwise_contrasts_have_gradients_and_stay_finite() -> None:
    nodes = draw(7, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: rank_n_contrast(a, LABELS, temperature=0.5), (nodes,))
    assert torch.autograd.gradcheck(lambda a: y_aware_info_nce(a, LABELS, bandwidth=1.0, temperature=0.5), (nodes,))
    far = y_aware_info_nce(nodes.float(), 1e4 * LABELS.float(), bandwidth=1e-3, temperature=1e-3)
    assert far.isfinite()  # every kernel underflows, and its shares are still defined


def test_pairwise_contrasts_refuse_what_has_no_pair() -> None:
    with pytest.raises(NieError, match="at least two nodes; got 1"):
        rank_n_contrast(draw(1, 4), LABELS[:1])
    with pytest.raises(NieError, match="temperature must be positive"):
        rank_n_contrast(draw(7, 4), LABELS, temperature=0.0)
    with pytest.raises(NieError, match="bandwidth must be positive"):
        y_aware_info_nce(draw(7, 4), LABELS, bandwidth=0.0)


def cosines_of_bins(repel: str) -> Tensor:
    """Cosines between the centroids of five bins of free vectors after the finer bin loss was minimised."""
    bins = torch.arange(5).repeat_interleave(8)
    free = draw(40, 8).requires_grad_()
    optimizer = torch.optim.Adam([free], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        finer_bin_loss(free, bins, torch.from_numpy(repulsion(5, repel)), temperature=0.5).backward()
        optimizer.step()
    centroids = torch.nn.functional.normalize(free.detach().view(5, 8, 8).mean(dim=1), dim=1)
    return centroids @ centroids.T


def test_the_published_order_of_finer_bins_is_reversed_and_the_other_one_is_right() -> None:
    published, mended = cosines_of_bins("near"), cosines_of_bins("far")
    beside, farthest = published.diagonal(1).mean(), published[0, 4]
    assert beside < farthest  # beta weighs near bins most where they repel
    beside, farthest = mended.diagonal(1).mean(), mended[0, 4]
    assert beside > farthest
