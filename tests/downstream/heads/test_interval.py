"""A network that says how sure it is of each score: downstream.heads.interval, and what reads its deviations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stage_helpers import opened, small, store_synthetic

from downstream.answers.changed_graph import ChangedGraph
from downstream.answers.node_scores import score_nodes
from downstream.answers.predicted import predicted
from downstream.heads.interval import BOUND, VarianceHead, with_variance
from downstream.methods.predictions import deviation_of
from downstream.methods.rgtn import RGTN
from downstream.stages.estimation import estimate
from nie.data.graph_change import GraphChange
from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.models import SGC, ConvolutionalModel

SIZES = {"structural": 4, "semantic": 6}
GAUSSIAN = {"loss": {"value": "gaussian"}, "folds": {"run": [0]}}


@pytest.mark.parametrize("kind", ["rgtn", "rgcn", "mlp"])
def test_the_head_and_what_stands_before_it_learn_from_the_variance(kind: str) -> None:
    torch.manual_seed(0)
    sizes = {"channel_sizes": SIZES, "num_relations": 3}
    model = with_variance(RGTN(**sizes) if kind == "rgtn" else ConvolutionalModel(kind, **sizes), SIZES)
    torch.nn.init.normal_(model.get_submodule("variance_head.linear").weight)
    feats = {name: torch.randn(5, size, requires_grad=True) for name, size in SIZES.items()}
    graph = dgl.graph(([0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 0]))
    outputs = model(graph, feats, torch.tensor([0, 1, 2, 0, 1, 2]))
    assert outputs.log_variance.shape == (5,)
    outputs.log_variance.square().sum().backward()
    for one in (*model.get_submodule("variance_head").parameters(), *feats.values()):
        assert one.grad is not None
        assert one.grad.abs().sum() > 0


def test_log_variances_are_bounded() -> None:
    head = VarianceHead(1)
    torch.nn.init.ones_(head.linear.weight)
    assert head(torch.tensor([[-99.0], [0.5], [99.0]])).tolist() == [-BOUND, 0.5, BOUND]


def test_a_network_without_hidden_vectors_is_refused(root: Path) -> None:
    with pytest.raises(NieError, match="gaussian reads the variance from the vectors"):
        with_variance(SGC(channel_sizes=SIZES, num_relations=3), SIZES)
    with pytest.raises(NieError, match="this network has none; leave it out"):
        estimate(small("geni", **GAUSSIAN), data_root=root, run_root=root / "runs")


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ({"value": "gausian"}, "gausian"),
        ({"value": "gaussian", "importance": "mae"}, "value gaussian has an error of its own"),
        ({"beta": 0.1}, "beta is for value gaussian"),
    ],
)
def test_settings_that_do_not_fit_are_refused(loss: dict[str, Any], message: str) -> None:
    with pytest.raises(NieError, match=message) as caught:
        small("rgcn", loss=loss)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "changes"),
    [("rgcn", {}), ("rgtn", {}), ("rgcn", {"members": 2}), ("graphsage", {"batch": {"size": 64}})],
)
def test_deviations_are_kept_and_are_those_of_the_loaded_network(
    root: Path, method: str, changes: dict[str, Any]
) -> None:
    trained = opened(root, method, **GAUSSIAN, **changes)
    kg = trained.kg
    kept = trained.run.array(0, "deviation.npy", (kg.num_nodes,))
    assert kept.min() > 0
    assert kept.std() > 0
    of_each = []
    for network in trained.networks_of(0):
        with torch.no_grad():
            made = deviation_of(network.given.outputs(network.model, network.given.predicting))
        assert made is not None
        of_each.append(made)
    assert np.sqrt(np.mean(np.square(of_each), axis=0)) == pytest.approx(kept, rel=1e-4)
    unchanged = ChangedGraph(trained, GraphChange(kg)).deviations()[0]
    assert unchanged == pytest.approx(kept, rel=1e-4)


@pytest.mark.parametrize("members", [1, 2])
def test_the_deviation_is_the_scale_of_the_interval(root: Path, members: int) -> None:
    run = opened(root, "rgcn", **GAUSSIAN, members=members).run
    intervals = score_nodes(run, data_root=root).intervals
    assert intervals is not None
    scale, spread = run.array(0, "deviation.npy", (300,)), predicted(run, [0], store_synthetic(root)).spread
    scale = scale if spread is None else np.hypot(scale, spread)
    assert intervals.calibration.scale == pytest.approx(scale)


def test_without_it_a_run_has_no_deviations(root: Path) -> None:
    trained = opened(root, "rgcn", folds={"run": [0]})
    assert "deviation.npy" not in trained.run.files(0)
    assert not ChangedGraph(trained, GraphChange(trained.kg)).deviations()
