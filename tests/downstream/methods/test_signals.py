"""Several signals: what is seen of them and where, their likelihood, and what is learned where the truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stage_helpers import small, store_synthetic

from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.network import check_network
from downstream.methods.signal_clusters import signal_clusters
from downstream.methods.signal_settings import SignalsConfig
from downstream.methods.signals import SignalTable
from downstream.methods.table import METHODS
from downstream.stages.estimation import estimate
from nie.arrays import Floats
from nie.data import KnowledgeGraph, synthetic
from nie.data.store import save
from nie.errors import NieError
from nie.models import SignalMeans
from nie.rank_correlation import spearman
from nie.runs.run import Run
from pretrain.inputs import prepare

NODES = 800
FOLDS = {"run": [0]}
ALL_LEARN = {"max_epochs": 60, "lr": 0.03, "eval_every": 5, "patience": 60}


@pytest.fixture(scope="module")
def truth() -> Floats:
    """The importance of all nodes, which no signal shows as it is."""
    kg = synthetic(0, NODES)
    return np.where(kg.label_mask, kg.targets, np.nan)


@pytest.fixture(scope="module")
def kg(truth: Floats) -> KnowledgeGraph:
    """A label with much noise, and three signals with less, each on a scale of its own."""
    noise = np.random.default_rng(0).standard_normal((4, len(truth)))
    label = np.expm1(np.maximum(truth + 2.5 * noise[0], 0))
    signals = {"views": label, "votes": np.expm1(np.maximum(truth + noise[1], 0)), "stars": 3 * truth - 20 + noise[2]}
    signals["sales"] = np.where(np.arange(len(truth)) % 3 == 0, truth + 0.5 * noise[3] + 5, np.nan)
    return replace(synthetic(0, NODES), labels=label, signals=signals, meta={"label": "views"})


@pytest.fixture(scope="module")
def root(kg: KnowledgeGraph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signals")
    save(kg, folder / kg.name / "processed")
    return folder


def table(kg: KnowledgeGraph, **signals: Any) -> tuple[FoldWork, SignalTable]:
    config = small("multi-import", folds=FOLDS, model={"signals": signals})
    inputs = prepare(config, kg=kg)
    work = FoldWork.of(METHODS["multi-import"], config, inputs, inputs.folds[0])
    found = FoldNetwork.of(work).signals
    assert found is not None
    return work, found


def trained(root: Path, **signals: Any) -> Run:
    model = {"hidden_size": 16, "signals": signals}
    config = small("multi-import", folds=FOLDS, optim=ALL_LEARN, model=model)
    return estimate(config, data_root=root, run_root=root / "runs")


def test_batches_which_would_not_see_a_signal_outside_training_nodes_are_refused(kg: KnowledgeGraph) -> None:
    def checked(**signals: Any) -> object:
        config = small("multi-import", folds=FOLDS, batch={"size": 16}, model={"signals": signals})
        inputs = prepare(config, kg=kg)
        return check_network(FoldWork.of(METHODS["multi-import"], config, inputs, inputs.folds[0]))

    assert checked(names=["label"])
    with pytest.raises(NieError, match=r"batch.size learns from training nodes alone, .* set model.signals.names"):
        checked(known="everywhere")


def facts(run: Run) -> Mapping[str, Any]:
    found: Mapping[str, Any] = run.metrics(0)["fit"]["signals"]
    return found


def test_other_signals_are_seen_outside_validation_and_test_nodes(kg: KnowledgeGraph) -> None:
    work, found = table(kg)
    apart = np.concatenate([work.fold.val, work.fold.test])
    assert found.names == ("label", "votes", "stars", "sales")
    seen = found.seen.numpy()
    assert not seen[apart].any()
    np.testing.assert_array_equal(np.flatnonzero(seen[:, 0]), work.fold.train)
    np.testing.assert_array_equal(seen[work.fold.train, 3], np.isfinite(kg.signals["sales"][work.fold.train]))


def test_everywhere_shows_other_signals_of_test_nodes_and_never_what_is_made_of_the_label(kg: KnowledgeGraph) -> None:
    work, found = table(kg, known="everywhere", names=("votes", "label~reversed", "views~shuffled"))
    seen = found.seen.numpy()[work.fold.test]
    assert seen[:, 1].all()
    assert not seen[:, [0, 2, 3]].any()


@pytest.mark.parametrize("combine", ["latent", "mean", "heads"])
def test_labels_of_test_nodes_change_nothing_that_is_learned(kg: KnowledgeGraph, combine: str) -> None:
    work, found = table(kg, combine=combine)
    labels, apart = kg.labels.copy(), np.concatenate([work.fold.val, work.fold.test])
    labels[apart] = labels[apart][::-1] + 3
    signals = {name: np.where(np.isin(np.arange(kg.num_nodes), apart), 9e3, x) for name, x in kg.signals.items()}
    _, other = table(replace(kg, labels=labels, signals=signals), combine=combine)
    assert torch.equal(found.targets, other.targets)
    assert torch.equal(found.seen, other.seen)


def test_the_likelihood_is_that_of_every_seen_pair() -> None:
    generator = np.random.default_rng(1)
    targets, means, noise = generator.random((6, 3)), generator.random((6, 3)), np.array([0.3, -0.2, 1.0])
    seen = generator.random((6, 3)) < 0.6
    total = 0.0
    for node, signal in zip(*np.nonzero(seen), strict=True):
        total += (targets[node, signal] - means[node, signal]) ** 2 / np.exp(noise[signal]) + noise[signal]
    own = SignalTable(("a", "b", "c"), torch.from_numpy(targets), torch.from_numpy(seen))
    loss = own.loss(SignalMeans(torch.from_numpy(means), torch.from_numpy(noise)))
    assert float(loss) == pytest.approx(total / seen.any(axis=1).sum(), abs=1e-12)


def test_controls_change_what_they_say(kg: KnowledgeGraph) -> None:
    _, plain = table(kg, names=("votes",))
    _, found = table(kg, names=("votes~reversed", "votes~shuffled", "votes~hidden"))
    votes, there = plain.targets[:, 1], plain.seen[:, 1]
    torch.testing.assert_close(found.targets[:, 1], -votes)
    assert not torch.equal(found.targets[:, 2], votes)
    torch.testing.assert_close(found.targets[there, 2].sort().values, votes[there].sort().values)
    assert int(found.seen[:, 3].sum()) == pytest.approx(0.2 * int(there.sum()), abs=1)


@pytest.mark.parametrize(
    ("signals", "said"),
    [
        ({"names": ("vote",)}, "has no signal 'vote' .did you mean 'votes'.*; there are label, votes, stars, sales"),
        ({"names": ("votes~inverted",)}, "controls shuffled, reversed, hidden"),
    ],
)
def test_unknown_names_are_refused(kg: KnowledgeGraph, signals: dict[str, Any], said: str) -> None:
    with pytest.raises(NieError, match=said):
        table(kg, **signals)


def test_a_signal_that_says_nothing_is_refused(kg: KnowledgeGraph) -> None:
    for values, said in ((np.full(kg.num_nodes, np.nan), "seen at none"), (np.ones(kg.num_nodes), "the same at all")):
        with pytest.raises(NieError, match=said):
            table(replace(kg, signals={"votes": values}))


def test_a_graph_without_signals_has_its_label(kg: KnowledgeGraph) -> None:
    assert table(replace(kg, signals={}))[1].names == ("label",)
    assert table(kg, names=("label",))[1].names == ("label",)


def test_labels_that_every_step_learns_from_are_no_input(tmp_path: Path) -> None:
    """Refused before training and not with the settings, as recipes that show labels are for all networks."""
    store_synthetic(tmp_path)
    config = small("multi-import", shown_labels=0.5)
    with pytest.raises(NieError, match="set shown_labels to 0"):
        estimate(config, data_root=tmp_path, run_root=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_other_losses_of_the_label_are_refused() -> None:
    with pytest.raises(NieError, match=r"leave loss.importance out"):
        small("multi-import", loss={"importance": "mae"})


def test_several_signals_recover_the_importance_better_than_one(root: Path, truth: Floats) -> None:
    def recovered(run: Run) -> float:
        nodes = np.load(run.fold_path(0) / "split.npz")["test"]
        return spearman(truth[nodes], run.predictions(0, len(truth))[nodes])

    several, one = trained(root), trained(root, names=("label",))
    assert facts(several)["clusters"] == [["label", "votes", "stars", "sales"]]
    assert recovered(several) > recovered(one) + 0.05
    assert facts(several)["noise"]["label"] > 1.5  # 2.5, of which a part is cut off at 0


def test_rebels_end_in_clusters_of_their_own(root: Path) -> None:
    run = trained(root, names=("votes", "stars", "label~shuffled", "stars~reversed"))
    found = facts(run)
    assert found["clusters"][0] == ["label", "votes", "stars"]
    assert sorted(found["clusters"][1:]) == [["label~shuffled"], ["stars~reversed"]]
    assert found["correlations"]["stars~reversed"] < -0.5
    assert abs(found["correlations"]["label~shuffled"]) < 0.35


def test_signals_that_share_no_node_are_learned_by_what_their_nodes_have_in_common(
    kg: KnowledgeGraph, tmp_path: Path
) -> None:
    even = np.arange(kg.num_nodes) % 2 == 0
    apart = replace(
        kg, labels=np.where(even, kg.labels, np.nan), label_mask=kg.label_mask & even,
        signals={"votes": np.where(even, np.nan, kg.signals["votes"])},
    )  # fmt: skip
    save(apart, tmp_path / kg.name / "processed")
    found = facts(trained(tmp_path))
    assert found["clusters"] == [["label", "votes"]]


@pytest.mark.parametrize(("threshold", "clusters"), [(0.0, [["label"], ["votes"]]), (-1.0, [["label", "votes"]])])
def test_a_signal_at_too_few_nodes_to_be_judged_is_split_off_unless_none_is(
    threshold: float, clusters: list[list[str]], kg: KnowledgeGraph
) -> None:
    fold = prepare(small("multi-import", folds=FOLDS), kg=kg).folds[0]
    few = np.full(kg.num_nodes, np.nan)
    few[fold.train[:4]] = [1.0, 2.0, 3.0, 4.0]
    work, _ = table(replace(kg, signals={"votes": few}), threshold=threshold, cluster_epochs=1)
    asked = SignalsConfig(threshold=threshold, cluster_epochs=1)
    assert signal_clusters(FoldNetwork.of(work), asked).clusters == clusters


@pytest.mark.parametrize("combine", ["mean", "heads"])
def test_baselines_learn(root: Path, combine: str) -> None:
    run = trained(root, combine=combine)
    assert run.metrics(0)["test"]["spearman"] > 0.2
    assert facts(run)["clusters"] == [["label"] if combine == "mean" else ["label", "votes", "stars", "sales"]]
