"""downstream.stages.estimation: the stage of importance estimation."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import SMALL, small, store_synthetic, with_labels

from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.table import METHODS
from downstream.metrics.registry import METRICS, evaluate
from downstream.stages.estimation import estimate
from downstream.stages.importance import IMPORTANCE
from nie.__main__ import main
from nie.data import Channel, KnowledgeGraph
from nie.data.store import save
from nie.errors import NieError
from nie.runs.files import read_json
from nie.runs.run import Run
from nie.settings.sections import FoldsConfig
from nie.training import loop
from pretrain.inputs import prepare
from pretrain.licap import pretrain
from pretrain.stage import PRETRAINING


def config(**changes: object) -> ImportanceConfig:
    return IMPORTANCE.recipes.resolve(overrides={**SMALL, "folds": {"run": [0]}, **changes})


def of_method(method: str) -> ImportanceConfig:
    return small(method, folds={"run": [0]})


def run(root: Path, **changes: object) -> Run:
    return estimate(config(**changes), data_root=root / "data", run_root=root / "runs")


def run_ridge(root: Path, run: Sequence[int] = (0,)) -> Run:
    settings = of_method("ridge").model_copy(update={"folds": FoldsConfig(run=tuple(run))})
    return estimate(settings, data_root=root / "data", run_root=root / "runs")


@pytest.fixture
def kg(tmp_path: Path) -> KnowledgeGraph:
    return store_synthetic(tmp_path / "data")


def test_a_run_holds_what_the_architecture_promises(kg: KnowledgeGraph, tmp_path: Path) -> None:
    result = run(tmp_path)
    files = {str(path.relative_to(result.path)) for path in result.path.rglob("[!.]*") if path.is_file()}
    fold = ("split.npz", "model.safetensors", "predictions.npy", "curves.csv", "metrics.json", "timing.json", "DONE")
    assert files == {"config.yaml", "provenance.json", "seal.json", "summary.json", *(f"fold0/{name}" for name in fold)}


def test_test_figures_are_those_of_the_stored_predictions(kg: KnowledgeGraph, tmp_path: Path) -> None:
    result = run(tmp_path)
    prediction = np.load(result.fold_path(0) / "predictions.npy").astype(np.float64)
    test = np.load(result.fold_path(0) / "split.npz")["test"]
    expected = evaluate(kg.targets[test], prediction[test])
    found = result.metrics(0)["test"]
    assert set(found) == {*expected, *(name for name, metric in METRICS.items() if metric.of_tiers), "cka"}
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("changes", [{}, {"shown_labels": 0.5}])
def test_test_labels_change_nothing_but_the_test_figures(kg: KnowledgeGraph, tmp_path: Path, changes: dict) -> None:
    first = run(tmp_path, **changes)
    test = np.load(first.fold_path(0) / "split.npz")["test"]
    labels = kg.labels.copy()
    labels[test] = labels[test][::-1] + 3
    save(with_labels(kg, labels), tmp_path / "other" / "data" / kg.name / "processed")
    second = run(tmp_path / "other", **changes)
    files = [result.fold_path(0) / "predictions.npy" for result in (first, second)]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert first.metrics(0)["val"] == second.metrics(0)["val"]
    assert first.metrics(0)["test"] != second.metrics(0)["test"]


def test_more_training_finds_what_the_labels_depend_on(kg: KnowledgeGraph, tmp_path: Path) -> None:
    optim = {"max_epochs": 50, "lr": 0.03, "schedule": "one_cycle"}
    result = run(tmp_path, optim=optim, model={"num_layers": 1, "feat_drop": 0.1, "ffn_drop": 0.1})
    assert result.metrics(0)["test"]["spearman"] > 0.8


@pytest.mark.parametrize("method", [method for method in METHODS if method != "blend"])
def test_every_method_runs_and_reruns_to_the_same_bytes(method: str, kg: KnowledgeGraph, tmp_path: Path) -> None:
    files = []
    for folder in ("a", "b"):
        result = estimate(of_method(method), data_root=tmp_path / "data", run_root=tmp_path / folder)
        files.append((result.fold_path(0) / "metrics.json").read_bytes())
    assert files[0] == files[1]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A folder of data and runs, and the run of the small settings in it."""
    root = tmp_path_factory.mktemp("plain")
    store_synthetic(root / "data")
    return root, run(root)


@pytest.mark.parametrize(
    "changes",
    [
        {"centre_labels": False},
        {"select": "rmse"},
        {"members": 2},
        {"shown_labels": 0.5},
        {"unseen_nodes": 0.5},
        {"features": {**SMALL["features"], "limit": 0.5}},
        {"graph": {"inverse_relations": True, "self_loops": False}},
        {"features": {**SMALL["features"], "degrees": False, "standardize": False}},
        {"model": {"mode": "dot", "residual": False, "activation": "leaky_relu", "centrality_scale": True}},
        {"model": {"mode": "gate", "attn_drop": 0.2, "num_layers": 1}},
        {"loss": {"listwise_weight": 0.0, "channel_weight": 0.0}},
        {"loss": {"listwise": "lambda", "label_noise": 0.1}},
        {"optim": {"max_epochs": 6, "schedule": "one_cycle", "clip_norm": 1.0, "eval_every": 3}},
        {"optim": {"max_epochs": 6, "ema": 0.9}},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_every_setting_changes_the_result(changes: dict, plain: tuple[Path, Run]) -> None:
    root, unchanged = plain
    changed = run(root, **changes)
    assert unchanged.path != changed.path
    one, two = (np.load(result.fold_path(0) / "predictions.npy") for result in (unchanged, changed))
    assert np.isfinite(two).all()
    assert changes == {"select": "rmse"} or not np.array_equal(one, two)


def test_pretrained_channels_replace_raw_ones(kg: KnowledgeGraph, tmp_path: Path) -> None:
    stage1 = PRETRAINING.recipes.resolve(overrides={**SMALL, "folds": {"run": [0]}, "loss": {"gamma": 0.2}})
    pretrained = pretrain(stage1, data_root=tmp_path / "data", run_root=tmp_path / "runs")
    raw, replaced = run(tmp_path), run(tmp_path, pretrained=str(pretrained.path))
    one, two = (np.load(result.fold_path(0) / "predictions.npy") for result in (raw, replaced))
    assert not np.array_equal(one, two)
    with pytest.raises(NieError, match="no finished fold 1"):
        run(tmp_path, pretrained=str(pretrained.path), folds={"run": [1]})
    with pytest.raises(NieError, match="another fold"):
        run(tmp_path, pretrained=str(pretrained.path), folds={"run": [0], "seed": 3})


@pytest.mark.parametrize("method", ["ridge", "gcn", "geni"])
def test_pretraining_serves_every_method_that_reads_features(method: str, kg: KnowledgeGraph, tmp_path: Path) -> None:
    stage1 = PRETRAINING.recipes.resolve(overrides={**SMALL, "folds": {"run": [0]}, "loss": {"gamma": 0.2}})
    path = str(pretrain(stage1, data_root=tmp_path / "data", run_root=tmp_path / "runs").path)
    predictions = []
    for changes in ({}, {"pretrained": path}, {"pretrained": path, "replaced": ("semantic",)}):
        settings = of_method(method).model_copy(update=changes)
        result = estimate(settings, data_root=tmp_path / "data", run_root=tmp_path / "runs")
        predictions.append(np.load(result.fold_path(0) / "predictions.npy"))
    assert not any(np.array_equal(predictions[i], predictions[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


@pytest.mark.parametrize("method", ["ridge", "rgtn"])
def test_embeddings_may_stand_beside_the_features(method: str, kg: KnowledgeGraph, tmp_path: Path) -> None:
    loss = {"gamma": 0.2, "objective": "untrained"}
    stage1 = PRETRAINING.recipes.resolve(overrides={**SMALL, "folds": {"run": [0]}, "loss": loss})
    path = str(pretrain(stage1, data_root=tmp_path / "data", run_root=tmp_path / "runs").path)
    sizes, names = {}, set()
    for place in ("replacement", "addition", "channel"):
        config = of_method(method).model_copy(update={"pretrained": path, "pretrained_as": place})
        inputs = prepare(config, data_root=tmp_path / "data")
        work = FoldWork.of(METHODS[method], config, inputs, inputs.folds[0])
        sizes[place] = {name: sum(part.features.shape[1] for part in parts) for name, parts in work.channels.items()}
        result = estimate(config, data_root=tmp_path / "data", run_root=tmp_path / "runs")
        names.add(result.path.name)
        assert result.path.name.startswith(f"{method}+untrained-")
    raw = {name: sum(part.features.shape[1] for part in parts) for name, parts in inputs.channels.items()}
    assert sizes["addition"] == {"structural": raw["structural"] + 64, "semantic": raw["semantic"] + 128}
    assert sizes["channel"] == {**raw, "pretrained_structural": 64, "pretrained_semantic": 128}
    assert len(names) == 3


def test_a_channel_that_was_not_pretrained_cannot_replace_one(kg: KnowledgeGraph, tmp_path: Path) -> None:
    stage1 = PRETRAINING.recipes.resolve(
        overrides={**SMALL, "folds": {"run": [0]}, "loss": {"gamma": 0.2}, "channels": ["semantic"]}
    )
    path = str(pretrain(stage1, data_root=tmp_path / "data", run_root=tmp_path / "runs").path)
    with pytest.raises(NieError, match=r"no embedding of the channel structural; use --replaced semantic"):
        run(tmp_path, pretrained=path, replaced=["structural"])


def test_values_may_come_from_another_epoch_than_ranks(kg: KnowledgeGraph, tmp_path: Path) -> None:
    one, two = run(tmp_path), run(tmp_path, select_value="rmse")
    first, second = one.metrics(0), two.metrics(0)
    assert set(second["fit"]["best_epoch"]) == {"spearman", "rmse"}
    assert second["test"]["spearman"] == first["test"]["spearman"]
    assert second["val"]["rmse"] <= first["val"]["rmse"]
    assert second["val"]["rmse"] == run(tmp_path, select="rmse").metrics(0)["val"]["rmse"]


def test_members_are_averaged_and_finished_ones_are_kept(kg: KnowledgeGraph, tmp_path: Path) -> None:
    result = run(tmp_path, members=2, select_value="rmse")
    fold = result.fold_path(0)
    outputs = [np.load(fold / f"member{member}" / "outputs.npy") for member in (0, 1)]
    assert not np.allclose(*outputs)
    mean = np.mean([output[1] for output in outputs], axis=0)
    np.testing.assert_allclose(np.load(fold / "predictions.npy"), mean, rtol=1e-6)
    assert set(result.metrics(0)["fit"]) == {"member0", "member1"}
    # An interruption between the members leaves the first one, which is not trained again.
    half = result.path / "fold0.partial"
    fold.rename(half)
    (half / "DONE").unlink()
    marker = (half / "member0" / "model.safetensors").stat().st_mtime_ns
    (half / "member1" / "DONE").unlink()
    kept = (half / "member0" / "outputs.npy").read_bytes()
    (half / "member0" / "outputs.npy").write_bytes(b"junk")
    with pytest.raises(NieError, match=r"member0 is damaged; remove that folder and run the same command again"):
        run(tmp_path, members=2, select_value="rmse")
    (half / "member0" / "outputs.npy").write_bytes(kept)
    again = run(tmp_path, members=2, select_value="rmse")
    assert (again.fold_path(0) / "member0" / "model.safetensors").stat().st_mtime_ns == marker
    np.testing.assert_array_equal(np.load(again.fold_path(0) / "member1" / "outputs.npy"), outputs[1])


@pytest.mark.parametrize("method", ["geni", "rgtn"])
def test_training_on_sampled_blocks(method: str, kg: KnowledgeGraph, tmp_path: Path) -> None:
    def trained(folder: str, epochs: int) -> Run:
        optim = {"max_epochs": epochs, "lr": 0.02, "schedule": "one_cycle"}
        settings = config(method=method, model={"num_layers": 2}, optim=optim, batch={"size": 50, "fanout": 5})
        return estimate(settings, data_root=tmp_path / "data", run_root=tmp_path / folder)

    files = [trained(folder, 2).fold_path(0) / "predictions.npy" for folder in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert trained("a", 20).metrics(0)["test"]["spearman"] > 0.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"select": "ndcg@100"}, "26 validation nodes"),
        ({"pretrained": "nowhere"}, "not a run directory"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    changes: dict, message: str, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    with pytest.raises(NieError, match=message):
        run(tmp_path, **changes)
    assert not (tmp_path / "runs").exists()


def test_equal_validation_labels_are_named(kg: KnowledgeGraph, tmp_path: Path) -> None:
    save(with_labels(kg, np.where(kg.label_mask, 5.0, np.nan)), tmp_path / "data" / kg.name / "processed")
    with pytest.raises(NieError, match="validation labels of fold 0 of synthetic are all equal"):
        run(tmp_path)


def test_other_given_features_are_another_run(kg: KnowledgeGraph, tmp_path: Path) -> None:
    first = run_ridge(tmp_path)
    semantic = kg.channels["semantic"]
    retold = kg.with_channels({"semantic": Channel(semantic.features + 1, semantic.mask)})
    save(retold, tmp_path / "data" / kg.name / "processed")
    second = run_ridge(tmp_path)
    assert second.path != first.path
    assert second.config["data"] == retold.data_digest[:8]
    save(kg, tmp_path / "data" / kg.name / "processed")
    assert run_ridge(tmp_path).path == first.path


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(NieError, match="did you mean 'pagerank'"):
        config(method="pagernak")


def test_more_folds_extend_a_run(kg: KnowledgeGraph, tmp_path: Path) -> None:
    first = run_ridge(tmp_path)
    second = run_ridge(tmp_path, (0, 2))
    assert first.path == second.path
    assert read_json(second.path / "summary.json")["folds"] == [0, 2]


@pytest.mark.slow
def test_killed_in_the_middle_and_started_again_gives_the_same_bytes(
    kg: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[Path] = []
    save = loop._State.save

    def save_and_die(state: Any, path: Path) -> None:
        save(state, path)
        saved.append(path)
        if len(saved) == 4:
            os.kill(os.getpid(), signal.SIGKILL)

    recipe = tmp_path / "own.yaml"
    recipe.write_text(
        "dataset: synthetic\nmodel: {num_layers: 1}\nfolds: {run: [0]}\noptim: {max_epochs: 8}\n"
        "features: {structural: structural, semantic: semantic}\n"
    )

    def arguments(folder: str) -> list[str]:
        roots = ["--data-root", str(tmp_path / "data"), "--run-root", str(tmp_path / folder), "--quiet"]
        return ["downstream", "--recipe", str(recipe), *roots]

    assert main(arguments("whole")) == 0
    victim = os.fork()  # which needs not load torch again
    if victim == 0:
        monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", 0.0)
        monkeypatch.setattr(loop._State, "save", save_and_die)
        os._exit(main(arguments("killed")))
    _, status = os.waitpid(victim, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert list((tmp_path / "killed").rglob("checkpoint.pt"))
    assert not list((tmp_path / "killed").rglob("DONE"))
    assert main(arguments("killed")) == 0
    for name in ("metrics.json", "predictions.npy", "curves.csv", "model.safetensors"):
        files = [next((tmp_path / folder).rglob(name)) for folder in ("whole", "killed")]
        assert files[0].read_bytes() == files[1].read_bytes(), name
    assert not list((tmp_path / "killed").rglob("*checkpoint*"))
