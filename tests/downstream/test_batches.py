"""nie.training.block_batches."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nie.data import message_graph, synthetic
from nie.models import GENI, RGTN
from nie.training.block_batches import NeighbourBatches

SIZES = {"structural": 16, "semantic": 32}


def batches(size: int, fanout: int) -> tuple[NeighbourBatches, dict[str, Tensor]]:
    kg = synthetic(0)
    feats = {name: torch.from_numpy(kg.channels[name].features.copy()) for name in SIZES}
    train = torch.from_numpy(kg.label_mask.nonzero()[0])
    return NeighbourBatches(message_graph(kg, inverse_relations=True), train, size, [fanout] * 2), feats


def every(made: NeighbourBatches) -> Tensor:
    return torch.arange(len(made.train))


def build(kind: type, feats: dict[str, Tensor], num_relations: int) -> torch.nn.Module:
    torch.manual_seed(0)
    sizes = {name: feat.shape[1] for name, feat in feats.items()}
    return kind(channel_sizes=sizes, num_relations=num_relations, num_layers=2, centrality_scale=True).eval()


@pytest.mark.parametrize("kind", [GENI, RGTN])
def test_all_neighbours_give_the_scores_of_the_whole_graph(kind: type) -> None:
    made, feats = batches(size=40, fanout=-1)
    model = build(kind, feats, made.message.num_relations)
    with torch.no_grad():
        model.scale.gamma.fill_(0.3) if kind is GENI else model.head.scale.gamma.fill_(0.3)
        whole = model(made.message.graph, feats, made.message.etype)
        seen = []
        for rows, scores in made.epoch(model, feats, every(made), torch.Generator().manual_seed(0)):
            ids = made.train[rows]
            seen.append(ids)
            torch.testing.assert_close(scores.score, whole.score[ids], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(scores.by_channel, whole.by_channel[ids], rtol=1e-4, atol=1e-5)
    assert torch.equal(torch.cat(seen).sort().values, made.train)
    assert max(map(len, seen)) <= 40
    assert max(map(len, seen)) - min(map(len, seen)) <= 1


def test_samples_are_a_function_of_the_generator() -> None:
    made, feats = batches(size=40, fanout=2)
    model = build(GENI, feats, made.message.num_relations)

    def epoch(seed: int) -> Tensor:
        scores = [
            scores.score for _, scores in made.epoch(model, feats, every(made), torch.Generator().manual_seed(seed))
        ]
        return torch.cat(scores)

    with torch.no_grad():
        assert torch.equal(epoch(1), epoch(1))
        assert not torch.equal(epoch(1), epoch(2))


def test_a_sampled_block_has_no_more_edges_than_asked_for() -> None:
    made, _ = batches(size=10, fanout=2)
    blocks, nodes = made._sample(made.train[:10], torch.Generator())
    assert all(block.in_degrees().max() <= 2 for block in blocks)
    assert blocks[-1].num_dst_nodes() == 10
    assert len(nodes) == blocks[0].num_src_nodes()
