"""The study of several signals: what its rows change, and what it says of clusters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stage_helpers import run_quietly

from downstream.studies.settings import Settings
from downstream.studies.signals import LATENT, ONE, SIGNALS_STUDY
from nie.data import synthetic
from nie.data.store import save


def test_the_rows_with_hidden_labels_have_the_same_test_nodes() -> None:
    arms = {arm.name: arm.config for arm in SIGNALS_STUDY.arms(Settings("tmdb5k"))}
    few = arms[f"{LATENT}, a fifth of the labels"].folds
    assert few.train_share == 0.2
    assert few.model_copy(update={"train_share": 1.0}) == arms[LATENT].folds


@pytest.mark.parametrize("signals", [True, False])
def test_the_report_has_clusters_where_there_are_signals(tmp_path: Path, signals: bool) -> None:
    kg = synthetic(0)
    votes = {"votes": np.where(kg.label_mask, kg.targets, np.nan)} if signals else {}
    save(replace(kg, signals=votes), tmp_path / "synthetic" / "processed")
    flags = ["--epochs", "2", "--folds.run", "0", "--features.structural", "structural"]
    command = ["study", "signals", "synthetic", "--only", ONE, LATENT, "--out", str(tmp_path / "out"), *flags]
    code, out, error = run_quietly(command, tmp_path, tmp_path / "runs")
    assert code == 0, error
    assert ("Clusters of signals" in out) == signals
    assert ("need, so they are left out" in error) == (not signals)
