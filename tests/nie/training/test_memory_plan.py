"""nie.training.memory_plan."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import Tensor

import nie.training.memory_plan
from nie.data import MessageGraph, message_graph, synthetic
from nie.errors import NieError
from nie.models import GENI, PreGAT
from nie.models.outputs import ImportanceScores
from nie.settings.memory import bytes_of
from nie.settings.sections import BatchConfig
from nie.training.memory_plan import VALUES, Plan, plan
from nie.training.neighbourhood import Neighbourhood


@pytest.fixture(scope="module")
def message() -> MessageGraph:
    return message_graph(synthetic(0, num_nodes=20_000), inverse_relations=True)


def planned(
    memory: str | None, message: MessageGraph, batch: BatchConfig | None = None, labelled: int = 5000
) -> Plan:  # fmt: skip
    torch.manual_seed(0)
    feat = torch.randn(20_000, 8)
    model = GENI(channel_sizes={"semantic": 8}, num_relations=message.num_relations)

    def run(found: Neighbourhood) -> ImportanceScores:
        scores: ImportanceScores = model(
            found.blocks, {"semantic": feat[found.nodes]}, found.etypes, degrees=found.degrees
        )
        return scores

    train = torch.arange(labelled)
    return plan(memory, batch or BatchConfig(), message, {"semantic": feat}, model, train, run, "geni")


def test_without_a_memory_the_settings_of_batches_hold(message: MessageGraph) -> None:
    assert planned(None, message) == Plan(BatchConfig(), None)
    batch = BatchConfig(size=64, fanout=3)
    assert planned(None, message, batch) == Plan(batch, VALUES)


def test_less_memory_means_smaller_batches(
    message: MessageGraph, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nie.training.memory_plan, "PROGRAM", 0)
    with caplog.at_level(logging.INFO, logger="nie"):
        plans = [planned(memory, message) for memory in ("4G", "64M", "40M")]
    assert plans[0] == Plan(BatchConfig(), None)
    assert "the whole graph, whose steps take about" in caplog.text
    assert "batches of" in caplog.text
    costs = [one.batch.size for one in plans[1:]]
    assert None not in costs
    assert plans[1].values is not None
    assert plans[2].values is not None
    assert plans[2].values < plans[1].values
    assert planned("40M", message) == plans[2]


def test_a_few_labelled_nodes_are_one_batch_with_all_their_neighbours(
    message: MessageGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nie.training.memory_plan, "PROGRAM", 0)
    assert planned("80M", message, labelled=100).batch == BatchConfig(size=100)


def test_too_little_memory_is_refused_with_what_would_do(message: MessageGraph) -> None:
    with pytest.raises(NieError, match=r"memory 200M is too little: .*; give 1\.1G or more"):
        planned("200M", message)
    assert planned("1.1G", message).values


def test_the_network_and_the_random_state_are_left_alone(message: MessageGraph) -> None:
    feat = torch.randn(20_000, 8)
    model = PreGAT(8, 4, num_relations=message.num_relations)
    before, state = {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()

    def run(found: Neighbourhood) -> Tensor:
        made: Tensor = model(found.blocks, feat[found.nodes], found.etypes)
        return made

    plan("4G", BatchConfig(), message, {"semantic": feat}, model, torch.arange(5000), run, "licap")
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("memory", ["4", "4GB", "G", "-1G", "0G", "four", "4g", "1e3G"])
def test_what_is_no_amount_of_memory_is_refused(memory: str) -> None:
    with pytest.raises(ValueError, match="memory must be a number above 0 and a unit"):
        bytes_of(memory)
