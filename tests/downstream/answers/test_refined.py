"""downstream.answers.refined and .vector_files: vectors of nodes are taken out, and come back as features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from link_helpers import TINY, ring
from stage_helpers import small, store_synthetic

from downstream.answers.refined import FUSED, Refined, refined
from downstream.answers.vector_files import write_vectors
from downstream.answers.vector_sources import vectors_from
from downstream.stages.estimation import estimate
from downstream.stages.links.prediction import predict_links
from downstream.stages.links.stage import LINKS
from nie.__main__ import main
from nie.data.channel_file import read_channel_file
from nie.data.store import save
from nie.errors import NieError

SHORT = {"lr": 0.05, "max_epochs": 2, "eval_every": 2, "patience": 2}


def link_run(root: Path, **changes: Any) -> Any:
    settings = LINKS.recipes.resolve(overrides={**TINY, "device": "cpu", "optim": SHORT, **changes})
    return predict_links(settings, data_root=root, run_root=root / "runs")


@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_vectors_of_an_importance_model_come_back_as_features(ending: str, tmp_path: Path) -> None:
    kg = store_synthetic(tmp_path)
    model = {"encoders": {"semantic": "variational"}, "head": "vector"}
    run = estimate(small("rgtn", model=model, optim={"max_epochs": 1}), data_root=tmp_path, run_root=tmp_path / "runs")
    out = tmp_path / f"emb.{ending}"
    assert main(["export", str(run.path), "--refined", "--out", str(out), "--data-root", str(tmp_path)]) == 0
    made = refined(run, data_root=tmp_path)
    assert list(made.vectors) == [FUSED, "structural", "semantic"]
    channel = read_channel_file(out, "emb", kg.node_names)
    np.testing.assert_array_equal(channel.features[channel.mask], made.vectors[FUSED][channel.mask])
    np.testing.assert_array_equal(channel.mask, ~np.isnan(made.vectors[FUSED]).all(axis=1))
    with pytest.raises(NieError, match=r"no channel 'semantik'.*did you mean 'semantic'"):
        made.chosen("semantik")
    with pytest.raises(NieError, match="has not finished fold 4"):
        refined(run, fold=4, data_root=tmp_path)


def test_vectors_of_a_link_model_are_those_that_it_scores_with(tmp_path: Path) -> None:
    ring(tmp_path)
    plain = refined(link_run(tmp_path), data_root=tmp_path)
    assert list(plain.vectors) == [FUSED]
    assert plain.vectors[FUSED].shape == (40, 16)
    model = {"size": 8, "fusion": "cross_modal_transformer"}
    run = link_run(tmp_path, channels={"text": "tfidf"}, model=model)
    made = refined(run, data_root=tmp_path)
    assert list(made.vectors) == [FUSED, "structural", "text"]
    assert not made.reads_labels
    assert made.seed == 0
    write_vectors(made, tmp_path / "emb.npz")
    assert vectors_from(str(tmp_path / "emb.npz")).seed == 0
    assert vectors_from(str(tmp_path / "emb.npz"), "text").seed is None
    from downstream.stages.links.inputs import LinkInputs
    from downstream.stages.links.model import trained_model

    config = LINKS.recipes.resolve(overrides=dict(run.config))
    with torch.no_grad():
        trained = trained_model(config, LinkInputs.of(config, data_root=tmp_path), run, 0)
        wanted = trained._vectors(torch.arange(40), torch.zeros(40, dtype=torch.long))  # type: ignore[union-attr, operator]
    np.testing.assert_allclose(made.vectors[FUSED], wanted.numpy(), rtol=1e-5)


@pytest.mark.parametrize("channels", [{}, {"text": "tfidf"}])
def test_an_entity_of_which_a_link_model_knows_nothing_has_no_vector(channels: dict[str, str], tmp_path: Path) -> None:
    kg = ring(tmp_path)
    train, held_out = np.asarray(kg.triples), dict(kg.held_out)
    unseen = (train[:, [0, 2]] >= 38).any(axis=1)
    held_out["test"] = np.concatenate([held_out["test"], train[unseen]])
    kept, text = train[~unseen], [*kg.text[:38], "entity place9", None]
    changed = replace(kg, src=kept[:, 0], dst=kept[:, 2], etype=kept[:, 1], held_out=held_out, text=text)
    save(changed, tmp_path / "links" / "processed")
    model = {"size": 8, "fusion": "sum"} if channels else {"size": 8}
    made = refined(link_run(tmp_path, channels=channels, model=model), data_root=tmp_path)
    missing = {name: np.isnan(rows).all(axis=1).nonzero()[0].tolist() for name, rows in made.vectors.items()}
    expected = {FUSED: [39], "structural": [38, 39], "text": [39]} if channels else {FUSED: [38, 39]}
    assert missing == expected


def test_another_ending_and_a_model_without_vectors_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store_synthetic(tmp_path)
    run = estimate(small("geni", optim={"max_epochs": 1}), data_root=tmp_path, run_root=tmp_path / "runs")
    for out, words in (("emb.csv", "must end in .npz or .parquet"), ("emb.npz", "has no vectors of nodes")):
        command = ["export", str(run.path), "--refined", "--out", str(tmp_path / out), "--data-root", str(tmp_path)]
        assert main(command) == 2
        assert words in capsys.readouterr().err


def test_a_channel_whose_name_a_file_has_another_use_for_is_told(tmp_path: Path) -> None:
    made = Refined(["a"], {FUSED: np.zeros((1, 2), np.float32), "features": np.ones((1, 2), np.float32)}, 0, True)
    with pytest.raises(NieError, match="cannot hold a channel called 'features'"):
        write_vectors(made, tmp_path / "emb.npz")


def test_a_channel_that_is_called_as_the_fused_vectors_is_told(tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    features = {"more": {FUSED: "degrees"}}
    config = small("rgtn", features=features, optim={"max_epochs": 1}, folds={"run": [0]})
    run = estimate(config, data_root=tmp_path, run_root=tmp_path / "runs")
    with pytest.raises(NieError, match="channel of the run is called 'fused'"):
        refined(run, data_root=tmp_path)
    ring(tmp_path)
    linked = link_run(tmp_path, channels={FUSED: "tfidf"}, model={"size": 8, "fusion": "sum"})
    with pytest.raises(NieError, match="channel of the run is called 'fused'"):
        refined(linked, data_root=tmp_path)
