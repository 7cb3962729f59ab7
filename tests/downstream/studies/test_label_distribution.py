"""downstream.studies.label_distribution, and runs that learn another function of the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import small, store_synthetic

from downstream.answers.asked_run import asked_run
from downstream.answers.explanation import explain
from downstream.stages.estimation import estimate
from downstream.studies.catalogue import STUDIES
from downstream.studies.settings import Settings
from nie.errors import NieError
from nie.rank_correlation import spearman
from nie.runs.run import Run


def test_every_row_has_its_control_and_all_runs_differ() -> None:
    study = STUDIES["label-distribution"]
    arms = study.arms(Settings("fb15k"))
    pairs = study.pairs(arms)
    assert len({(arm.config.digest(), arm.licap and arm.licap.digest()) for arm in arms}) == len(arms) == 21
    assert ("graphsage, half of the tail removed", "graphsage, as many removed at random") in pairs
    assert ("graphsage, raw+licap (structural)", "graphsage, raw+untrained") in pairs
    assert ("graphsage, rank+licap (structural)", "graphsage, log1p+licap (structural)") in pairs
    for arm in arms:
        if arm.licap is not None:
            assert arm.licap.learned_labels == arm.config.learned_labels
            assert arm.licap.folds == arm.config.folds


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("labels")
    store_synthetic(root)
    return root


def run_of(method: str, learned: str, root: Path) -> Run:
    config = small(method).model_copy(update={"learned_labels": learned})
    return estimate(config, data_root=root, run_root=root / "runs")


@pytest.mark.parametrize("method", ["mlp", "ridge", "boosting"])
def test_predictions_are_on_the_scale_of_the_labels_whatever_is_learned(method: str, root: Path) -> None:
    kg = store_synthetic(root / "again")
    plain, ranked = (run_of(method, learned, root) for learned in ("given", "rank"))
    assert plain.path != ranked.path
    test = plain.split(0)["test"]
    here, there = (run.predictions(0, kg.num_nodes)[test] for run in (plain, ranked))
    assert spearman(here, there) > 0.7
    assert abs(here.mean() - there.mean()) < kg.targets[kg.label_mask].std()
    figures = ranked.metrics(0)["test"]
    assert figures["spearman"] == pytest.approx(spearman(kg.targets[test], there))
    assert figures["rmse"] == pytest.approx(float(np.sqrt(np.mean((kg.targets[test] - there) ** 2))))


def test_a_run_of_other_labels_is_not_explained(root: Path) -> None:
    with pytest.raises(NieError, match="learned other labels"):
        asked_run(run_of("ridge", "rank", root), data_root=root)


def test_in_a_blend_it_stands_by_its_name(root: Path) -> None:
    parts = [str(run_of("ridge", learned, root).path) for learned in ("given", "rank")]
    blend = estimate(small("blend", parts=parts), data_root=root, run_root=root / "runs")
    ranked = Path(parts[1]).name
    fold = max(blend.finished_folds(), key=lambda fold: blend.metrics(fold)["fit"]["weights"][ranked])
    assert blend.metrics(fold)["fit"]["weights"][ranked] > 0
    asked = asked_run(blend, data_root=root)
    node = int(blend.split(fold)["test"][0])
    found = explain(asked, asked.kg.node_names[node])
    assert ranked in found.others
    assert found.score == pytest.approx(blend.predictions(fold, asked.kg.num_nodes)[node], abs=1e-3)


def test_signals_and_variances_are_refused() -> None:
    changes: Any = {"loss": {"value": "gaussian"}}
    with pytest.raises(NieError, match="learned_labels is for what learns the label alone"):
        Settings("fb15k").method("rgcn", learned_labels="rank", **changes)
