"""nie.training.block_batches and nie.training.neighbourhood, with the network of every method."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import nie.ops.attention
import nie.ops.neighbours
import nie.ops.relational
from downstream.methods.table import METHODS
from nie.data import MessageGraph, message_graph, synthetic
from nie.layers.graph_layer import in_chunks
from nie.layers.rows import Rows
from nie.training.block_batches import NeighbourBatches, SampledNodes
from nie.training.neighbourhood import Neighbourhood, NeighbourSampler

NETWORKS = [name for name, method in METHODS.items() if method.build is not None]
SIZES = {"structural": 4, "semantic": 8}  # of the synthetic graph
TIERS = 4


@pytest.fixture(scope="module")
def message() -> MessageGraph:
    return message_graph(synthetic(0), inverse_relations=True)


def features() -> dict[str, Tensor]:
    kg = synthetic(0)
    return {name: torch.from_numpy(kg.channels[name].features.copy()).double() for name in SIZES}


def train_nodes() -> Tensor:
    return torch.from_numpy(synthetic(0).label_mask.nonzero()[0])


def build(name: str, message: MessageGraph, **options: Any) -> nn.Module:
    """The network of a method, every parameter away from the value that it starts with."""
    make = METHODS[name].build
    assert make is not None
    torch.manual_seed(0)
    model: nn.Module = make(
        channel_sizes=SIZES, num_relations=message.num_relations, tier_outputs=TIERS, **options
    ).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def hops(model: nn.Module) -> int:
    found: Any = model.num_hops
    return int(found)


def batches(message: MessageGraph, model: nn.Module, size: int, fanout: int) -> NeighbourBatches:
    return NeighbourBatches(message, train_nodes(), size, [fanout] * hops(model))


CASES = [
    *((name, {}) for name in NETWORKS),
    ("rgtn", {"centrality_scale": True}),
    *(("rgtn", {"num_layers": layers, "encoders": {"semantic": "pregat"}}) for layers in (1, 2, 3)),
    ("rgtn", {"num_layers": 1, "encoders": {"semantic": "pregat", "structural": "variational"}}),
    ("rgtn", {"encoders": {"semantic": "variational", "structural": "variational"}}),
    ("rgtn", {"encoders": {"semantic": "pregat", "structural": "pregat"}}),
    ("sgc", {"num_hops": 3}),
    ("gcn", {"num_layers": 3}),
]


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_all_neighbours_give_what_the_whole_graph_gives(
    name: str, options: dict[str, Any], message: MessageGraph
) -> None:
    model, feats = build(name, message, **options), features()
    made = batches(message, model, size=40, fanout=-1)
    with torch.no_grad():
        whole = model(message.graph, feats, message.etype)
        seen = []
        for rows, found in made.epoch(model, feats, torch.arange(len(made.train)), torch.Generator().manual_seed(0)):
            ids = made.train[rows]
            seen.append(ids)
            assert whole.tier_logits.shape == (len(feats["semantic"]), TIERS)
            for part in ("score", "by_channel", "tier_logits"):
                torch.testing.assert_close(getattr(found, part), getattr(whole, part)[ids], rtol=0, atol=1e-6)
    assert torch.equal(torch.cat(seen).sort().values, made.train)
    assert max(map(len, seen)) <= 40
    assert max(map(len, seen)) - min(map(len, seen)) <= 1


def test_a_node_that_is_named_twice_has_its_neighbours_twice(message: MessageGraph) -> None:
    """A contrast names one in several parts of a step, where DGL's block would give the first of its rows no edge."""
    model, feats = build("rgcn", message), features()
    nodes = torch.tensor([7, 3, 7, 11, 3])

    def scores(found: Neighbourhood) -> Tensor:
        return found.outputs(model, feats, None).score

    with torch.no_grad():
        whole = model(message.graph, feats, message.etype).score
        made = SampledNodes(NeighbourSampler(message, [-1] * hops(model))).computed(nodes, scores, torch.Generator())
    torch.testing.assert_close(made, whole[nodes], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_all_neighbours_are_those_of_the_whole_graph(name: str, message: MessageGraph) -> None:
    model, feats, nodes = build(name, message), features(), train_nodes()[:30]
    found = NeighbourSampler(message, [-1] * hops(model)).sample(nodes, torch.Generator())
    given = {channel: feat[found.nodes] for channel, feat in feats.items()}
    gradients = []
    for scores, rows in (
        (model(message.graph, feats, message.etype), nodes),
        (model(found.blocks, given, found.etypes, degrees=found.degrees), torch.arange(30)),
    ):
        model.zero_grad()
        (scores.score[rows].square().sum() + scores.tier_logits[rows].square().sum()).backward()
        gradients.append({key: value.grad for key, value in model.named_parameters() if value.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for key, grad in gradients[0].items():
        torch.testing.assert_close(gradients[1][key], grad, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_samples_are_a_function_of_the_generator(name: str, message: MessageGraph) -> None:
    model, feats = build(name, message), features()
    made = batches(message, model, size=40, fanout=2)

    def epoch(seed: int) -> Tensor:
        """Scores by node."""
        score = torch.zeros(len(made.train), dtype=torch.float64)
        for rows, scores in made.epoch(model, feats, torch.arange(len(score)), torch.Generator().manual_seed(seed)):
            score[rows] = scores.score
        return score

    with torch.no_grad():
        assert torch.equal(epoch(1), epoch(1))
        assert torch.allclose(epoch(1), epoch(2)) == (hops(model) == 0)


@pytest.mark.parametrize(("name", "options"), [("sgc", {"num_hops": 2}), ("sgc", {"num_hops": 1})])
def test_the_mean_over_samples_is_the_whole_graph(name: str, options: dict[str, Any], message: MessageGraph) -> None:
    """A model that is linear in what it sums is met without bias, although its normalisation is the graph's."""
    model, feats, nodes = build(name, message, **options), features(), train_nodes()[:20]
    sampler, generator, repeats = NeighbourSampler(message, [3] * hops(model)), torch.Generator().manual_seed(0), 400
    with torch.no_grad():
        expected = model(message.graph, feats, message.etype).score[nodes]
        drawn = []
        for _ in range(repeats):
            found = sampler.sample(nodes, generator)
            given = {channel: feat[found.nodes] for channel, feat in feats.items()}
            drawn.append(model(found.blocks, given, found.etypes, degrees=found.degrees).score)
    scores = torch.stack(drawn)
    error = scores.std(0) / repeats**0.5
    assert error.max() > 0
    assert ((scores.mean(0) - expected).abs() <= 5 * error + 1e-9).all()


def test_a_sampled_block_has_no_more_edges_than_asked_for(message: MessageGraph) -> None:
    nodes = train_nodes()[:10]
    found = NeighbourSampler(message, [2, 2]).sample(nodes, torch.Generator())
    assert all(block.in_degrees().max() <= 2 for block in found.blocks)
    assert found.blocks[-1].num_dst_nodes() == 10
    assert len(found.nodes) == found.blocks[0].num_src_nodes()
    assert torch.equal(found.nodes[:10], nodes)
    assert torch.equal(found.degrees.entering, message.graph.in_degrees(found.nodes))
    assert torch.equal(found.degrees.leaving, message.graph.out_degrees(found.nodes))


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_a_prediction_in_chunks_is_that_of_the_whole_graph(
    name: str, options: dict[str, Any], message: MessageGraph
) -> None:
    model, feats = build(name, message, **options), features()
    with torch.no_grad():
        whole = model(message.graph, feats, message.etype)
        with in_chunks(500):
            found = model(message.graph, feats, message.etype)
    for part in ("score", "by_channel", "tier_logits"):
        torch.testing.assert_close(getattr(found, part), getattr(whole, part), rtol=0, atol=1e-6)


class Counted(Rows):
    """A tensor as rows, which counts how many are read at a time."""

    def __init__(self, values: Tensor) -> None:
        self.values, self.shape, self.dtype, self.device = values, values.shape, values.dtype, values.device
        self.most = 0

    def read(self, ids: Tensor | slice) -> Tensor:
        self.most = max(self.most, len(self.values[ids]))
        return self.values[ids]


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_features_that_are_not_held_give_the_same(name: str, options: dict[str, Any], message: MessageGraph) -> None:
    model, feats = build(name, message, **options), features()
    counted = {channel: Counted(feat) for channel, feat in feats.items()}
    rows: Any = counted
    made = batches(message, model, size=40, fanout=-1)
    with torch.no_grad(), in_chunks(500):
        whole, found = (model(message.graph, given, message.etype) for given in (feats, rows))
        of_graph = "variational" not in str(options)  # whose encoder reads all nodes at once
        assert not of_graph or max(one.most for one in counted.values()) < 300
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    pairs = zip(*(
        made.epoch(model, given, torch.arange(len(made.train)), generator)
        for given, generator in zip((feats, rows), generators, strict=True)
    ), strict=True)  # fmt: skip
    for part in ("score", "by_channel", "tier_logits"):
        assert torch.equal(getattr(found, part), getattr(whole, part))
    assert all(torch.equal(one.score, other.score) for (_, one), (_, other) in pairs)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_layer_reads_more_of_the_graph_than_a_chunk(
    name: str, message: MessageGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the memory of a prediction would grow with the edges."""
    seen = []

    def operate(kind: str, graph: Any, *rest: Any, **named: Any) -> Any:
        seen.append(graph.num_edges())
        return original(kind, graph, *rest, **named)

    original = nie.ops.attention.operate
    for module in (nie.ops.attention, nie.ops.neighbours, nie.ops.relational):
        monkeypatch.setattr(module, "operate", operate)
    model, feats = build(name, message), features()
    with torch.no_grad(), in_chunks(1000):
        model(message.graph, feats, message.etype)
    assert len(seen) > hops(model) or hops(model) == 0
    assert max(seen, default=0) <= 1000 + int(message.graph.in_degrees().max())


def test_one_batch_with_all_neighbours_is_found_once(message: MessageGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    model, found, sample = build("rgcn", message), [], NeighbourSampler.sample

    def counted(sampler: NeighbourSampler, nodes: Tensor, generator: torch.Generator) -> Neighbourhood:
        found.append(nodes)
        return sample(sampler, nodes, generator)

    monkeypatch.setattr(NeighbourSampler, "sample", counted)
    whole = batches(message, model, len(train_nodes()), -1)
    rows = torch.arange(len(train_nodes()))
    for _ in range(2):
        ((drawn, scores),) = whole.epoch(model, features(), rows, torch.Generator())
        expected = model(message.graph, features(), message.etype).score[train_nodes()]
        torch.testing.assert_close(scores.score, expected[drawn])
    assert [len(nodes) for nodes in found] == [len(rows)]
    some = [len(drawn) for drawn, _ in whole.epoch(model, features(), rows[:7], torch.Generator())]
    assert some == [7]  # of a part of the training nodes, such as those whose labels are no input
