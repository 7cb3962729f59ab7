"""downstream.heads.group_gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from stage_helpers import small, store_synthetic

from downstream.answers.asked_run import asked_run
from downstream.answers.refined import FUSED, refined
from downstream.heads.group_gate import GroupGate, with_group_gate
from downstream.methods.rgtn import RGTN
from downstream.stages.estimation import estimate
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.models import SGC, ConvolutionalModel

SIZES: dict[str, Any] = {"channel_sizes": {"structural": 4, "semantic": 3}, "num_relations": 2}
GROUPS = torch.tensor([0, 2, 2, 1])


def test_equals_the_formula() -> None:
    torch.manual_seed(0)
    gate = GroupGate(3, GROUPS, 2)
    torch.nn.init.normal_(gate.gate)
    hidden = torch.randn(4, 3)
    made = gate.requires_grad_(False)(hidden)
    for node, group in enumerate(GROUPS.tolist()):
        weights = torch.softmax(gate.gate[group], dim=0)
        heads = [gate.linear.weight[k] @ hidden[node] + gate.linear.bias[k] for k in range(2)]
        assert made[node].item() == pytest.approx(float(weights[0] * heads[0] + weights[1] * heads[1]), abs=1e-6)


@pytest.mark.parametrize("kind", ["mlp", "graphsage", "rgtn"])
def test_a_network_scores_by_its_own_head_and_the_gate_and_all_of_it_learns(kind: str) -> None:
    torch.manual_seed(0)
    model: Any = RGTN(**SIZES) if kind == "rgtn" else ConvolutionalModel(kind, **SIZES)
    graph, etype = dgl.graph(([0, 1, 2, 3], [1, 2, 3, 0])), torch.tensor([0, 1, 0, 1])
    feats = {name: torch.randn(4, size) for name, size in SIZES["channel_sizes"].items()}
    own = model.eval()(graph, feats, etype)
    gated = with_group_gate(model, SIZES["channel_sizes"], GROUPS, 3)
    made = gated.eval()(graph, feats, etype)
    torch.testing.assert_close(made.score, own.score + gated.group_gate(own.hidden))
    made.score.square().sum().backward()
    assert all(parameter.grad is not None for parameter in gated.group_gate.parameters())
    assert gated.group_gate.gate.grad.abs().sum() > 0
    assert "group_gate.groups" not in gated.state_dict()


def test_what_cannot_be_gated_is_refused() -> None:
    with pytest.raises(NieError, match="this network has none; leave it out"):
        with_group_gate(SGC(**SIZES), SIZES["channel_sizes"], GROUPS, 3)
    with pytest.raises(NieError, match="read all 4 nodes of their graph at once; got 3"):
        GroupGate(3, GROUPS, 2)(torch.zeros(3, 3))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loss": {"groups": {"by": "k-core", "heads": 2}}, "batch": {"size": 64}}, "leave batch.size out"),
        ({"loss": {"groups": {"heads": 2}}}, "give both or none"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NieError, match=words):
        small("graphsage", **changes)


def test_a_run_is_trained_with_it_and_is_not_explained(tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    groups = {"by": "centrality", "count": 3, "heads": 2}
    made = {}
    for shuffled in (False, True):
        config = small("graphsage", loss={"groups": {**groups, "shuffled": shuffled}}, folds={"run": [0]})
        made[shuffled] = estimate(config, data_root=tmp_path, run_root=tmp_path / "runs")
    assert (made[False].predictions(0, 300) != made[True].predictions(0, 300)).any()
    with pytest.raises(NieError, match="mixes heads by groups"):
        asked_run(made[False], data_root=tmp_path)
    assert len(refined(made[False], data_root=tmp_path).vectors[FUSED]) == 300
