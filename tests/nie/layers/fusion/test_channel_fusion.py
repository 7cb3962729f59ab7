"""nie.layers.fusion.channel_fusion: what holds for every fusion.

It is all that there is to say of nie.layers.fusion.projected and nie.layers.fusion.proxy_attention, and holds by the
functions of nie.layers.masked.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from reference.fusions import NODES, SIZE, build, fuse, inputs
from reference.graphs import normal

from nie.errors import NieError
from nie.layers.fusion import FUSIONS, ChannelFusion

PERMUTES = ("attention", "uncertainty", "inverse_variance", "proxy_attention")
"""Methods without a parameter of a single channel."""


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("method", FUSIONS)
def test_what_is_missing_changes_nothing(method: str, training: bool) -> None:
    settings = {"dropout": 0.0} if method in ("co_attention", "proxy_attention", "cross_modal_transformer") else {}
    fusion = build(method, **settings).train(training)
    tokens, mask, logvar = inputs()
    one = fuse(fusion, tokens, mask, logvar)
    other_tokens, other_logvar = tokens.clone(), logvar.clone()
    other_tokens[~mask], other_logvar[~mask] = torch.nan, 99.0
    two = fuse(fusion, other_tokens, mask, other_logvar)
    torch.testing.assert_close(one.vector, two.vector, rtol=0, atol=0)
    torch.testing.assert_close(one.tokens, two.tokens, rtol=0, atol=0)
    assert not one.tokens[~mask].any()
    if one.weights is not None:
        torch.testing.assert_close(one.weights, two.weights, rtol=0, atol=0)
        assert not one.weights[~mask].any()
        torch.testing.assert_close(one.weights.sum(1), mask.any(1).double())


@pytest.mark.parametrize("method", FUSIONS)
def test_a_node_with_nothing_gets_the_null_vector(method: str) -> None:
    fusion = build(method)
    tokens, mask, logvar = inputs()
    fused = fuse(fusion, tokens, mask, logvar)
    assert (fused.vector[1] == 7.0).all()
    assert not (fused.vector[0] == 7.0).any()
    fused.vector.sum().backward()
    assert fusion.null.grad is not None
    torch.testing.assert_close(fusion.null.grad, torch.full((SIZE,), float((~mask.any(1)).sum())).double())
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in fusion.parameters())


@pytest.mark.parametrize("method", FUSIONS)
def test_one_channel_is_its_own_fusion(method: str) -> None:
    tokens, mask, logvar = inputs(1)
    fusion = ChannelFusion(method, SIZE, 1).double()
    fused = fuse(fusion, tokens, mask, logvar)
    there = mask[:, 0]
    torch.testing.assert_close(fused.vector[there], tokens[there, 0], rtol=0, atol=0)
    assert not fused.vector[~there].any()


@pytest.mark.parametrize("method", FUSIONS)
def test_a_full_mask_is_no_mask(method: str) -> None:
    fusion = build(method)
    tokens, _, logvar = inputs()
    one, two = (fuse(fusion, tokens, mask, logvar) for mask in (None, torch.ones(NODES, 3, dtype=torch.bool)))
    torch.testing.assert_close(one.vector, two.vector, rtol=0, atol=0)


@pytest.mark.parametrize("method", FUSIONS)
def test_nodes_do_not_see_each_other(method: str) -> None:
    fusion = build(method)
    tokens, mask, logvar = inputs()
    whole = fuse(fusion, tokens, mask, logvar).vector
    for node in range(NODES):
        alone = fuse(fusion, *(part[node : node + 1] for part in (tokens, mask, logvar))).vector
        torch.testing.assert_close(alone[0], whole[node])


@pytest.mark.parametrize("method", PERMUTES)
def test_permuting_channels_permutes_weights(method: str) -> None:
    fusion = build(method)
    parts, order = inputs(), torch.tensor([2, 0, 1])
    one, two = fuse(fusion, *parts), fuse(fusion, *(part[:, order] for part in parts))
    torch.testing.assert_close(two.weights, one.weights[:, order])
    torch.testing.assert_close(two.vector, one.vector)


@pytest.mark.parametrize("method", ["softmax", "gated_uncertainty", "concat", "sum", "cross_modal_transformer"])
def test_permuting_channels_with_their_parameters_permutes_weights(method: str) -> None:
    fusion, other = build(method), build(method)
    parts, order = inputs(), torch.tensor([2, 0, 1])
    state = fusion.state_dict()
    for name, value in fusion.state_dict().items():
        if name in ("fusion.logits", "fusion.channel"):
            state[name] = value[order]
        elif name.startswith("fusion.gate") or name == "fusion.mix.0.weight":
            blocks = value if value.dim() == 1 else value.unflatten(1, (3, SIZE))[:, order].flatten(1)
            state[name] = blocks[order] if "gate" in name else blocks
        else:
            head, _, rest = name.removeprefix("fusion.").partition(".")
            if head in ("projections", "stacks", "cross", "fuse"):
                place, _, tail = rest.partition(".")
                state[f"fusion.{head}.{order.tolist().index(int(place))}.{tail}"] = value
    other.load_state_dict(state)
    one, two = fuse(fusion, *parts), fuse(other, *(part[:, order] for part in parts))
    torch.testing.assert_close(two.vector, one.vector)
    if one.weights is not None:
        torch.testing.assert_close(two.weights, one.weights[:, order])


@pytest.mark.parametrize("method", FUSIONS)
def test_every_parameter_gets_a_gradient(method: str) -> None:
    fusion = build(method)
    tokens, mask, logvar = inputs()
    fused = fuse(fusion, tokens, mask, logvar)
    (fused.vector * normal(*fused.vector.shape, seed=9)).sum().backward()
    for name, parameter in fusion.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("method", FUSIONS)
def test_gradcheck(method: str) -> None:
    fusion = build(method)
    tokens, mask, logvar = inputs()
    needed = (tokens[:3].requires_grad_(), logvar[:3].requires_grad_())  # with all, with some and with one channel
    assert torch.autograd.gradcheck(lambda t, v: fuse(fusion, t, mask[:3], v).vector, needed)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "atention"}, r"no fusion 'atention'.*did you mean 'attention'"),
        ({"method": "softmax", "weights": [1.0, 2.0]}, "must be 3 positive numbers"),
        ({"method": "softmax", "weights": [1.0, -2.0, 1.0]}, "must be 3 positive numbers"),
        ({"method": "uncertainty", "temperature": 0.0}, "temperature must be positive; got 0"),
        ({"method": "gated_uncertainty", "alpha": 1.5}, "between 0 and 1"),
        ({"method": "proxy_attention", "num_heads": 3}, "must divide the size 8; got 3"),
        ({"method": "cross_modal_transformer", "num_heads": 3}, "must divide the size 8; got 3"),
    ],
)
def test_bad_settings(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(NieError, match=words):
        ChannelFusion(**{"size": SIZE, "num_channels": 3, **settings})


def test_bad_input() -> None:
    fusion = ChannelFusion("uncertainty", SIZE, 3)
    tokens, mask, logvar = (part.float() if part.is_floating_point() else part for part in inputs())
    for arguments, words in (
        ((tokens[:, :2], mask[:, :2], logvar[:, :2]), r"tokens must have the shape \(N, 3, 8\); got \(12, 2, 8\)"),
        ((tokens, mask[:, :2], logvar), r"bool of shape \(12, 3\)"),
        ((tokens, mask.float(), logvar), "got torch.float32"),
        ((tokens, mask, logvar[:, :2]), r"logvar must have the shape .* got \(12, 2, 8\)"),
        ((tokens, mask, None), "use variational encoders"),
    ):
        with pytest.raises(NieError, match=words):
            fusion(arguments[0], arguments[1], logvar=arguments[2])


def test_a_setting_of_another_kind_is_told() -> None:
    with pytest.raises(
        NieError, match=r"cross_modal_transformer cannot be made with these settings: {'dropout': \(0.1, "
    ):
        ChannelFusion("cross_modal_transformer", 8, 2, dropout=(0.1, 0.2))
