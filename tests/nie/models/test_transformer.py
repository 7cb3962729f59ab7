"""nie.models.transformer; whole models are compared with a loop in test_rgtn.py."""

from __future__ import annotations

import pytest
import torch
from reference.graphs import normal, random_graph

from nie.dgl_compat import dgl
from nie.models.transformer import Encoder, TransformerBlock
from nie.vocabulary import AttentionName, JumpingName


@pytest.mark.parametrize("in_size", [5, 8])
@pytest.mark.parametrize("residual", [True, False])
def test_every_parameter_gets_a_gradient(in_size: int, residual: bool) -> None:
    graph, etype = random_graph()
    block = TransformerBlock(in_size, head_size=4, num_heads=2, rel_size=3, residual=residual).double()
    out = block(graph, normal(graph.num_nodes(), in_size), normal(4, 3, seed=1), etype)
    (out * normal(*out.shape, seed=2)).sum().backward()
    for name, parameter in block.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_the_shortcut_is_projected_only_where_sizes_differ() -> None:
    same = TransformerBlock(8, head_size=4, num_heads=2, rel_size=3)
    other = TransformerBlock(5, head_size=4, num_heads=2, rel_size=3)
    assert isinstance(same.shortcut, torch.nn.Identity)
    assert isinstance(other.shortcut, torch.nn.Linear)


def test_an_encoder_stacks_its_blocks() -> None:
    graph, etype = random_graph()
    encoder = Encoder(5, 3, head_size=4, num_heads=2, rel_size=3).double().eval()
    feat, rel = normal(graph.num_nodes(), 5), normal(4, 3, seed=1)
    expected = feat
    for block in encoder.blocks:
        expected = block(graph, expected, rel, etype)
    assert torch.equal(encoder(graph, feat, etype, rel), expected)


@pytest.mark.parametrize("attention", ["global", "both"])
def test_attention_to_all_nodes_stands_for_or_beside_that_to_neighbours(attention: AttentionName) -> None:
    graph, etype = random_graph()
    block = TransformerBlock(5, head_size=4, num_heads=2, rel_size=3, attention=attention, residual=False).double()
    feat, rel = normal(graph.num_nodes(), 5), normal(4, 3, seed=1)
    assert block.everywhere is not None
    attended = block.everywhere(graph, feat).flatten(1)
    if attention == "both":
        assert block.conv is not None
        attended = attended + block.conv(graph, feat, rel, etype).flatten(1)
    h = block.norm(block.project(attended))
    torch.testing.assert_close(block(graph, feat, rel, etype), block.feed_forward_norm(block.feed_forward(h)))


@pytest.mark.parametrize("jumping", ["max", "concat"])
def test_jumping_reads_every_block_on_blocks_as_on_the_graph(jumping: JumpingName) -> None:
    graph, etype = random_graph()
    encoder = Encoder(5, 3, head_size=4, num_heads=2, rel_size=3, jumping=jumping).double().eval()
    feat, rel = normal(graph.num_nodes(), 5), normal(4, 3, seed=1)
    whole, nodes = encoder(graph, feat, etype, rel), torch.tensor([2, 0])
    inputs, _, blocks = dgl.dataloading.MultiLayerFullNeighborSampler(3).sample_blocks(graph, nodes)
    made = encoder(blocks, feat[inputs], [etype[block.edata[dgl.EID]] for block in blocks], rel)
    torch.testing.assert_close(made, whole[nodes])


def test_a_seed_decides_the_parameters() -> None:
    states = []
    for seed in (0, 0, 1):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            encoder = Encoder(5, 2, head_size=4, num_heads=2, rel_size=3)
            encoder.reset_parameters()
        states.append(torch.cat([parameter.flatten() for parameter in encoder.parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])
