"""A score without a fact, on an excerpt of the graph and on the whole of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from downstream.answers.scored_node import ScoredNode
from downstream.answers.trained import TrainedRun
from downstream.answers.trained_network import TrainedNetwork
from nie.data import MessageGraph
from nie.dgl_compat import dgl


def check_leaving_out(trained: TrainedRun, *nodes: int) -> None:
    """Check the nodes, that of most facts and one that the first fold tests."""
    kg = trained.kg
    hub = int(np.bincount(np.concatenate([kg.src, kg.dst])).argmax())
    tested = int(trained.inputs.folds[0].test[0])
    for node in (*nodes, hub, tested):
        (network,) = trained.networks_of(0)
        scored = ScoredNode(network, node, trained.triples)
        facts = np.flatnonzero((kg.src == node) | (kg.dst == node))
        assert scored.facts.tolist() == facts.tolist()
        for place in range(min(len(facts), 5)):
            weight = scored.whole.clone()
            weight[place] = 0
            expected = score_without(trained, network, node, [facts[place]])
            with torch.no_grad():
                assert float(scored(weight)) == pytest.approx(expected, abs=1e-5)
        expected = score_without(trained, network, node, facts)
        with torch.no_grad():
            assert float(scored(0 * scored.whole)) == pytest.approx(expected, abs=1e-5)


def score_without(trained: TrainedRun, network: TrainedNetwork, node: int, facts: Sequence[int]) -> float:
    """The score on the whole graph without some facts; encoders that are trained along read it without them, too."""
    given = network.given
    encoded_on = None
    if given.tuning is not None:
        inputs = given.tuning.pretrained.inputs
        encoded_on = without(inputs.message, ~np.isin(inputs.triples, facts))
    there = without(given.message, ~np.isin(trained.triples, facts))
    with torch.no_grad():
        outputs = replace(given, message=there, encoded_on=encoded_on).outputs(network.model, given.predicting)
    return float(network.predicted(outputs)[node])


def without(message: MessageGraph, stays: np.ndarray) -> MessageGraph:
    kept, (src, dst) = torch.from_numpy(stays), message.graph.edges()
    graph = dgl.graph((src[kept], dst[kept]), num_nodes=message.graph.num_nodes())
    return replace(message, graph=graph, etype=message.etype[kept])
