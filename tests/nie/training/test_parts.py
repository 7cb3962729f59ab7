"""nie.training.parts, and what trainers tell each other of a batch."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from downstream.losses.importance import importance_loss
from downstream.losses.lists import draw_lists
from nie.data import MessageGraph, message_graph, synthetic
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.models import ImportanceScores
from nie.training.distributed import Trainers
from nie.training.parts import FEATURES, RELATION, Parts, write_parts
from nie.training.shared_batches import SharedBatches, SharedNodes, of_all


@pytest.fixture(scope="module")
def message() -> MessageGraph:
    return message_graph(synthetic(0), inverse_relations=True)


def written(folder: Path, message: MessageGraph, count: int = 2, method: str = "metis") -> tuple[Parts, Tensor]:
    feat = torch.arange(float(message.graph.num_nodes()))[:, None].repeat(1, 3)
    masks = {"semantic": feat[:, 0] > 5}
    return write_parts(folder / "parts", message, {"semantic": feat}, masks, {}, count=count, method=method), feat


@pytest.mark.parametrize(("count", "method"), [(3, "metis"), (3, "random"), (1, "metis")])
def test_parts_have_every_node_and_edge_once_with_what_is_known_of_it(
    tmp_path: Path, message: MessageGraph, count: int, method: str
) -> None:
    parts, feat = written(tmp_path, message, count, method)
    nodes, graph = parts.nodes, message.graph
    assert torch.equal(nodes.sort().values, torch.arange(graph.num_nodes()))
    source, target = graph.edges()
    whole = sorted(zip(source.tolist(), target.tolist(), message.etype.tolist(), strict=True))
    found = []
    for number in range(count):
        part, node_feats, edge_feats, *_ = dgl.distributed.load_partition(str(parts.config), number)
        inner, inner_edges = part.ndata["inner_node"].bool(), part.edata["inner_edge"].bool()
        ids = nodes[part.ndata[dgl.NID]]
        assert torch.equal(node_feats[f"_N/{FEATURES}semantic"], feat[ids[inner]])
        one, other = (ids[end[inner_edges]] for end in part.edges())
        relations = next(rows for name, rows in edge_feats.items() if name.endswith(f"/{RELATION}"))
        found += zip(one.tolist(), other.tolist(), relations.tolist(), strict=True)
    assert sorted(found) == whole
    assert (0 < parts.facts["cut"] < 1) == (count > 1)
    assert parts.facts["versions"]["dgl"] == dgl.__version__


def test_nodes_with_many_edges_between_them_are_parted_too(tmp_path: Path) -> None:
    """DGL's own METIS writes beyond its memory there."""
    one = torch.randint(200, (400,), generator=torch.Generator().manual_seed(0))
    source, target = one.repeat(50), one.roll(1).repeat(50)
    etype = torch.arange(50).repeat_interleave(400)
    graph = dgl.graph((source, target), num_nodes=200)
    parts, _ = written(tmp_path, MessageGraph(graph, etype, 50, inverse_relations=False, self_loops=False), 2)
    assert parts.facts["edges"] == 20_000
    assert 0 < parts.facts["cut"] < 0.5


def test_more_parts_than_nodes_are_refused(tmp_path: Path, message: MessageGraph) -> None:
    with pytest.raises(NieError, match="301 parts are more than the 300 nodes"):
        written(tmp_path, message, 301)
    assert not (tmp_path / "parts").exists()


def test_parts_without_a_node_are_refused(
    tmp_path: Path, message: MessageGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """METIS leaves some empty where there are few nodes for each."""
    monkeypatch.setattr("nie.training.parts.metis_parts", lambda graph, count: torch.arange(300) % (count - 2))
    with pytest.raises(NieError, match="2 of 60 parts would have no node; give fewer --parts"):
        written(tmp_path, message, 60)
    assert not (tmp_path / "parts").exists()


def test_missing_or_damaged_parts_are_refused(tmp_path: Path, message: MessageGraph) -> None:
    with pytest.raises(
        NieError, match=r"There are no parts at .*; make them with 'nie partition --parts 3', one for each"
    ):
        Parts.read(tmp_path / "3")
    parts, _ = written(tmp_path, message)
    file = parts.folder / "parts.json"
    for content in ("", "[]", json.dumps({"checks": None}), json.dumps({**parts.facts, "files": None})):
        file.write_text(content)
        with pytest.raises(NieError, match=r"parts\.json is damaged"):
            Parts.read(parts.folder)


@pytest.mark.parametrize(("name", "number"), [("nodes.npy", None), ("graph.json", 0), ("part1/node_feat.dgl", 1)])
def test_a_host_that_reads_a_changed_file_is_told(
    tmp_path: Path, message: MessageGraph, name: str, number: int | None
) -> None:
    parts, _ = written(tmp_path, message)
    parts.check_files(number)
    file = parts.folder / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(NieError, match=f"{name} is missing or damaged"):
        parts.check_files(number)
    if name.startswith("part1"):
        parts.check_files(0)  # which another host reads


class TwoTrainers:
    """What `of_all` needs of trainers, where both are played one after the other; sums are those of both rounds."""

    def __init__(self) -> None:
        self.first: list[Tensor] = []
        self.second: list[Tensor] | None = None

    def sum(self, values: Tensor) -> Tensor:
        if self.second is None:
            self.first.append(values.clone())
            return values
        self.second.append(values.clone())
        return values + self.first[len(self.second) - 1]


def test_trainers_have_the_loss_of_the_whole_batch_and_the_gradient_in_shares() -> None:
    rows, weight = torch.randn(9, 4), torch.randn(4, requires_grad=True)
    labels, lists = torch.rand(9), draw_lists(9, 4, torch.Generator().manual_seed(0))

    def scores(at: Tensor) -> ImportanceScores:
        return ImportanceScores.of(rows[at] @ weight, hidden=rows[at] * weight)

    def loss(outputs: ImportanceScores) -> Tensor:
        weights = {"listwise_weight": 0.5, "channel_weight": 0.0}
        return importance_loss(outputs.score, outputs.by_channel, labels, lists, **weights)

    whole = loss(scores(torch.arange(9)))
    (expected,) = torch.autograd.grad(whole, weight)
    shares = torch.tensor([0, 8, 3, 5]), torch.tensor([1, 2, 4, 6, 7])
    total = torch.zeros(4)
    for share, other in (shares, shares[::-1]):
        trainers: Any = TwoTrainers()
        of_all(scores(other), other, 9, cast(Trainers, trainers))
        trainers.second = []
        own = loss(of_all(scores(share), share, 9, cast(Trainers, trainers)))
        assert own.item() == pytest.approx(whole.item(), rel=1e-6)
        total += torch.autograd.grad(own, weight)[0]
    np.testing.assert_allclose(total, expected, rtol=1e-5)


def test_gradients_are_those_of_all_trainers_where_the_loss_reads_a_parameter() -> None:
    """RGTN keeps a table of relations that no encoder reads where each channel's encoder has its own."""
    model = nn.ModuleDict({"read": nn.Linear(2, 1), "unread": nn.Linear(2, 1)})
    model["read"](torch.ones(3, 2)).sum().backward()
    own = [parameter.grad.clone() for parameter in model["read"].parameters()]
    doubling = SimpleNamespace(sum=lambda values: 2 * values)
    graph = SimpleNamespace(sampler=lambda fanouts: None, place=None, trainers=doubling)
    SharedBatches(cast(Any, graph), torch.arange(3), 2, [-1]).share_gradients(model)
    for parameter, before in zip(model["read"].parameters(), own, strict=True):
        assert torch.equal(parameter.grad, 2 * before)
    assert all(parameter.grad is None for parameter in model["unread"].parameters())


def test_the_gradient_of_a_head_that_reads_all_rows_is_not_added_up() -> None:
    model, head = nn.Linear(2, 1), nn.Linear(2, 1)
    for one in (model, head):
        one(torch.ones(3, 2)).sum().backward()
    own = [parameter.grad.clone() for parameter in head.parameters()]
    trainers = SimpleNamespace(sum=lambda values: 2 * values, as_first=lambda values: values + 1)
    graph = SimpleNamespace(sampler=lambda fanouts: None, place=None, trainers=trainers)
    SharedNodes(cast(Any, graph), [-1]).share_gradients(model, head)
    for parameter, before in zip(head.parameters(), own, strict=True):
        assert torch.equal(parameter.grad, before + 1)
