"""downstream.losses.by_group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from stage_helpers import SMALL, store_synthetic

from downstream.losses.by_group import weighed_by_group, within_groups
from downstream.losses.importance import squared_error
from downstream.losses.table import LISTWISE_LOSSES, ListwiseLoss
from downstream.methods.loss_settings import ImportanceLossConfig
from downstream.stages.estimation import estimate
from downstream.stages.importance import IMPORTANCE
from nie.errors import NieError
from nie.runs.run import Run

LISTNET = LISTWISE_LOSSES["listnet"]
GROUP = torch.tensor([0, 0, 0, 2, 2, 5])
MADE = torch.tensor([1.0, 2.0, 0.0, 3.0, 1.0, 4.0], dtype=torch.float64, requires_grad=True)
TARGET = torch.zeros(6, dtype=torch.float64)
ERRORS = {0: 5 / 3, 2: 5.0, 5: 16.0}
SIZES = {0: 3, 2: 2, 5: 1}


@pytest.mark.parametrize("weight", ["none", "inverse_size", "inverse_error"])
def test_equals_the_formula(weight: Any) -> None:
    wanted = {
        number: {"none": 1.0, "inverse_size": 1 / SIZES[number], "inverse_error": 1 / ERRORS[number]}[weight]
        for number in SIZES
    }
    mean = sum(SIZES[number] / 6 * wanted[number] for number in SIZES)
    expected = sum(SIZES[number] / 6 * wanted[number] / mean * ERRORS[number] for number in SIZES)
    assert weighed_by_group(squared_error, GROUP, weight)(MADE, TARGET).item() == pytest.approx(expected)


def test_weights_are_constants_for_the_gradient() -> None:
    loss = weighed_by_group(squared_error, GROUP, "inverse_error")(MADE, TARGET)
    (gradient,) = torch.autograd.grad(loss, MADE)
    by_node = gradient / MADE.detach().clamp(min=1e-9)
    assert by_node[3].item() == pytest.approx(by_node[4].item())
    assert by_node[0].item() == pytest.approx(3 * by_node[3].item(), rel=1e-6)  # 1 / (5/3) against 1 / 5


def test_lists_stay_within_groups() -> None:
    shift = torch.tensor([0.0, 0.0, 0.0, 100.0, 100.0, 7.0], dtype=torch.float64)
    for moved in (MADE, MADE + shift):
        loss = within_groups(LISTNET, moved, TARGET + torch.arange(6), GROUP, 100, torch.Generator())
        if moved is MADE:
            first = loss.item()
    assert loss.item() == pytest.approx(first)
    alone = within_groups(LISTNET, MADE, TARGET, torch.arange(6), 100, torch.Generator())
    assert alone.item() == 0


@pytest.mark.parametrize(
    "given",
    [
        {"groups": {"by": "louvain"}},
        {"groups": {"weight": "inverse_size"}},
        {"groups": {"count": 3}},
        {"groups": {"by": "louvain", "local_list": True}, "listwise_weight": 0.0},
        {"groups": {"by": "louvain", "weight": "inverse_size"}, "value": "gaussian"},
    ],
)
def test_groups_that_nothing_uses_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"groups|count|by "):
        ImportanceLossConfig(**given)


def test_a_run_learns_by_group_and_says_what_cannot_be_grouped(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")

    def run(**groups: Any) -> Run:
        changes = {**SMALL, "folds": {"run": [0]}, "method": "graphsage", "loss": {"groups": groups}}
        model = {"model": {"hidden_size": 8}}
        config = IMPORTANCE.recipes.resolve(overrides={**changes, **model})
        return estimate(config, data_root=tmp_path / "data", run_root=tmp_path / "runs")

    made = run(by="centrality", weight="inverse_error", local_list=True)
    curves = (made.path / "fold0" / "curves.csv").read_text(encoding="utf-8")
    assert "loss/order in groups" in curves.splitlines()[0]
    with pytest.raises(NieError, match="cannot be made of"):
        run(by="predicates", count=500, weight="inverse_size")


def test_a_loss_of_all_pairs_of_a_list_gets_few_lists() -> None:
    shapes = []

    def listwise(score: torch.Tensor, _target: torch.Tensor, lists: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(lists.shape))
        return score.sum()

    score, group = torch.zeros(400), torch.arange(400) // 200
    for by_pairs in (False, True):
        within_groups(ListwiseLoss(listwise, by_pairs), score, score, group, 100, torch.Generator())
    assert shapes == [(200, 100), (200, 100), (8, 100), (8, 100)]
