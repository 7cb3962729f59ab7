"""What PreGATConv and RelGraphTransformerConv have in common, and each against its loop."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from reference.attention import additive_attention
from reference.graphs import NUM_RELATIONS, normal, random_graph
from reference.transformer import rel_graph_transformer_conv
from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers import PreGATConv, RelGraphTransformerConv

Conv = PreGATConv | RelGraphTransformerConv
IN, OUT, REL, HEADS = 5, 4, 3, 2
CASES: dict[str, Callable[..., Conv]] = {
    "pregat": lambda **options: PreGATConv(IN, OUT, REL, HEADS, **options),
    "gat": lambda **options: PreGATConv(IN, OUT, 0, HEADS, **options),
    "plain": lambda **options: RelGraphTransformerConv(IN, OUT, 0, HEADS, **options),
    **{
        mode: lambda mode=mode, **options: RelGraphTransformerConv(IN, OUT, REL, HEADS, mode=mode, **options)
        for mode in ("mul", "add", "gate", "dot")
    },
}


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def build(case: str, **options: float) -> Conv:
    torch.manual_seed(0)
    return CASES[case](**options).double()


def relations(conv: Conv, etype: Tensor) -> tuple[Tensor | None, Tensor | None]:
    return (normal(NUM_RELATIONS, REL, seed=5), etype) if conv.rel_size else (None, None)


def loop(
    conv: Conv, graph: dgl.DGLGraph, feat: Tensor, rel: Tensor | None, etype: Tensor | None
) -> tuple[Tensor, Tensor]:
    if isinstance(conv, RelGraphTransformerConv):
        return rel_graph_transformer_conv(conv, graph, feat, rel, etype)
    z = (feat @ conv.project.weight.T).view(-1, HEADS, OUT)
    scores = [
        torch.stack([z[:, h] @ vector[h] for h in range(HEADS)], dim=1) for vector in (conv.attn_src, conv.attn_dst)
    ]
    rel_score = None if rel is None or conv.attn_rel is None else rel @ conv.attn_rel.T
    return additive_attention(graph, z, *scores, rel_score, etype, conv.negative_slope)


@pytest.mark.parametrize("training", [True, False])
def test_equals_the_loop(case: str, training: bool) -> None:
    graph, etype = random_graph()
    conv, feat = build(case), normal(9, IN)
    rel, etype_or_none = relations(conv, etype)
    if training and case == "gate":  # one pass moves the running statistics that the loop reads
        conv.relation_norm.momentum = 1.0  # type: ignore[union-attr]
        conv(graph, feat, rel, etype_or_none)
    conv.eval()
    out = conv(graph, feat, rel, etype_or_none)
    expected, weights = loop(conv, graph, feat, rel, etype_or_none)
    assert out.shape == (9, HEADS, OUT)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(conv.attention(graph, feat, rel, etype_or_none), weights, rtol=0, atol=1e-10)


def test_gate_normalises_over_the_relation_table_in_training() -> None:
    graph, etype = random_graph()
    conv, feat, rel = build("gate"), normal(9, IN), normal(NUM_RELATIONS, REL, seed=5)
    trained = conv(graph, feat, rel, etype)
    projected = conv.relation(rel)  # type: ignore[operator,union-attr]
    norm = conv.relation_norm
    norm.running_mean, norm.running_var = projected.mean(0).detach(), projected.var(0, unbiased=False).detach()  # type: ignore[union-attr]
    torch.testing.assert_close(conv.eval()(graph, feat, rel, etype), trained, rtol=0, atol=1e-10)


def test_negative_slope_is_used() -> None:
    graph, etype = random_graph()
    conv, feat = build("pregat", negative_slope=0.2), normal(9, IN)
    rel, _ = relations(conv, etype)
    expected, _ = loop(conv, graph, feat, rel, etype)
    torch.testing.assert_close(conv(graph, feat, rel, etype), expected, rtol=0, atol=1e-10)


def test_gradcheck(case: str) -> None:
    graph, etype = random_graph(num_nodes=5, num_edges=9)
    conv = build(case).eval()
    feat = normal(5, IN, requires_grad=True)
    rel, etype_or_none = relations(conv, etype)
    if rel is None:
        assert torch.autograd.gradcheck(lambda x: conv(graph, x), (feat,))
    else:
        rel.requires_grad_()
        assert torch.autograd.gradcheck(lambda x, p: conv(graph, x, p, etype_or_none), (feat, rel))


def test_every_parameter_gets_a_gradient(case: str) -> None:
    graph, etype = random_graph()
    conv = build(case)
    out = conv(graph, normal(9, IN), *relations(conv, etype))
    (out * normal(*out.shape, seed=9)).sum().backward()
    for name, parameter in conv.named_parameters():
        assert parameter.grad is not None, name
        # In add mode the same bias on every edge cancels in the softmax.
        if not (case == "add" and name == "relation.bias"):
            assert parameter.grad.abs().max() > 1e-8, name


def test_block_equals_full_graph(case: str) -> None:
    graph, etype = random_graph()
    conv, feat = build(case).eval(), normal(9, IN)
    rel, etype_or_none = relations(conv, etype)
    full = conv(graph, feat, rel, etype_or_none)
    seeds = torch.tensor([5, 0, 3])
    _, _, (block,) = dgl.dataloading.MultiLayerFullNeighborSampler(1).sample_blocks(graph, seeds)
    picked = None if etype_or_none is None else etype[block.edata[dgl.EID]]
    src_feat = feat[block.srcdata[dgl.NID]]
    torch.testing.assert_close(conv(block, src_feat, rel, picked), full[seeds], rtol=0, atol=1e-12)
    pair = (src_feat, feat[seeds])
    torch.testing.assert_close(conv(block, pair, rel, picked), full[seeds], rtol=0, atol=1e-12)


def test_a_pair_may_give_destinations_other_features(case: str) -> None:
    graph, etype = random_graph()
    conv, feat, other = build(case).eval(), normal(9, IN), normal(9, IN, seed=8)
    rel, etype_or_none = relations(conv, etype)
    same = conv(graph, (feat, feat), rel, etype_or_none)
    torch.testing.assert_close(same, conv(graph, feat, rel, etype_or_none), rtol=0, atol=1e-12)
    assert not torch.allclose(conv(graph, (feat, other), rel, etype_or_none), same)


def test_zero_in_degree_gives_zeros(case: str) -> None:
    graph, etype = random_graph()
    conv = build(case)
    assert (conv(graph, normal(9, IN), *relations(conv, etype))[:2] == 0).all()


def test_attention_is_dropped_in_training_only(case: str) -> None:
    graph, etype = random_graph()
    conv, feat = build(case, attn_drop=0.9), normal(9, IN)
    rel, etype_or_none = relations(conv, etype)
    plain = build(case)
    assert not torch.allclose(conv(graph, feat, rel, etype_or_none), plain(graph, feat, rel, etype_or_none))
    conv.eval()
    plain.eval()
    if case == "gate":
        conv.load_state_dict(plain.state_dict())
    expected = plain(graph, feat, rel, etype_or_none)
    torch.testing.assert_close(conv(graph, feat, rel, etype_or_none), expected, rtol=0, atol=0)


def test_reset_parameters_sets_everything(case: str) -> None:
    conv = build(case)
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.fill_(7.0)
    torch.manual_seed(3)
    conv.reset_parameters()
    assert all((parameter != 7).all() for parameter in conv.parameters())
    again = build(case)
    torch.manual_seed(3)
    again.reset_parameters()
    assert all(torch.equal(a, b) for a, b in zip(conv.parameters(), again.parameters(), strict=True))


def test_shapes_that_do_not_fit_are_named(case: str) -> None:
    graph, etype = random_graph()
    conv, feat = build(case), normal(9, IN)
    rel, etype_or_none = relations(conv, etype)
    with pytest.raises(NieError, match=r"source features have shape \(8, 5\).*need \(9, 5\)"):
        conv(graph, feat[:8], rel, etype_or_none)
    with pytest.raises(NieError, match=r"destination features have shape \(9, 6\)"):
        conv(graph, (feat, normal(9, 6)), rel, etype_or_none)
    if conv.rel_size:
        with pytest.raises(NieError, match="rel_size=3: give the relation table"):
            conv(graph, feat)
        with pytest.raises(NieError, match=r"rel has shape \(4, 2\)"):
            conv(graph, feat, normal(NUM_RELATIONS, 2), etype)
    else:
        with pytest.raises(NieError, match="takes no rel"):
            conv(graph, feat, normal(NUM_RELATIONS, REL), etype)


def test_unknown_mode_names_the_nearest() -> None:
    with pytest.raises(NieError, match=r"'mull'.*did you mean 'mul'"):
        RelGraphTransformerConv(IN, OUT, REL, mode="mull")


def test_repr_names_the_sizes(case: str) -> None:
    assert f"in_size={IN}, out_size={OUT}" in repr(build(case))
