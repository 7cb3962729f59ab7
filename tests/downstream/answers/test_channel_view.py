"""What a network makes of a node's channels, and the heads of its attention: channel_view, nie explain."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from stage_helpers import opened, run_quietly

from downstream.answers.channel_view import channel_view
from downstream.answers.channel_weights import channel_weights
from downstream.answers.explanation import Explanation, explain
from downstream.answers.explanation_page import explanation_page
from downstream.answers.explanation_text import NO_HEADS, explanation_text
from downstream.answers.scored_node import ScoredNode, attention_names
from downstream.answers.trained import TrainedRun
from nie.errors import NieError
from nie.layers import CoAttention


@pytest.fixture(scope="module")
def rgtn(root: Path) -> TrainedRun:
    return opened(root, "rgtn", optim={"max_epochs": 2}, model={"num_heads": 2, "num_layers": 2})


def node_of(trained: TrainedRun) -> int:
    """A test node of the first fold, with many facts."""
    facts = np.bincount(np.concatenate([trained.kg.src, trained.kg.dst]), minlength=trained.kg.num_nodes)
    test = trained.folds[0].test
    return int(test[facts[test].argmax()])


@pytest.fixture(scope="module")
def looked(rgtn: TrainedRun) -> Explanation:
    return explain(rgtn, rgtn.kg.node_names[node_of(rgtn)], "attention")


def test_weights_of_channels_are_those_of_the_whole_graph(rgtn: TrainedRun, looked: Explanation) -> None:
    node, weights = node_of(rgtn), channel_weights(rgtn)
    assert looked.view.weights == pytest.approx({name: of[node] for name, of in weights.items()}, abs=1e-5)


def test_channels_read_each_other_as_the_layer_says(rgtn: TrainedRun, looked: Explanation) -> None:
    node = node_of(rgtn)
    (network,) = rgtn.networks(node)
    outputs = network.given.outputs(network.model, network.given.predicting)
    assert outputs.states is not None
    tokens = torch.stack([encoding.mean for encoding in outputs.states.encodings.values()], dim=1)
    (layer,) = (module for module in network.model.modules() if isinstance(module, CoAttention))
    told = layer.attention(tokens[node : node + 1])[0].detach().numpy()
    found = np.array([[*of.values()] for of in looked.channels_read.values()])
    np.testing.assert_allclose(found, told, atol=1e-5)
    assert list(looked.channels_read) == ["structural", "semantic"]
    assert channel_view(ScoredNode(network, node, rgtn.triples)).read == looked.view.read
    assert not layer._forward_pre_hooks


def test_heads_are_shares_and_their_mean_is_the_attention(looked: Explanation) -> None:
    assert list(looked.heads) == [
        f"{channel}, layer {layer}" for channel in ("structural", "semantic") for layer in (1, 2)
    ]
    assert set(looked.heads.values()) == {2}
    assert looked.last_heads == ["structural, layer 2", "semantic, layer 2"]
    for name in looked.heads:
        total = np.sum([fact.heads[name] for fact in looked.facts], axis=0)
        assert ((total > 0) & (total < 1)).all()  # the rest is the node's own loop
    for fact in looked.facts:
        assert fact.contribution == pytest.approx(np.mean(list(fact.heads.values())), abs=1e-6)


def test_text_page_json_and_figure_show_them(rgtn: TrainedRun, looked: Explanation, root: Path) -> None:
    pytest.importorskip("matplotlib")
    text, page = explanation_text(looked, 3), explanation_page(looked, 3)
    assert "How much its channels count in the score: structural 0." in text
    assert "structural, layer 2" in text
    assert "structural, layer 1" not in text
    assert page.count("Attention of ") == 4
    assert page.count('class="share"') == 2 + 4 + 4 * 2 * 3
    maps = looked.plot_attention(3).axes
    assert [axis.get_title() for axis in maps[:4]] == list(looked.heads)
    asked = ["explain", str(rgtn.run.path), looked.node, "--method", "attention", "--format", "json"]
    code, out, _ = run_quietly(asked, root, root / "runs")
    document = json.loads(out)
    assert code == 0
    assert document["channel_attention"]["semantic"].keys() == {"structural", "semantic"}
    assert sum(document["channel_weights"].values()) == pytest.approx(1)
    assert len(document["facts"][0]["heads"]["semantic, layer 1"]) == 2


def test_heads_of_several_networks_are_not_put_together(rgtn: TrainedRun) -> None:
    untested = np.setdiff1d(np.arange(rgtn.kg.num_nodes), np.concatenate([rgtn.folds[fold].test for fold in (0, 1)]))
    one = explain(rgtn, rgtn.kg.node_names[int(untested[0])], "attention")
    assert one.networks == 2
    assert not one.heads
    assert one.channels_read
    assert NO_HEADS in explanation_text(one)
    assert NO_HEADS in explanation_page(one)
    with pytest.raises(NieError, match="no attention of one network to draw"):
        one.plot_attention()


def test_what_has_no_channels_to_weigh_shows_none(looked: Explanation, root: Path) -> None:
    gat = opened(root, "gat", optim={"max_epochs": 2}, folds={"run": [0]})
    one = explain(gat, looked.node, "attention")
    assert not one.view.weights
    assert not one.channels_read
    assert list(one.heads) == attention_names(gat.networks_of(0)[0].model, len(one.heads))
    assert "How much its channels" not in explanation_text(one)
    assert not explain(gat, looked.node).heads
    assert not replace(one, facts=[]).heads
