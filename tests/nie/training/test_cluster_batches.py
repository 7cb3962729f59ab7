"""nie.training.cluster_batches and nie.training.metis, with the networks of every method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from stage_helpers import SMALL_FLAGS, run_quietly, small, store_synthetic

from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from nie.data import MessageGraph, message_graph, synthetic
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.settings.sections import BatchConfig
from nie.training.cluster_batches import ClusterBatches, ClusterSampler, num_clusters
from nie.training.metis import metis_parts

NETWORKS = [name for name, method in METHODS.items() if method.build is not None]
TRAIN = torch.from_numpy(synthetic(0).label_mask.nonzero()[0])


@pytest.fixture(scope="module")
def message() -> MessageGraph:
    return message_graph(synthetic(0), inverse_relations=True)


@pytest.fixture(scope="module")
def cluster(message: MessageGraph) -> torch.Tensor:
    return metis_parts(message.graph, num_clusters(len(TRAIN), 40))


def test_an_epoch_has_every_training_node_once_in_the_clusters_of_its_batch(
    message: MessageGraph, cluster: torch.Tensor
) -> None:
    batches = ClusterBatches(message, TRAIN, 2, cluster)
    orders = []
    for seed in (0, 1):
        generator = torch.Generator().manual_seed(seed)
        orders.append([*batches._in_turn(torch.arange(len(TRAIN)), generator)])
        assert torch.equal(torch.cat(orders[-1]).sort().values, torch.arange(len(TRAIN)))
        assert all(len(cluster[TRAIN[rows]].unique()) <= 4 for rows in orders[-1])
    assert [rows.tolist() for rows in orders[0]] != [rows.tolist() for rows in orders[1]]


def test_no_batch_is_a_single_node_which_batch_norm_could_not_take(message: MessageGraph) -> None:
    alone = torch.arange(message.graph.num_nodes())  # every node is a cluster
    made = ClusterBatches(message, TRAIN[:9], 2, alone)._in_turn(torch.arange(9), torch.Generator())
    assert [len(rows) for rows in made] == [3, 3, 3]


def test_a_batch_has_all_edges_inside_its_clusters_and_no_others(message: MessageGraph, cluster: torch.Tensor) -> None:
    nodes = TRAIN[cluster[TRAIN] < 3]
    found = ClusterSampler(message, 1, cluster).sample(nodes, torch.Generator())
    inside = torch.isin(cluster, cluster[nodes])
    source, target, edge = message.graph.in_edges(nodes, form="all")
    kept = inside[source]
    (block,), (etype,) = found.blocks, found.etypes
    ends = block.edges()
    made = sorted(zip(found.nodes[ends[0]].tolist(), found.nodes[ends[1]].tolist(), etype.tolist(), strict=True))
    expected = zip(source[kept].tolist(), target[kept].tolist(), message.etype[edge[kept]].tolist(), strict=True)
    assert made == sorted(expected)
    assert torch.equal(found.nodes[: len(nodes)], nodes)
    assert torch.equal(found.degrees.entering, message.graph.in_degrees(found.nodes))


@pytest.mark.parametrize("name", NETWORKS)
def test_one_batch_of_all_clusters_is_the_whole_graph(name: str, message: MessageGraph) -> None:
    kg, make = synthetic(0), METHODS[name].build
    assert make is not None
    torch.manual_seed(0)
    model: Any = make(channel_sizes={"semantic": 8}, num_relations=message.num_relations).double().eval()
    feats = {"semantic": torch.from_numpy(kg.channels["semantic"].features.copy()).double()}
    batches = ClusterBatches(message, TRAIN, model.num_hops, torch.arange(300) % 4)
    with torch.no_grad():
        whole = model(message.graph, feats, message.etype).score[TRAIN]
        ((rows, scores),) = batches.epoch(model, feats, torch.arange(len(TRAIN)), torch.Generator())
    torch.testing.assert_close(scores.score, whole[rows], rtol=0, atol=1e-6)


def test_a_run_on_clusters_learns_and_predicts_every_node(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    config = small("rgtn", folds={"run": [0]}, batch={"size": 40, "sampler": "clusters"}, optim={"max_epochs": 30})
    run = estimate(config, data_root=tmp_path / "data", run_root=tmp_path / "runs")
    assert np.isfinite(run.predictions(0, 300)).all()
    assert run.metrics(0)["val"]["spearman"] > 0.3


def test_metis_keeps_neighbours_together_and_says_what_it_cannot(capfd: pytest.CaptureFixture[str]) -> None:
    two = dgl.batch([dgl.rand_graph(30, 400), dgl.rand_graph(30, 400)])  # with several edges between two nodes
    part = metis_parts(dgl.graph(two.edges()), 2)
    assert capfd.readouterr() == ("", "")
    assert len(part[:30].unique()) == len(part[30:].unique()) == 1
    with pytest.raises(NieError, match="METIS cannot make 9 parts of 5 nodes"):
        metis_parts(dgl.rand_graph(5, 20), 9)
    with pytest.raises(NieError, match="goes by the edges between nodes, and this graph has none"):
        metis_parts(dgl.graph(([0, 1], [0, 1])), 2)


def test_where_metis_cannot_be_used_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_metis(*_: object) -> None:
        raise dgl.DGLError("METIS is not enabled")

    monkeypatch.setattr(dgl, "metis_partition_assignment", without_metis)
    store_synthetic(tmp_path)
    flags = ["--batch.size", "40", "--batch.sampler", "clusters", *SMALL_FLAGS]
    command = ["downstream", "--recipe", "fast", "--dataset", "synthetic", "--method", "rgcn", *flags]
    code, _, said = run_quietly(command, tmp_path, tmp_path / "runs")
    assert code == 2
    assert said.strip() == (
        "nie: batch.sampler clusters cannot be used on synthetic: This DGL cannot partition by METIS (METIS is not "
        "enabled); give a larger batch.size, or leave the sampler out."
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [({}, "give batch.size too"), ({"size": 40, "fanout": 5}, "leave fanout out")],
)
def test_settings_that_do_not_go_with_clusters_are_refused(settings: dict[str, int], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        BatchConfig(sampler="clusters", **settings)
