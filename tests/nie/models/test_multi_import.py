"""The model of several signals: means that rise with the latent importance, or heads of their own on a shared layer."""

from __future__ import annotations

import pytest
import torch

from nie.dgl_compat import dgl
from nie.models import GENI, MultiImport


def made(signals: int, **settings: object) -> tuple[MultiImport, tuple[object, ...]]:
    torch.manual_seed(0)
    graph = dgl.graph((torch.randint(0, 12, (40,)), torch.randint(0, 12, (40,))), num_nodes=12)
    model = MultiImport(channel_sizes={"a": 5}, num_relations=3, signals=signals, feat_drop=0.0, **settings)
    return model, (graph, {"a": torch.randn(12, 5)}, torch.randint(0, 3, (40,)))


def test_the_latent_importance_is_that_of_geni() -> None:
    model, given = made(4)
    plain = GENI(channel_sizes={"a": 5}, num_relations=3, feat_drop=0.0)
    plain.load_state_dict(model.latent.state_dict())
    outputs = model(*given)
    torch.testing.assert_close(outputs.score, plain(*given).score)
    torch.testing.assert_close(outputs.signals.means, outputs.score[:, None].expand(-1, 4))  # before it has learned


def test_signals_rise_with_the_latent_importance_whatever_is_learned() -> None:
    model, given = made(3)
    with torch.no_grad():
        model.raw_scale.copy_(torch.tensor([-5.0, 2.0]))
        model.offset.copy_(torch.tensor([1.0, -1.0]))
    outputs = model(*given)
    order = outputs.score.argsort()
    assert (outputs.signals.means[order].diff(dim=0) >= 0).all()


@pytest.mark.parametrize("own_heads", [False, True])
def test_every_parameter_learns(own_heads: bool) -> None:
    model, given = made(3, own_heads=own_heads)
    outputs = model(*given)
    (outputs.signals.means.square().sum() + outputs.signals.log_variance.sum()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_heads_share_the_hidden_layer_and_nothing_else() -> None:
    model, given = made(3, own_heads=True)
    names = [name for name, _ in model.named_parameters()]
    assert [name for name in names if "hidden" in name] == ["latent.hidden.weight", "latent.hidden.bias"]
    means = model(*given).signals.means
    assert not torch.allclose(means[:, 0], means[:, 1])
    again, _ = made(3, own_heads=True)
    again.load_state_dict(model.state_dict())
    torch.testing.assert_close(again.eval()(*given).signals.means, model.eval()(*given).signals.means)


def test_the_noise_of_the_first_signal_is_that_of_the_score() -> None:
    model, given = made(1)
    with torch.no_grad():
        model.log_variance.fill_(0.7)
    torch.testing.assert_close(model(*given).log_variance, torch.full((12,), 0.7))
