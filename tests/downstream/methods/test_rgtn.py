"""downstream.methods.rgtn against a loop, with every fusion and encoder.

Its body is nie.models.rgtn, and its results are of nie.models.outputs.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from reference.graphs import NUM_RELATIONS, normal, random_graph
from reference.resets import check_reset
from reference.transformer import rgtn
from torch import Tensor, nn

from downstream.heads.names import HEADS
from downstream.methods.rgtn import RGTN
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.layers import FUSIONS
from nie.models.blocks import Degrees
from nie.ops import REL_MODES

SIZES = {"structural": 3, "semantic": 8}  # 8 = head_size * num_heads, so this channel's shortcut is the identity


def build(channel_sizes: dict[str, int] | None = None, **options: Any) -> RGTN:
    torch.manual_seed(0)
    settings = {"head_size": 4, "num_heads": 2, "rel_size": 3, "num_layers": 2} | options
    return RGTN(channel_sizes=channel_sizes or SIZES, num_relations=NUM_RELATIONS, **settings).double()


def features(sizes: dict[str, int] = SIZES, num_nodes: int = 9) -> dict[str, Tensor]:
    return {name: normal(num_nodes, size, seed=seed) for seed, (name, size) in enumerate(sizes.items())}


def warm(model: RGTN) -> RGTN:
    """Move every running statistic and parameter away from its trivial start; return the model in eval mode."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.running_mean.copy_(normal(module.num_features, seed=1))  # type: ignore[union-attr]
                module.running_var.copy_(normal(module.num_features, seed=2).abs() + 0.5)  # type: ignore[union-attr]
        for seed, parameter in enumerate(model.parameters()):
            if parameter.dim() < 2:
                parameter.add_(0.1 * normal(*parameter.shape, seed=seed))
    return model.eval()


OPTIONS = [
    {},
    {"residual": False},
    {"activation": "leaky_relu"},
    {"centrality_scale": True},
    {"num_layers": 1},
    {"channel_sizes": {"only": 8}},
    {"channel_sizes": {"a.b": 3, "structural": 8, "c": 2}, "centrality_scale": True},
    *({"mode": mode} for mode in REL_MODES),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equals_the_loop(options: dict[str, Any]) -> None:
    graph, etype = random_graph()
    model, feats = warm(build(**options)), features(options.get("channel_sizes", SIZES))
    scores = model(graph, feats, etype)
    expected, expected_by_channel = rgtn(model, graph, feats, etype)
    torch.testing.assert_close(scores.score, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(scores.by_channel, expected_by_channel, rtol=0, atol=1e-10)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_parameter_gets_a_gradient(options: dict[str, Any]) -> None:
    graph, etype = random_graph()
    # Dropout and the zeros of ReLU could starve a parameter of these few nodes by chance.
    model = build(**options, feat_drop=0.0, ffn_drop=0.0)
    scores = model(graph, features(options.get("channel_sizes", SIZES)), etype)
    ((scores.score - normal(9, seed=9)) ** 2).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        shift = name.endswith(("feed_forward.2.bias", "layer_norm.bias"))  # the batch norm after it takes it away
        shift |= options.get("mode") == "add" and name.endswith("relation.bias")  # so does the softmax
        lone = len(model.channels) == 1 and name == "head.mix"
        if name == "fusion.null":  # no node here has nothing
            continue
        if not (shift or lone):
            assert parameter.grad.abs().max() > 1e-8, name


def test_blocks_equal_full_graph() -> None:
    graph, etype = random_graph()
    model, feats = warm(build(centrality_scale=True)), features()
    full = model(graph, feats, etype)
    seeds = torch.tensor([7, 0, 4])
    inputs, outputs, blocks = dgl.dataloading.MultiLayerFullNeighborSampler(2).sample_blocks(graph, seeds)
    etypes = [etype[block.edata[dgl.EID]] for block in blocks]
    sampled = model(blocks, {name: feat[inputs] for name, feat in feats.items()}, etypes)
    assert torch.equal(outputs, seeds)
    torch.testing.assert_close(sampled.score, full.score[seeds], rtol=0, atol=1e-10)
    torch.testing.assert_close(sampled.by_channel, full.by_channel[seeds], rtol=0, atol=1e-10)


@pytest.mark.filterwarnings("ignore:Dataloader CPU affinity")  # DGL's advice for machines of many cores
def test_training_on_blocks_from_the_data_loader() -> None:
    graph, etype = random_graph(num_nodes=60, num_edges=400)
    model, feats = build(), features(num_nodes=60)
    sampler = dgl.dataloading.NeighborSampler([3, 3])
    loader = dgl.dataloading.DataLoader(graph, torch.arange(60), sampler, batch_size=20)
    for inputs, outputs, blocks in loader:
        etypes = [etype[block.edata[dgl.EID]] for block in blocks]
        scores = model(blocks, {name: feat[inputs] for name, feat in feats.items()}, etypes)
        assert scores.score.shape == outputs.shape
        scores.score.sum().backward()


def test_degrees_can_be_given() -> None:
    graph, etype = random_graph()
    model, feats = warm(build(centrality_scale=True)), features()
    degrees = Degrees.of(graph)
    other = Degrees(degrees.entering + 1, degrees.leaving)
    torch.testing.assert_close(model(graph, feats, etype, degrees=degrees).score, model(graph, feats, etype).score)
    assert not torch.allclose(model(graph, feats, etype, degrees=other).score, model(graph, feats, etype).score)
    plain = warm(build())
    torch.testing.assert_close(plain(graph, feats, etype, degrees=other).score, plain(graph, feats, etype).score)


@pytest.mark.parametrize("name", ["feat_drop", "ffn_drop", "attn_drop"])
def test_dropout_acts_in_training_only(name: str) -> None:
    graph, etype = random_graph()
    none = {"feat_drop": 0.0, "ffn_drop": 0.0, "attn_drop": 0.0}
    plain, dropped, feats = build(**none), build(**none | {name: 0.5}), features()
    assert not torch.allclose(plain(graph, feats, etype).score, dropped(graph, feats, etype).score)
    dropped.load_state_dict(plain.state_dict())
    expected = plain.eval()(graph, feats, etype).score
    torch.testing.assert_close(dropped.eval()(graph, feats, etype).score, expected, rtol=0, atol=0)


def test_training_steps_are_repeatable_bit_for_bit() -> None:
    graph, etype = random_graph(num_nodes=100, num_edges=2000)
    feats = {name: feat.float() for name, feat in features(num_nodes=100).items()}

    def train() -> list[Tensor]:
        model = build(attn_drop=0.1).float()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(3):
            optimizer.zero_grad()
            (model(graph, feats, etype).score - 1).square().mean().backward()
            optimizer.step()
        return list(model.state_dict().values())

    assert all(torch.equal(a, b) for a, b in zip(train(), train(), strict=True))


def test_channels_share_the_relation_embeddings() -> None:
    assert [name for name, _ in build().named_parameters() if name.endswith("relations")] == ["relations"]


def test_reset_parameters_sets_everything() -> None:
    graph, etype = random_graph()
    model, fresh = build(mode="gate", centrality_scale=True), build(mode="gate", centrality_scale=True)
    model(graph, features(), etype)
    check_reset(model, fresh)


def test_what_does_not_fit_is_refused() -> None:
    graph, etype = random_graph()
    model, feats = build(), features()
    with pytest.raises(NieError, match="at least one channel"):
        RGTN(channel_sizes={}, num_relations=2)
    with pytest.raises(NieError, match="channel structural, of which no features are given"):
        build({"text": 3}, centrality_scale=True)
    with pytest.raises(NieError, match="'semantic', but feats has only"):
        model(graph, {"structural": feats["structural"]}, etype)
    with pytest.raises(NieError, match="2 layers must have 2 blocks and etype tensors; got 3"):
        model([graph] * 3, feats, [etype] * 3)
    with pytest.raises(NieError, match="got 2 and one etype tensor"):
        model([graph] * 2, feats, etype)
    with pytest.raises(NieError, match="One graph takes one etype tensor"):
        model(graph, feats, [etype] * 2)
    with pytest.raises(NieError, match="give the relation table rel and etype"):
        model(graph, feats, None)


MIXED = {"structural": 3, "semantic": 8, "numeric": 5}
ENCODERS_OF_MIXED = {"semantic": "pregat", "numeric": "variational"}


def mixed(**options: Any) -> RGTN:
    return build(MIXED, **{"encoders": ENCODERS_OF_MIXED} | options)


def numeric_mask(num_nodes: int = 9) -> dict[str, Tensor]:
    return {"numeric": torch.arange(num_nodes) % 3 > 0}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_with_every_encoder(fusion: str, head: str) -> None:
    graph, etype = random_graph()
    model = mixed(fusion=fusion, head=head, feat_drop=0.0, ffn_drop=0.0)
    scores = model(graph, features(MIXED), etype, masks=numeric_mask())
    assert scores.score.shape == (9,)
    assert scores.by_channel.shape == (9, 3 if head == "channels" else 1)
    assert scores.states is not None
    scores.score.square().sum().backward()
    for name, parameter in model.named_parameters():
        if head == "vector" or not name.startswith(("fusion", "gaussian", "encoders.2.heads.logvar")):
            assert parameter.grad is not None, name


@pytest.mark.parametrize("head", HEADS)
def test_features_that_a_node_lacks_change_nothing(head: str) -> None:
    graph, etype = random_graph()
    model, feats, masks = warm(mixed(head=head, fusion="attention")), features(MIXED), numeric_mask()
    one = model(graph, feats, etype, masks=masks)
    other = {**feats, "numeric": feats["numeric"].clone()}
    other["numeric"][~masks["numeric"]] = torch.nan
    two = model(graph, other, etype, masks=masks)
    torch.testing.assert_close(one.score, two.score, rtol=0, atol=0)
    torch.testing.assert_close(one.by_channel, two.by_channel, rtol=0, atol=0)
    there = dict.fromkeys(masks, torch.ones(9, dtype=torch.bool))
    assert not torch.allclose(model(graph, feats, etype, masks=there).score, one.score)


@pytest.mark.parametrize("head", HEADS)
def test_nodes_without_any_channel_share_a_score(head: str) -> None:
    graph, etype = random_graph()
    model = warm(
        build({"numeric": 5, "text": 3}, encoders={"numeric": "variational", "text": "variational"}, head=head)
    )
    with torch.no_grad():
        model.fusion.null.fill_(0.5)
    masks = {"numeric": torch.arange(9) > 2, "text": torch.arange(9) > 3}
    score = model(graph, features({"numeric": 5, "text": 3}), etype, masks=masks).score
    assert torch.unique(score[:3]).numel() == 1
    assert torch.unique(score).numel() == 7
    score.sum().backward()
    assert model.fusion.null.grad is not None
    assert model.fusion.null.grad.abs().max() > 0


def test_blocks_equal_full_graph_with_every_encoder() -> None:
    graph, etype = random_graph()
    model, feats, masks = warm(mixed(fusion="uncertainty")), features(MIXED), numeric_mask()
    full = model(graph, feats, etype, masks=masks).score
    seeds = torch.tensor([7, 0, 4])
    inputs, _, blocks = dgl.dataloading.MultiLayerFullNeighborSampler(2).sample_blocks(graph, seeds)
    etypes = [etype[block.edata[dgl.EID]] for block in blocks]
    given = {name: feat[inputs] for name, feat in feats.items()}
    sampled = model(blocks, given, etypes, masks={"numeric": masks["numeric"][inputs]}).score
    torch.testing.assert_close(sampled, full[seeds], rtol=0, atol=1e-10)


def test_hidden_channels_act_in_training_only() -> None:
    graph, etype = random_graph()
    model, feats = mixed(channel_drop=0.9), features(MIXED)
    states = model(graph, feats, etype).states
    assert states is not None
    assert states.mask.all()
    there = states.fused.tokens.abs().sum(2) > 0
    assert there.sum() < 27
    assert (there.sum(1) >= 1).all()
    states = model.eval()(graph, feats, etype).states
    assert states is not None
    assert (states.fused.tokens.abs().sum(2) > 0).all()


def test_variational_channels_are_sampled_in_training_only() -> None:
    graph, etype = random_graph()
    model, feats = mixed(feat_drop=0.0, ffn_drop=0.0, fusion="sum"), features(MIXED)
    assert not torch.equal(model(graph, feats, etype).score, model(graph, feats, etype).score)
    model.eval()
    assert torch.equal(model(graph, feats, etype).score, model(graph, feats, etype).score)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"encoders": {"numerik": "pregat"}}, r"'numerik', which is not among.*did you mean 'numeric'"),
        ({"encoders": {"numeric": "variation"}}, r"no encoder 'variation'.*did you mean 'variational'"),
        ({"head": "vektor"}, r"no head 'vektor'.*did you mean 'vector'"),
        ({"fusion": "som"}, r"no fusion 'som'.*did you mean 'sum'"),
        ({"head": "vector", "centrality_scale": True}, "head of kind 'vector' gives channels no score"),
    ],
)
def test_what_does_not_exist_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(NieError, match=words):
        mixed(**options)


def test_nan_where_a_channel_is_missing_reaches_no_weight() -> None:
    graph, etype = random_graph()
    model, feats = build(encoders={"semantic": "variational"}, fusion="attention"), features()
    mask = torch.ones(9, dtype=torch.bool)
    mask[2] = False
    feats["semantic"][2] = torch.nan
    model(graph, feats, etype, masks={"semantic": mask}).score.sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all(), name


@pytest.mark.parametrize(
    ("feats", "masks", "words"),
    [
        ({"semantic": normal(11, 8)}, {}, "semantic has 11 rows, but the graph has 9 nodes"),
        ({"structural": normal(7, 3)}, {}, "structural has 7 rows"),
        ({}, {"semantik": torch.ones(9, dtype=torch.bool)}, "'semantik', which the model does not have.*'semantic'"),
        ({}, {"semantic": torch.ones(13, dtype=torch.bool)}, r"bool of shape \(9,\)"),
        ({}, {"semantic": torch.ones(9)}, r"got torch.float32"),
    ],
)
def test_features_and_masks_that_do_not_fit(feats: dict[str, Tensor], masks: dict[str, Tensor], words: str) -> None:
    graph, etype = random_graph()
    model = build(encoders={"semantic": "variational"})
    with pytest.raises(NieError, match=words):
        model(graph, {**features(), **feats}, etype, masks=masks)


def test_a_fusion_takes_its_settings() -> None:
    model = build(fusion="cross_modal_transformer", fusion_settings={"literal": True, "num_heads": 2})
    assert model.fusion.fusion.literal  # type: ignore[union-attr]
    with pytest.raises(NieError, match=r"cross_modal_transformer has no setting 'literall'.*did you mean 'literal'"):
        build(fusion="cross_modal_transformer", fusion_settings={"literall": True})


def test_in_the_first_stage_one_channel_learns_alone() -> None:
    graph, etype = random_graph()
    model, feats = build(first_channel="semantic", first_steps=1), features()
    learns = []
    for _ in range(2):
        model.train().zero_grad()
        made = model(graph, feats, etype)
        (made.score.sum() + made.by_channel.sum()).backward()
        gradients = [parameter.grad for parameter in model.encoders[0].parameters()]
        learns.append(any(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients))
    assert learns == [False, True]
    with pytest.raises(NieError, match="first_channel names the channel 'text'"):
        build(first_channel="text", first_steps=1)
