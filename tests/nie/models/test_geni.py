"""nie.models.geni."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from reference.attention import additive_attention
from reference.graphs import NUM_RELATIONS, normal, random_graph
from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.models import GENI
from nie.models.blocks import Degrees

SIZES = {"structural": 3, "semantic": 5}


def build(**options: Any) -> GENI:
    torch.manual_seed(0)
    model = GENI(channel_sizes=SIZES, num_relations=NUM_RELATIONS, num_heads=3, rel_size=2, **options).double()
    if model.scale is not None and not model.scale.fixed:
        with torch.no_grad():
            model.scale.gamma.fill_(0.3)
            model.scale.beta.fill_(0.7)
    return model.eval()


def features(num_nodes: int = 9) -> dict[str, Tensor]:
    return {name: normal(num_nodes, size, seed=seed) for seed, (name, size) in enumerate(SIZES.items())}


def loop(model: GENI, graph: dgl.DGLGraph, feats: dict[str, Tensor], etype: Tensor) -> Tensor:
    """A head at a time, and attention by the loop over edges."""
    x = torch.cat([feats["structural"], feats["semantic"]], dim=1)
    score = []
    for k, (weight, bias) in enumerate(zip(model.hidden.weight.chunk(3), model.hidden.bias.chunk(3), strict=True)):
        score.append(torch.relu(x @ weight.T + bias) @ model.output[k] + model.output_bias[k])
    s = torch.stack(score, dim=1)
    for layer in model.layers:
        rel = torch.stack([model.relations[r % len(model.relations)] for r in range(NUM_RELATIONS)]) @ layer.attn_rel.T
        out, _ = additive_attention(
            graph, s[..., None], s * layer.attn_src, s * layer.attn_dst, rel, etype, layer.negative_slope
        )
        by_head = F.elu(out[..., 0]) if model.layer_activation is F.elu else out[..., 0]
        mean = by_head.mean(1)
        s = torch.stack([mean] * 3, dim=1)
    if model.scale is not None:
        centrality = graph.in_degrees().clamp(min=1).double().log()[:, None]
        by_centrality = centrality if model.scale.fixed else centrality * model.scale.gamma + model.scale.beta
        mean = (by_centrality * by_head).mean(1)
    return F.leaky_relu(mean) if model.activation == "leaky_relu" else mean


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_layers": 1},
        {"activation": "leaky_relu"},
        {"centrality_scale": False},
        {"hidden_size": 7},
        {"layer_activation": "elu"},
        {"scale_heads": True, "layer_activation": "elu"},
        {"fixed_scale": True},
        {"shared_relations": True},
    ],
    ids=str,
)
def test_equals_the_loop(options: dict[str, Any]) -> None:
    graph, etype = random_graph()
    model = build(**options)
    assert model.hidden_size == options.get("hidden_size", 4)
    expected = loop(model, graph, features(), etype)
    scores = model(graph, features(), etype)
    torch.testing.assert_close(scores.score, expected, rtol=0, atol=1e-10)
    assert torch.equal(scores.by_channel, scores.score[:, None])


def test_a_full_neighbour_batch_equals_the_whole_graph_with_its_gradients() -> None:
    graph, etype = random_graph()
    model, feats = build(), features()
    seeds = torch.tensor([7, 0, 4])
    inputs, _, blocks = dgl.dataloading.MultiLayerFullNeighborSampler(2).sample_blocks(graph, seeds)
    etypes = [etype[block.edata[dgl.EID]] for block in blocks]
    whole = model(graph, feats, etype).score[seeds]
    sampled = model(blocks, {name: feat[inputs] for name, feat in feats.items()}, etypes).score
    torch.testing.assert_close(sampled, whole, rtol=0, atol=1e-10)
    gradients = [torch.autograd.grad(score.square().sum(), list(model.parameters())) for score in (whole, sampled)]
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-10)


def test_degrees_can_be_given() -> None:
    graph, etype = random_graph()
    model, feats = build(), features()
    degrees, own = Degrees.of(graph), model(graph, feats, etype).score
    torch.testing.assert_close(model(graph, feats, etype, degrees=degrees).score, own)
    assert not torch.allclose(
        model(graph, feats, etype, degrees=Degrees(degrees.entering + 1, degrees.leaving)).score, own
    )


def test_what_does_not_fit_is_refused() -> None:
    graph, etype = random_graph()
    with pytest.raises(NieError, match="Unknown activation 'sine'"):
        build(activation="sine")
    with pytest.raises(NieError, match="2 layers must have 2 blocks"):
        build()([graph], features(), [etype])


def test_the_papers_programs_drop_features_alone_and_start_the_scale_of_heads_at_log_in_degree() -> None:
    model = GENI(channel_sizes=SIZES, num_relations=NUM_RELATIONS, num_heads=3, hidden_drop=0.0, scale_heads=True)
    assert (model.drop.p, model.hidden_drop.p) == (0.3, 0.0)
    assert model.scale is not None
    assert (model.scale.gamma.tolist(), model.scale.beta.tolist()) == ([1.0] * 3, [0.0] * 3)
    assert GENI(channel_sizes=SIZES, num_relations=2).hidden_drop.p == 0.3


def test_further_hidden_layers_are_those_of_a_network_for_each_head() -> None:
    model = GENI(channel_sizes=SIZES, num_relations=NUM_RELATIONS, num_heads=2, hidden_size=5, score_layers=3).eval()
    feat, (first, second) = torch.randn(7, sum(SIZES.values())), zip(model.deeper, model.deeper_bias, strict=True)
    found = model.scored(model.hidden_of(feat))
    for head in range(2):
        hidden = model.hidden_of(feat)[:, head]
        for weight, bias in (first, second):
            hidden = torch.relu(hidden @ weight[head] + bias[head])
        torch.testing.assert_close(found[:, head], hidden @ model.output[head] + model.output_bias[head])
    assert not len(GENI(channel_sizes=SIZES, num_relations=NUM_RELATIONS).deeper)
