"""nie.models.kge.multi_modal_rotate and what it is made of.

These are nie.models.kge.channel_tables, nie.models.kge.channel_generator and nie.models.kge.relation_guided.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nie.errors import NieError
from nie.layers import FUSIONS
from nie.layers.fusion.attention import LOGITS_LR_SCALE
from nie.models.kge import MultiModalRotatE
from nie.models.kge.channel_generator import ChannelGenerator
from nie.models.kge.relation_guided import RelationGuidedFusion
from nie.training.rates import rate_groups

TRIPLES = torch.tensor([[0, 1, 4], [2, 0, 3], [4, 1, 4]])
ALL = [*FUSIONS, "relation_guided"]
HAVE_TEXT = torch.tensor([True, True, True, False, True, True])
SEEN = torch.tensor([True, True, True, True, True, False])  # entity 5 has no embedding
MASKS = {"text": HAVE_TEXT, "structural": SEEN}


def model(fusion: str = "attention", **more: Any) -> MultiModalRotatE:
    torch.manual_seed(0)
    channels = {"text": torch.randn(6, 3), "image": torch.randn(6, 4)}
    settings = {"num_entities": 6, "num_relations": 2, "size": 4, "margin": 3.0, "masks": MASKS, **more}
    net = MultiModalRotatE(channels=channels, fusion=fusion, **settings)
    with torch.no_grad():  # nothing stays at the zeros that it begins with
        for parameter in net.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return net.double().eval()


@pytest.mark.parametrize("fusion", ALL)
@pytest.mark.parametrize("side", ["head", "tail"])
def test_all_ways_to_score_agree(fusion: str, side: Any) -> None:
    net, column = model(fusion), 0 if side == "head" else 2
    scores = net.against(TRIPLES, side)
    for entity in range(6):
        changed = TRIPLES.clone()
        changed[:, column] = entity
        torch.testing.assert_close(scores[:, entity], net(changed), rtol=0, atol=1e-10)
    few = torch.tensor([3, 1])
    torch.testing.assert_close(net.against(TRIPLES, side, few), scores[:, few], rtol=0, atol=1e-10)
    own = net.against(TRIPLES, side, torch.tensor([[3, 5], [1, 1], [0, 2]]))
    torch.testing.assert_close(own, scores.gather(1, torch.tensor([[3, 5], [1, 1], [0, 2]])), rtol=0, atol=1e-10)
    torch.testing.assert_close(net.scorer()(TRIPLES, side), scores, rtol=0, atol=1e-10)
    contrast = net.contrast(TRIPLES, few)
    torch.testing.assert_close(contrast.positive, net(TRIPLES), rtol=0, atol=1e-10)
    torch.testing.assert_close(getattr(contrast, side), scores[:, few], rtol=0, atol=1e-10)


@pytest.mark.parametrize("wrong", [-1, 6])
@pytest.mark.parametrize("fusion", ["attention", "relation_guided"])
def test_candidates_that_are_not_there(fusion: str, wrong: int) -> None:
    for candidates in ([0, wrong], [[0, 1], [2, 3], [wrong, 5]]):
        with pytest.raises(NieError, match=f"A candidate names the entity {wrong}, but ids go from 0 to 5"):
            model(fusion).against(TRIPLES, "tail", torch.tensor(candidates))
    with pytest.raises(NieError, match=f"A candidate names the entity {wrong}"):
        model(fusion).contrast(TRIPLES, torch.tensor([0, wrong]))


@pytest.mark.parametrize("fusion", ALL)
def test_what_an_entity_lacks_changes_no_score(fusion: str) -> None:
    net = model(fusion)
    before = net.against(TRIPLES, "tail")
    with torch.no_grad():
        net.entities[5] = 9.0
        net.channels.tables[0].rows[3] = -9.0
    torch.testing.assert_close(net.against(TRIPLES, "tail"), before, rtol=0, atol=0)


@pytest.mark.parametrize("fusion", ALL)
def test_an_entity_without_channels_is_not_the_origin(fusion: str) -> None:
    nothing = torch.arange(6) != 5
    net = model(fusion, masks={"text": nothing, "image": nothing, "structural": nothing})
    before = net.against(TRIPLES, "tail")
    with torch.no_grad():
        net.entities[5] *= 3
    assert not torch.equal(net.against(TRIPLES, "tail")[:, 5], before[:, 5])


@pytest.mark.parametrize("fusion", ALL)
@pytest.mark.parametrize("trainable", [False, True])
def test_every_parameter_learns(fusion: str, trainable: bool) -> None:
    net = model(fusion, trainable_channels=trainable, projection_size=3, generator=True).train()
    contrast = net.contrast(TRIPLES, torch.tensor([1, 5]))
    projected = net.refined(torch.arange(6)).projected
    assert projected is not None
    made = net.imitated(TRIPLES, torch.Generator().manual_seed(0))
    total = contrast.positive.sum() + contrast.head.square().sum() + contrast.tail.sum()
    (total + projected.square().sum() + made.square().sum()).backward()
    still = [name for name, parameter in net.named_parameters() if parameter.grad is None]
    flat = [name for name, p in net.named_parameters() if p.grad is not None and not bool(p.grad.any())]
    assert still == []
    # What has no place in a fusion's formula: the keys' bias of co-attention, the null vector that no entity needs.
    assert [name for name in flat if not name.endswith(("null", "bias"))] == []
    assert any(".tables." in name for name, _ in net.named_parameters()) == trainable


def test_the_extractor_begins_as_the_identity_and_is_switched_on_later() -> None:
    def make(extract_after: int) -> MultiModalRotatE:
        torch.manual_seed(0)
        return MultiModalRotatE(
            num_entities=6, num_relations=2, channels={"text": torch.randn(6, 3)}, size=4, masks={"text": HAVE_TEXT},
            fusion="cross_modal_transformer", fusion_settings={"dropout": 0.0}, extract_after=extract_after,
        )  # fmt: skip

    on, later = make(0), make(2)
    torch.testing.assert_close(later.eval()(TRIPLES), on.eval()(TRIPLES), rtol=0, atol=1e-6)
    took_part = []
    for _ in range(3):
        later.zero_grad()
        later.train().contrast(TRIPLES, torch.tensor([1, 5])).positive.sum().backward()
        took_part.append(later.fusion.fusion.out.weight.grad is not None)  # type: ignore[union-attr]
        later.eval()(TRIPLES)  # which is no step
    assert took_part == [False, False, True]
    assert int(later.steps) == 3
    later.reset_parameters()
    assert int(later.steps) == 0


def test_the_extractor_learns_to_change_what_entities_are() -> None:
    net, plain = model("cross_modal_transformer"), model("cross_modal_transformer", extract_after=9)
    ids = torch.tensor([0, 1])
    assert not torch.allclose(net.refined(ids).tokens, plain.refined(ids).tokens)
    assert plain.refined(ids).tokens.shape == (2, 3, 8)


def test_hidden_channels_only_in_training() -> None:
    net = model(channel_drop=0.9)
    assert torch.equal(net(TRIPLES), net(TRIPLES))
    net.train()
    drawn = {tuple(net(TRIPLES).tolist()) for _ in range(20)}
    assert len(drawn) > 1


def test_relations_weigh_channels_by_their_own_temperature() -> None:
    fusion = RelationGuidedFusion(2, 2, 2).double()
    tokens = torch.randn(5, 2, 2, dtype=torch.float64)
    mask = torch.ones(5, 2, dtype=torch.bool)
    torch.testing.assert_close(fusion(tokens, mask, torch.zeros(5, dtype=torch.long)), tokens.mean(dim=1))
    with torch.no_grad():
        fusion.direction[:] = torch.randn(2, 2)
        fusion.log_temperature[:] = torch.tensor([0.0, -1.0])
    for relation, temperature in enumerate([1.0, torch.exp(torch.tensor(-1.0)).item()]):
        score = (fusion.direction * tokens.tanh()).sum(2) / temperature
        expected = (score.softmax(1)[..., None] * tokens).sum(1)
        torch.testing.assert_close(fusion(tokens, mask, torch.full((5,), relation)), expected, rtol=0, atol=1e-6)
        torch.testing.assert_close(fusion(tokens, mask, torch.tensor(relation)), expected, rtol=0, atol=1e-6)


def test_the_generator_climbs_what_the_model_descends() -> None:
    net = model(generator=True)
    net.imitated(TRIPLES, torch.Generator().manual_seed(0)).sum().backward()
    assert net.generator is not None
    own = net.generator.layers[2].weight.grad.clone()  # type: ignore[union-attr, operator]
    shared = net.entities.grad.clone()
    net.zero_grad()
    straight = ChannelGenerator.forward

    def not_reversed(self: ChannelGenerator, structural: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        noise = torch.randn(len(structural), self.noise_size, generator=generator).to(structural)
        return self.layers(torch.cat([structural.detach(), noise], dim=1)).unflatten(1, (self.num_made, -1))

    ChannelGenerator.forward = not_reversed  # type: ignore[method-assign]
    try:
        net.imitated(TRIPLES, torch.Generator().manual_seed(0)).sum().backward()
    finally:
        ChannelGenerator.forward = straight  # type: ignore[method-assign]
    torch.testing.assert_close(net.generator.layers[2].weight.grad, -own)  # type: ignore[union-attr, operator]
    torch.testing.assert_close(net.entities.grad, shared)


def test_made_up_channels_are_never_the_real_ones() -> None:
    """Else triples of entities without text would be learned as false ones."""
    nowhere = torch.zeros(6, dtype=torch.bool)
    net = model(generator=True, channel_drop=0.9, masks={"text": nowhere, "image": nowhere})
    triples = torch.tensor([[0, 1, 3], [3, 0, 3]])
    real = net(triples)
    made = net.train().imitated(triples, torch.Generator().manual_seed(0))
    assert not torch.isclose(made, real[:, None]).any()


@pytest.mark.parametrize("fusion", ["attention", "concat", "cross_modal_transformer", "inverse_variance"])
def test_mixed_precision_changes_scores_little_and_gives_float32(fusion: str) -> None:
    plain, mixed = model(fusion).float(), model(fusion, mixed_precision=True).float()
    candidates = torch.tensor([1, 5])
    ours, theirs = mixed.contrast(TRIPLES, candidates), plain.contrast(TRIPLES, candidates)
    assert ours.tail.dtype == torch.float32
    assert not torch.equal(ours.tail, theirs.tail)
    torch.testing.assert_close(ours.tail, theirs.tail, rtol=0, atol=0.2)
    assert mixed.refined(candidates).tokens.dtype == torch.float32
    ours.head.sum().backward()
    assert mixed.entities.grad is not None
    assert mixed.entities.grad.dtype == torch.float32


def test_what_is_saved_and_reset() -> None:
    net = model()
    assert not any(".tables." in name or name.endswith("mask") for name in net.state_dict())
    net.reset_parameters()
    assert net.entities.abs().max() <= 5 / 4
    assert not bool(net.channels.projections[0].bias.any())  # type: ignore[union-attr, operator]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channels": {}}, "needs a channel besides"),
        ({"channels": {"structural": torch.ones(6, 2)}}, "give yours another name"),
        ({"channels": {"text": torch.ones(5, 2)}}, r"channel text must have the shape \(6, d\); got \(5, 2\)"),
        (
            {"masks": {"txt": HAVE_TEXT}},
            r"mask of the channel 'txt', which the model does not have \(did you mean 'text'\?\)",
        ),
        ({"masks": {"text": HAVE_TEXT[:3]}}, r"mask of text must be bool of shape \(6,\)"),
        ({"fusion": "relation_guided", "fusion_settings": {"literal": True}}, "has no settings; leave literal out"),
        ({"fusion": "sums"}, r"no fusion 'sums' \(did you mean 'sum'\?\)"),
    ],
)
def test_what_does_not_fit(changes: dict[str, Any], words: str) -> None:
    settings = {"num_entities": 6, "num_relations": 2, "channels": {"text": torch.ones(6, 2)}, "size": 4, **changes}
    with pytest.raises(NieError, match=words):
        MultiModalRotatE(**settings)
    with pytest.raises(NieError, match="no channel generator"):
        model().imitated(TRIPLES, torch.Generator())
    with pytest.raises(NieError, match="no side 'middle'"):
        model().against(TRIPLES, "middle")  # type: ignore[arg-type]


def test_what_reads_channels_learns_at_a_rate_of_its_own() -> None:
    net = model("softmax", channel_lr=0.1)
    rates = {parameter: group["lr"] for group in rate_groups(net, 1.0) for parameter in group["params"]}
    assert rates[net.entities] == rates[net.phases] == 1.0
    assert rates[net.channels.projections[0].weight] == 0.1
    logits = dict(net.named_parameters())["fusion.fusion.logits"]
    assert rates[logits] == pytest.approx(0.1 * LOGITS_LR_SCALE)
