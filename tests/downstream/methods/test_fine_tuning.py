"""downstream.methods.fine_tuning: a network behind pretrained encoders that are trained along."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stage_helpers import SMALL, run_quietly, small, store_synthetic

from downstream.methods.fine_tuning import FineTuned
from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import NetworkConfig
from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from nie.errors import NieError
from nie.models import ImportanceScores
from nie.runs.run import Run
from nie.training.block_batches import NeighbourBatches
from nie.training.loop import seeded
from nie.training.rates import rate_groups
from pretrain.inputs import prepare
from pretrain.licap import pretrain
from pretrain.stage import PRETRAINING

N = 300  # nodes of the synthetic graph
NETWORKS = [name for name, method in METHODS.items() if method.build is not None]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fine_tuning")
    store_synthetic(folder / "data")
    return folder


@functools.cache
def stage1(root: Path, *, inverse: bool = False, degrees: bool = True, cross_fit: int | None = None) -> Run:
    """A run of stage 1, whose settings may not be those that stage 2 has."""
    config = PRETRAINING.recipes.resolve(overrides={
        **SMALL, "device": "cpu", "folds": {"run": [0]}, "optim": {"max_epochs": 2}, "loss": {"gamma": 0.2},
        "graph": {"inverse_relations": inverse}, "features": {**SMALL["features"], "degrees": degrees},
        "cross_fit": cross_fit,
    })  # fmt: skip
    return pretrain(config, data_root=root / "data", run_root=root / "runs")


def given(root: Path, method: str = "graphsage", run: Run | None = None, **changes: Any) -> FoldNetwork:
    """What a network reads that is fine-tuned, unless ``changes`` say otherwise."""
    pretrained = str((run or stage1(root)).path)
    config = small(method, device="cpu", **{"pretrained": pretrained, "fine_tune": True, **changes})
    assert isinstance(config, NetworkConfig)
    inputs = prepare(config, data_root=root / "data")
    return FoldNetwork.of(FoldWork.of(METHODS[method], config, inputs, inputs.folds[0]))


def untrained(network: FoldNetwork) -> Any:
    with seeded(0):
        return network.build().eval()


def outputs(network: FoldNetwork) -> ImportanceScores:
    with torch.no_grad():
        return network.outputs(untrained(network), network.predicting)


def trained(root: Path, method: str = "graphsage", **changes: Any) -> Run:
    settings = {"pretrained": str(stage1(root).path), "fine_tune": True, "folds": {"run": [0]}, **changes}
    return estimate(small(method, device="cpu", **settings), data_root=root / "data", run_root=root / "runs")


@pytest.mark.parametrize("method", NETWORKS)
def test_before_training_it_is_the_network_on_the_embeddings(method: str, root: Path) -> None:
    tuned, fixed = (given(root, method, fine_tune=on) for on in (True, False))
    torch.testing.assert_close(outputs(tuned).score, outputs(fixed).score, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("rgtn", {"replaced": ["structural"]}),
        ("rgtn", {"features": {**SMALL["features"], "standardize": False}}),
        ("graphsage", {"features": {**SMALL["features"], "limit": 0.5, "degrees": False}}),
        ("rgtn", {"shown_labels": 0.5}),
        ("rgtn", {"model": {"relations": {"text": "tfidf", "context_weight": 0.3}}}),
        ("rgtn", {"model": {"encoders": {"semantic": "variational"}, "fusion": "attention"}}),
    ],
    ids=str,
)
def test_that_holds_for_all_settings_of_its_input(method: str, changes: dict[str, Any], root: Path) -> None:
    tuned, fixed = (given(root, method, fine_tune=on, **changes) for on in (True, False))
    torch.testing.assert_close(outputs(tuned).score, outputs(fixed).score, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("stage2", [False, True])
def test_each_stage_has_its_own_graph_and_features(stage2: bool, root: Path) -> None:
    run = stage1(root, inverse=not stage2, degrees=False)
    changes = {"run": run, "graph": {"inverse_relations": stage2}}
    tuned, fixed = (given(root, "rgcn", fine_tune=on, **changes) for on in (True, False))
    torch.testing.assert_close(outputs(tuned).score, outputs(fixed).score, rtol=1e-6, atol=1e-6)


def check_blocks(network: FoldNetwork, masks: dict[str, torch.Tensor] | None) -> None:
    """Whole blocks of all training nodes give what the graph gives; in float64, so that no rounding hides an error."""
    model, everyone = untrained(network).double(), torch.arange(len(network.train))
    assert model.num_hops == 2 + model.network.num_hops
    feats = {name: feat.double() for name, feat in network.feats.items()}
    batches = NeighbourBatches(network.message, network.train, 100, [-1] * model.num_hops)
    with torch.no_grad():
        whole = network.outputs(model, feats, masks).score
        for batch, scores in batches.epoch(model, feats, everyone, torch.Generator(), masks):
            torch.testing.assert_close(scores.score, whole[network.train[batch]], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", NETWORKS)
def test_whole_blocks_give_what_the_graph_gives(method: str, root: Path) -> None:
    check_blocks(given(root, method, batch={"size": 100}), None)


def test_the_masks_of_a_block_are_those_of_the_nodes_of_the_network(root: Path) -> None:
    more = {**SMALL["features"], "more": {"numeric": "relations"}}
    changes = {"features": more, "model": {"encoders": {"numeric": "variational"}, "num_layers": 1}}
    network = given(root, "rgtn", batch={"size": 100}, **changes)
    check_blocks(network, {**network.masks, "numeric": torch.arange(N) % 2 == 0})


@pytest.mark.parametrize("method", NETWORKS)
def test_gradients_reach_every_weight_of_the_encoders(method: str, root: Path) -> None:
    network = given(root, method)
    model = untrained(network)
    assert isinstance(model, FineTuned)
    network.outputs(model, network.feats).score[network.train].square().sum().backward()
    for name, parameter in model.encoders.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_the_encoders_have_a_learning_rate_of_their_own(root: Path) -> None:
    for changes, share in (({}, 0.1), ({"fine_tune_lr": 0.5}, 0.5), ({"fine_tune_lr": 1.0}, 1.0)):
        model = untrained(given(root, **changes))
        rates = {id(one): group["lr"] for group in rate_groups(model, 0.01) for one in group["params"]}
        assert {rates[id(one)] for one in model.encoders.parameters()} == {0.01 * share}
        assert {rates[id(one)] for one in model.network.parameters()} == {0.01}


def encoder_weights(run: Run) -> Iterator[tuple[str, torch.Tensor]]:
    import safetensors.torch

    for name, value in safetensors.torch.load_file(run.file(0, "model.safetensors")).items():
        if name.startswith("encoders.") and ".encoder." in name:
            yield name, value


@pytest.mark.parametrize("changes", [{}, {"batch": {"size": 60, "fanout": 3}}, {"select_value": "rmse"}], ids=str)
def test_a_finished_run_holds_trained_encoders_and_is_opened_again(changes: dict[str, Any], root: Path) -> None:
    run, network = trained(root, **changes), given(root, **changes)
    start = dict(untrained(network).named_parameters())
    moved = [name for name, value in encoder_weights(run) if not torch.equal(value, start[name])]
    assert len(moved) == len(list(encoder_weights(run))) > 0
    with torch.no_grad():
        for value, stored in ((True, run.predictions(0, N)), (False, run.ranking_scores(0, N))):
            made = network.outputs(network.trained(run, 0, value=value), network.predicting).score
            np.testing.assert_allclose(made.double() + network.centre, stored, rtol=1e-5)


@pytest.mark.parametrize("more", [{"loss": {"contrast_weight": 1.0}}, {"shown_labels": 0.5}, {"members": 2}], ids=str)
def test_it_goes_together_with_other_ways_of_training(more: dict[str, Any], root: Path) -> None:
    run = trained(root, optim={"max_epochs": 2}, **more)
    assert np.isfinite(run.predictions(0, N)).all()


def test_relation_weights_are_in_the_curves(root: Path) -> None:
    relations = {"text": "tfidf", "similarity_weight": 0.3, "learn_weights": True}
    run = trained(root, "rgtn", optim={"max_epochs": 2}, model={"relations": relations})
    assert "weight" in (run.fold_path(0) / "curves.csv").read_text(encoding="utf-8").splitlines()[0]


def test_what_does_not_go_together_is_refused(root: Path) -> None:
    for changes, error in (
        ({"pretrained": None}, "trains the encoders of a run of stage 1 further; give its folder as --pretrained"),
        ({"fine_tune": False, "fine_tune_lr": 0.5}, "fine_tune_lr is for fine_tune, which is off"),
        ({"pretrained": str(stage1(root, cross_fit=2).path)}, "embeds training nodes by those of cross_fit"),
        (
            {"pretrained": str(stage1(root, inverse=True).path), "batch": {"size": 60}},
            "needs the graph of stage 1, which has graph.inverse_relations True, graph.self_loops True, but this run "
            "has graph.inverse_relations False",
        ),
    ):
        with pytest.raises(NieError, match=error):
            trained(root, **changes)
    model = {"encoders": {"semantic": "variational"}, "reconstruct": True}
    with pytest.raises(NieError, match=r"model\.reconstruct decodes features, and fine_tune changes them"):
        trained(root, "rgtn", model=model, loss={"variational_weight": 1.0})


def test_a_method_that_is_no_network_knows_no_fine_tuning(root: Path, tmp_path: Path) -> None:
    command = ["downstream", "--recipe", "fast", "--dataset", "synthetic", "--method", "ridge", "--fine_tune"]
    code, _, error = run_quietly(command, root / "data", tmp_path)
    assert code == 2
    assert "fine_tune" in error
    assert not list(tmp_path.iterdir())
