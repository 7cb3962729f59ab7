"""pretrain.licap: the stage."""

import csv
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stage_helpers import SMALL, store_synthetic, with_labels

import nie.training.loop
import nie.training.memory_plan
import pretrain.licap
import pretrain.objectives
from nie.data import Channel, KnowledgeGraph, message_graph
from nie.data.store import save
from nie.errors import NieError
from nie.models import PreGAT
from nie.runs.files import read_json
from nie.runs.run import Run
from nie.training.neighbourhood import NeighbourSampler
from pretrain.binning import closeness
from pretrain.contrast import Contrast
from pretrain.contrast_sets import contrast_sets
from pretrain.inputs import NodeInputs, prepare
from pretrain.licap_settings import LicapConfig
from pretrain.losses import finer_bin_loss, top_bin_loss
from pretrain.objectives import licap_loss
from pretrain.stage import PRETRAINING


def run(root: Path, **changes: object) -> Run:
    settings = {**SMALL, "folds": {"run": [0]}, "loss": {"gamma": 0.2}, **changes}
    config = PRETRAINING.recipes.resolve(overrides=settings)
    return pretrain.licap.pretrain(config, data_root=root / "data", run_root=root / "runs")


def prepared(root: Path, **changes: object) -> tuple[LicapConfig, NodeInputs]:
    config = PRETRAINING.recipes.resolve(overrides={**SMALL, **changes})
    assert isinstance(config, LicapConfig)
    return config, prepare(config, data_root=root / "data")


@pytest.fixture
def kg(tmp_path: Path) -> KnowledgeGraph:
    return store_synthetic(tmp_path / "data")


def test_a_run_holds_what_the_architecture_promises(kg: KnowledgeGraph, tmp_path: Path) -> None:
    result = run(tmp_path)
    files = {str(path.relative_to(result.path)) for path in result.path.rglob("[!.]*") if path.is_file()}
    channel_files = {
        f"fold0/{channel}/{name}"
        for channel in ("structural", "semantic")
        for name in ("embeddings.npy", "model.safetensors", "curves.csv")
    }
    own = {"config.yaml", "provenance.json", "seal.json", "summary.json"}
    assert files == own | channel_files | {
        f"fold0/{name}" for name in ("split.npz", "metrics.json", "timing.json", "DONE")
    }
    assert np.load(result.path / "fold0/structural/embeddings.npy").shape == (kg.num_nodes, 64)
    assert np.load(result.path / "fold0/semantic/embeddings.npy").shape == (kg.num_nodes, 128)
    metrics = result.metrics(0)
    assert metrics["top_nodes"] > 0
    assert metrics["binding"]["dataset_sha256"] == kg.digest


def test_labels_outside_the_training_nodes_change_no_embedding(kg: KnowledgeGraph, tmp_path: Path) -> None:
    first = run(tmp_path)
    split = np.load(first.fold_path(0) / "split.npz")
    labels = kg.labels.copy()
    outside = np.concatenate([split["val"], split["test"]])
    labels[outside] = labels[outside][::-1] * 7 + 1
    save(with_labels(kg, labels), tmp_path / "other" / "data" / kg.name / "processed")
    second = run(tmp_path / "other")
    for channel in ("structural", "semantic"):
        one, two = (np.load(result.fold_path(0) / channel / "embeddings.npy") for result in (first, second))
        assert np.array_equal(one, two)
    # The same change inside the training nodes does show.
    labels = kg.labels.copy()
    labels[split["train"]] = labels[split["train"]][::-1]
    save(with_labels(kg, labels), tmp_path / "third" / "data" / kg.name / "processed")
    third = run(tmp_path / "third")
    assert not np.array_equal(one, np.load(third.fold_path(0) / channel / "embeddings.npy"))


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(kg: KnowledgeGraph, tmp_path: Path) -> None:
    results = []
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        config = PRETRAINING.recipes.resolve(
            overrides={**SMALL, "folds": {"run": [0]}, "loss": {"gamma": 0.2}, "seed": seed}
        )
        results.append(pretrain.licap.pretrain(config, data_root=tmp_path / "data", run_root=tmp_path / folder))
    metrics = [(result.fold_path(0) / "metrics.json").read_bytes() for result in results]
    assert metrics[0] == metrics[1] != metrics[2]


def test_a_finished_fold_is_kept(kg: KnowledgeGraph, tmp_path: Path) -> None:
    result = run(tmp_path)
    before = (result.fold_path(0) / "timing.json").stat().st_mtime_ns
    run(tmp_path)
    assert (result.fold_path(0) / "timing.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("channels", [["structural"], ["semantic"]])
def test_one_channel_alone(channels: list[str], kg: KnowledgeGraph, tmp_path: Path) -> None:
    result = run(tmp_path, channels=channels)
    assert result.metrics(0)["channels"] == channels
    assert [path.name for path in result.fold_path(0).iterdir() if path.is_dir()] == channels


@pytest.mark.parametrize("use_relations", [True, False])
def test_relations_can_be_left_out(use_relations: bool, kg: KnowledgeGraph, tmp_path: Path) -> None:
    assert run(tmp_path, model={"use_relations": use_relations}, channels=["structural"]).is_done(0)


@pytest.mark.parametrize(("eta1", "eta2"), [(1.0, 0.0), (0.0, 2.0), (1.0, 0.5)])
def test_the_loss_weighs_its_two_terms(eta1: float, eta2: float, kg: KnowledgeGraph, tmp_path: Path) -> None:
    config, inputs = prepared(tmp_path, loss={"gamma": 0.2, "eta1": eta1, "eta2": eta2})
    bins = contrast_sets(config, inputs, inputs.folds[0])
    embedding = torch.randn(kg.num_nodes, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    top, pool = embedding[torch.from_numpy(bins.top)], embedding[torch.from_numpy(bins.pool)]
    finer = finer_bin_loss(top, torch.from_numpy(bins.bin), torch.from_numpy(closeness(bins.num_bins)))
    expected = eta1 * top_bin_loss(top, pool) + eta2 * finer
    found = licap_loss(embedding, Contrast.of(bins, torch.device("cpu")), config.loss)
    assert torch.allclose(found, expected, rtol=1e-12)


def test_random_sampling_draws_other_nodes(kg: KnowledgeGraph, tmp_path: Path) -> None:
    sets = {}
    for sampling in ("top_first", "random"):
        config, inputs = prepared(tmp_path, loss={"gamma": 0.2, "sampling": sampling})
        sets[sampling] = contrast_sets(config, inputs, inputs.folds[0])
    assert set(sets["top_first"].top) != set(sets["random"].top)
    assert all(set(bins.top) <= set(inputs.folds[0].train) for bins in sets.values())


def test_a_step_of_all_nodes_and_all_their_neighbours_has_the_loss_of_the_whole_graph(
    kg: KnowledgeGraph, tmp_path: Path
) -> None:
    config, inputs = prepared(tmp_path, loss={"gamma": 0.2})
    contrast = Contrast.of(contrast_sets(config, inputs, inputs.folds[0]), torch.device("cpu"))
    message = message_graph(kg)
    feat = torch.from_numpy(kg.channels["semantic"].features.copy()).double()
    torch.manual_seed(0)
    model = PreGAT(feat.shape[1], 16, num_relations=message.num_relations).double()
    whole = licap_loss(model(message.graph, feat, message.etype), contrast, config.loss)
    generator = torch.Generator().manual_seed(0)
    ((nodes, own),) = contrast.steps(10_000, generator)
    found = NeighbourSampler(message, [-1] * model.num_hops).sample(nodes, generator)
    embedding = model(found.blocks, feat[found.nodes], found.etypes)
    assert len(embedding) == len(contrast.top) + len(contrast.pool)
    torch.testing.assert_close(licap_loss(embedding, own, config.loss), whole, rtol=0, atol=1e-10)


@pytest.mark.parametrize("objective", ["licap", "regression"])
def test_batches_of_all_neighbours_train_as_the_whole_graph_does(
    objective: str, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    settings = {"loss": {"gamma": 0.2, "objective": objective}, "channels": ["semantic"]}
    whole, batch = (run(tmp_path, **settings, batch={"size": size}) for size in (None, 10_000))
    losses, embeddings = [], []
    for one in (whole, batch):
        folder = one.fold_path(0) / "semantic"
        with (folder / "curves.csv").open() as file:
            losses.append([float(row["loss"]) for row in csv.DictReader(file)])
        embeddings.append(np.load(folder / "embeddings.npy"))
    assert len(losses[0]) == SMALL["optim"]["max_epochs"]
    np.testing.assert_allclose(*losses, rtol=0, atol=1e-5)
    np.testing.assert_allclose(*embeddings, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [20, 33, 1000])
def test_the_steps_of_an_epoch_part_the_nodes(size: int, kg: KnowledgeGraph, tmp_path: Path) -> None:
    config, inputs = prepared(tmp_path, loss={"gamma": 0.2})
    contrast = Contrast.of(contrast_sets(config, inputs, inputs.folds[0]), torch.device("cpu"))
    bin_of = dict(zip(contrast.top.tolist(), contrast.bin.tolist(), strict=True))
    top, pool = [], []
    for nodes, own in contrast.steps(size, torch.Generator().manual_seed(0)):
        assert len(nodes) == len(own.top) + len(own.pool) <= size
        assert len(own.top) >= 2
        assert len(own.pool) >= 1
        assert own.bin.tolist() == [bin_of[node] for node in nodes[own.top].tolist()]
        top += nodes[own.top].tolist()
        pool += nodes[own.pool].tolist()
    assert sorted(top) == sorted(contrast.top.tolist())
    assert sorted(pool) == sorted(contrast.pool.tolist())


def test_training_on_sampled_blocks_learns(kg: KnowledgeGraph, tmp_path: Path) -> None:
    result = run(tmp_path, batch={"size": 40, "fanout": 3}, channels=["semantic"], optim={"max_epochs": 12})
    rows = (result.fold_path(0) / "semantic" / "curves.csv").read_text().splitlines()
    place = rows[0].split(",").index("licap")
    contrast = [float(row.split(",")[place]) for row in rows[1:]]
    assert min(contrast) < 0.9 * contrast[0]


def test_stage_1_trains_within_a_memory(
    kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(nie.training.memory_plan, "PROGRAM", 0)
    with caplog.at_level(logging.INFO, logger="nie"):
        result = run(tmp_path, memory="3M", channels=["semantic"], optim={"max_epochs": 2})
    assert np.isfinite(np.load(result.fold_path(0) / "semantic" / "embeddings.npy")).all()
    assert "licap semantic fold 0: 3M of memory" in caplog.text
    assert "batches of" in caplog.text


def test_batches_too_small_for_a_contrast_are_refused_before_anything_is_written(
    kg: KnowledgeGraph, tmp_path: Path
) -> None:
    with pytest.raises(NieError, match=r"Fold 0 of synthetic: batch.size 4 is too small"):
        run(tmp_path, batch={"size": 4})
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("batch", "stop"), [({}, 15), ({"size": 40, "fanout": 3}, 23)])
def test_an_interrupted_fold_continues_to_the_same_result(
    batch: dict[str, int], stop: int, kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(tmp_path, batch=batch)
    monkeypatch.setattr(nie.training.loop, "CHECKPOINT_EVERY_S", 0.0)
    calls = 0

    def interrupted(*arguments: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == stop:
            raise KeyboardInterrupt
        return licap_loss(*arguments)

    monkeypatch.setattr(pretrain.objectives, "licap_loss", interrupted)
    again = {"data_root": tmp_path / "data", "run_root": tmp_path / "again"}
    config, _ = prepared(tmp_path, folds={"run": [0]}, loss={"gamma": 0.2}, batch=batch)
    with pytest.raises(KeyboardInterrupt):
        pretrain.licap.pretrain(config, **again)
    before = calls
    resumed = pretrain.licap.pretrain(config, **again)
    monkeypatch.setattr(pretrain.objectives, "licap_loss", licap_loss)
    assert 0 < calls - before < 2 * before
    assert resumed.metrics(0) == expected.metrics(0)
    for channel in ("structural", "semantic"):
        paths = [result.fold_path(0) / channel / "embeddings.npy" for result in (expected, resumed)]
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_too_few_nodes_for_a_bin_is_one_sentence(kg: KnowledgeGraph, tmp_path: Path) -> None:
    with pytest.raises(NieError):
        run(tmp_path, loss={"gamma": 0.2, "width": 1e-9})
    assert not (tmp_path / "runs").exists()


def test_a_column_of_years_beside_raw_vectors_does_not_keep_the_contrast_from_falling(
    kg: KnowledgeGraph, tmp_path: Path
) -> None:
    years = np.random.default_rng(0).integers(1900, 2020, (kg.num_nodes, 1))
    facts = Channel(years.astype(np.float32), np.ones(kg.num_nodes, dtype=bool))
    save(replace(kg, channels={**kg.channels, "facts": facts}), tmp_path / "data" / kg.name / "processed")
    features = {"structural": "structural+facts", "degrees": False, "standardize": False}
    result = run(tmp_path, features=features, channels=["structural"], optim={"max_epochs": 40})
    curve = [float(line.split(",")[1]) for line in result.file(0, "structural/curves.csv").read_text().split()[1:]]
    assert curve[-1] < curve[0] / 2


def test_equal_bins_that_are_advised_are_full(
    kg: KnowledgeGraph, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="nie"):
        run(tmp_path, loss={"gamma": 0.1}, channels=["structural"], optim={"max_epochs": 1})
    (advice,) = [message for message in caplog.messages if "finer bins hold" in message]
    assert "hold 16, 4 nodes; --loss.bins top-quantiles --loss.num_bins 2 makes" in advice
    caplog.clear()
    with caplog.at_level("INFO", logger="nie"):
        run(tmp_path, loss={"gamma": 0.03}, channels=["structural"], optim={"max_epochs": 1})
    assert not any("finer bins hold" in message for message in caplog.messages)  # too few for two bins that are full


def test_timing_stays_out_of_the_metrics(kg: KnowledgeGraph, tmp_path: Path) -> None:
    result = run(tmp_path)
    assert "seconds_per_epoch" in read_json(result.fold_path(0) / "timing.json")
    assert "second" not in (result.fold_path(0) / "metrics.json").read_text()
