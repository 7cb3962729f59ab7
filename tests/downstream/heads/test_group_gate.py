"""downstream.heads.group_gate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from leaving_out import check_leaving_out
from stage_helpers import opened, small

from downstream.answers.explanation import explain
from downstream.answers.new_nodes import predict_new
from downstream.answers.refined import FUSED, refined
from downstream.answers.trained import TrainedRun
from downstream.answers.what_if import what_if
from downstream.heads.group_gate import GroupGate, with_group_gate
from downstream.methods.rgtn import RGTN
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
    with pytest.raises(NieError, match="the groups of the 4 nodes of their graph and of no others; got 3"):
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


GROUPED: dict[str, Any] = {"by": "centrality", "count": 3, "heads": 2}


def gated(root: Path, method: str, **changes: Any) -> TrainedRun:
    """A run whose heads a gate mixes, and mixes differently from group to group."""
    groups = {**GROUPED, **changes}
    trained = opened(root, method, loss={"groups": groups}, folds={"run": [0]}, optim={"max_epochs": 2})
    gate: Any = trained.networks_of(0)[0].model.group_gate
    torch.nn.init.normal_(gate.gate, std=3.0)
    return trained


def test_shuffled_groups_make_another_run(root: Path) -> None:
    made = [gated(root, "graphsage", shuffled=shuffled).run for shuffled in (False, True)]
    assert (made[0].predictions(0, 300) != made[1].predictions(0, 300)).any()
    assert len(refined(made[0], data_root=root).vectors[FUSED]) == 300


@pytest.mark.parametrize("method", ["graphsage", "rgtn", "mlp"])
def test_every_fact_can_be_left_out_exactly(root: Path, method: str) -> None:
    check_leaving_out(gated(root, method))


def test_contributions_add_up_to_the_score(root: Path) -> None:
    trained = gated(root, "graphsage")
    assert explain(trained, trained.kg.node_names[int(trained.folds[0].test[0])]).adds_up


def test_facts_can_change_and_nodes_keep_their_groups(root: Path) -> None:
    trained = gated(root, "graphsage")
    kg, node = trained.kg, int(trained.folds[0].test[0])
    fact = explain(trained, kg.node_names[node], "leave-one-out").facts[0]
    changed = what_if(trained, remove=[(fact.head, fact.relation, fact.tail)])
    assert changed.scores.change[node] != 0
    assert changed.kept[-1] == "the grouping by centrality"
    with pytest.raises(NieError, match="know the groups of the 300 nodes of their graph and of no others; got 301"):
        predict_new(trained, [("new", kg.relation_names[0], kg.node_names[0])])
