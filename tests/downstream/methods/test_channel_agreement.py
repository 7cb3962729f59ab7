"""downstream.metrics.channels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from reference.graphs import normal

from downstream.methods.channel_agreement import agreement
from downstream.metrics.channels import linear_cka
from downstream.metrics.registry import METRICS
from nie.layers import Encoding, Fused
from nie.models import ChannelStates


def made(projected: torch.Tensor | None = None, names: tuple[str, str] = ("structural", "semantic")) -> ChannelStates:
    mask = torch.ones(20, 2, dtype=torch.bool)
    encodings = {name: Encoding(normal(20, 3, seed=seed)) for seed, name in enumerate(names)}
    return ChannelStates(encodings, mask, Fused(normal(20, 3), None, normal(20, 2, 3)), projected, {})


MASKS = {name: torch.ones(20, dtype=torch.bool) for name in ("structural", "semantic")}
MASKS["semantic"][3] = False


def test_cka_equals_the_centred_gram_matrices() -> None:
    x, y = normal(30, 4).numpy(), normal(30, 6, seed=1).numpy()
    centre = np.eye(30) - 1 / 30
    k, q = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    assert linear_cka(x, y) == pytest.approx((k * q).sum() / np.linalg.norm(k) / np.linalg.norm(q))
    assert linear_cka(x, np.ones((30, 2))) == 0


def test_the_nodes_that_have_both_channels_are_judged() -> None:
    same = normal(20, 1, 4).expand(20, 2, 4)
    figures = agreement(made(same), np.arange(2, 12), MASKS)
    assert figures["recall@1"] == figures["mrr"] == 1
    assert figures["chance median rank"] == 5  # of nine nodes: the one that lacks its text is left out
    assert {"recall@1", "recall@10", "recall@50", "mrr", "mrr over chance", "median rank", "spread", "cka"} <= set(
        figures
    )
    assert {name for name in figures if not name.startswith("chance ")} <= set(METRICS)


def test_what_a_model_lacks_is_left_out() -> None:
    assert list(agreement(made(), np.arange(9), MASKS)) == ["cka"]
    assert agreement(made(names=("structural", "numeric")), np.arange(9), {}) == {}
    assert agreement(made(), np.array([3, 4]), MASKS) == {}
