"""pretrain.licap: the stage."""

from pathlib import Path

import numpy as np
import pytest
import torch
from stage_helpers import SMALL, store_synthetic, with_labels

import nie.training.loop
import pretrain.licap
from nie.data import KnowledgeGraph
from nie.data.store import save
from nie.errors import NieError
from nie.runs.files import read_json
from nie.runs.run import Run
from pretrain.binning import closeness
from pretrain.cross_validation import make_folds
from pretrain.inputs import StageInputs
from pretrain.licap import contrast_sets, licap_loss
from pretrain.licap_settings import LicapConfig
from pretrain.losses import finer_bin_loss, top_bin_loss
from pretrain.stage import PRETRAINING


def run(root: Path, **changes: object) -> Run:
    settings = {**SMALL, "folds": {"run": [0]}, "loss": {"gamma": 0.2}, **changes}
    config = PRETRAINING.recipes.load(overrides=settings)
    return pretrain.licap.pretrain(config, data_root=root / "data", run_root=root / "runs")


def without_features(config: LicapConfig, kg: KnowledgeGraph) -> StageInputs:
    return StageInputs(kg, {}, make_folds(kg.label_mask), config)


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
    own = {"config.yaml", "provenance.json", "summary.json"}
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
        config = PRETRAINING.recipes.load(
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
    overrides = {**SMALL, "loss": {"gamma": 0.2, "eta1": eta1, "eta2": eta2}}
    config = PRETRAINING.recipes.load(overrides=overrides)
    bins = contrast_sets(config, without_features(config, kg), make_folds(kg.label_mask)[0])
    embedding = torch.randn(kg.num_nodes, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    top, pool = embedding[torch.from_numpy(bins.top)], embedding[torch.from_numpy(bins.pool)]
    finer = finer_bin_loss(top, torch.from_numpy(bins.bin), torch.from_numpy(closeness(bins.num_bins)))
    expected = eta1 * top_bin_loss(top, pool) + eta2 * finer
    assert torch.allclose(licap_loss(embedding, bins, config), expected, rtol=1e-12)


def test_random_sampling_draws_other_nodes(kg: KnowledgeGraph) -> None:
    fold = make_folds(kg.label_mask)[0]
    sets = {}
    for sampling in ("top_first", "random"):
        loss = {"gamma": 0.2, "sampling": sampling}
        config = PRETRAINING.recipes.load(overrides={**SMALL, "loss": loss})
        sets[sampling] = contrast_sets(config, without_features(config, kg), fold)
    assert set(sets["top_first"].top) != set(sets["random"].top)
    assert all(set(bins.top) <= set(fold.train) for bins in sets.values())


def test_an_interrupted_fold_continues_to_the_same_result(
    kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(tmp_path)
    monkeypatch.setattr(nie.training.loop, "CHECKPOINT_EVERY_S", 0.0)
    calls = 0

    def interrupted(*arguments: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 15:  # each epoch takes two: in the second channel's second epoch
            raise KeyboardInterrupt
        return licap_loss(*arguments)

    config = PRETRAINING.recipes.load(overrides={**SMALL, "folds": {"run": [0]}, "loss": {"gamma": 0.2}})
    monkeypatch.setattr(pretrain.licap, "licap_loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pretrain.licap.pretrain(config, data_root=tmp_path / "data", run_root=tmp_path / "again")
    resumed = pretrain.licap.pretrain(config, data_root=tmp_path / "data", run_root=tmp_path / "again")
    assert calls < 15 + 24
    assert resumed.metrics(0) == expected.metrics(0)
    for channel in ("structural", "semantic"):
        paths = [result.fold_path(0) / channel / "embeddings.npy" for result in (expected, resumed)]
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_too_few_nodes_for_a_bin_is_one_sentence(kg: KnowledgeGraph, tmp_path: Path) -> None:
    with pytest.raises(NieError):
        run(tmp_path, loss={"gamma": 0.2, "width": 1e-9})
    assert not (tmp_path / "runs").exists()


def test_timing_stays_out_of_the_metrics(kg: KnowledgeGraph, tmp_path: Path) -> None:
    result = run(tmp_path)
    assert "seconds_per_epoch" in read_json(result.fold_path(0) / "timing.json")
    assert "second" not in (result.fold_path(0) / "metrics.json").read_text()
