"""downstream.studies.label_distribution, and runs that learn another function of the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import small, store_synthetic

from downstream.answers.asked_run import asked_run, changeable_run
from downstream.answers.explanation import explain
from downstream.answers.linear_run import LinearRun
from downstream.answers.what_if import what_if
from downstream.stages.estimation import estimate
from downstream.studies.catalogue import STUDIES
from downstream.studies.settings import Settings
from nie.data import synthetic
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


def run_of(method: str, learned: str, root: Path, **changes: Any) -> Run:
    config = small(method, **changes).model_copy(update={"learned_labels": learned})
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


def name_of_tested(run: Run, fold: int = 0) -> str:
    """A node that a fold tests, by name."""
    return synthetic(0).node_names[int(run.split(fold)["test"][0])]


@pytest.mark.parametrize(("method", "learned"), [("rgcn", "rank"), ("mlp", "raw"), ("ridge", "normal")])
def test_contributions_add_up_to_the_score_on_the_scale_that_is_judged(method: str, learned: str, root: Path) -> None:
    run = run_of(method, learned, root)
    node = int(run.split(0)["test"][0])
    found = explain(asked_run(run, data_root=root), name_of_tested(run))
    assert found.score == pytest.approx(run.predictions(0, 300)[node], abs=1e-4)
    assert found.adds_up
    if method == "ridge":
        assert found.remainder == pytest.approx(0, abs=1e-9)


def test_a_linear_fit_is_explained_by_the_very_integrated_gradients(root: Path) -> None:
    asked = asked_run(run_of("ridge", "rank", root), data_root=root)
    assert isinstance(asked, LinearRun)
    node = int(asked.folds[0].test[0])
    owed = asked.score_by(0, node, "ig").parts[0].owed.features
    fit = asked._fits[0]
    steps = np.linspace(0, 1, 20_001)[1:] - 0.5 / 20_000
    difference = fit.data.features[node] - fit.usual
    slopes = fit.scale.slope(fit.learned(fit.usual) + steps * (fit.weights @ difference))
    expected = slopes.mean() * fit.weights * difference
    np.testing.assert_allclose(np.concatenate([*owed.values()]), expected, atol=1e-4 * np.abs(expected).max())


def test_a_score_of_trees_without_a_fact_is_that_of_the_graph_without_it(root: Path) -> None:
    run = run_of("boosting", "rank", root, features={"structural": "structural+relation-counts"})
    name = name_of_tested(run)
    fact = explain(asked_run(run, data_root=root), name, "leave-one-out").facts[0]
    changed = what_if(changeable_run(run, data_root=root), remove=[(fact.head, fact.relation, fact.tail)]).scores
    assert fact.contribution != 0
    assert changed.change[changed.before.name.index(name)] == pytest.approx(-fact.contribution, abs=1e-6)


def test_a_blend_explains_it(root: Path) -> None:
    parts = [str(run_of("ridge", learned, root).path) for learned in ("given", "rank")]
    blend = estimate(small("blend", parts=parts), data_root=root, run_root=root / "runs")
    ranked = Path(parts[1]).name
    fold = max(blend.finished_folds(), key=lambda fold: blend.metrics(fold)["fit"]["weights"][ranked])
    assert blend.metrics(fold)["fit"]["weights"][ranked] > 0
    found = explain(asked_run(blend, data_root=root), name_of_tested(blend, fold))
    assert not found.others
    assert found.adds_up
    assert found.score == pytest.approx(blend.predictions(fold, 300)[blend.split(fold)["test"][0]], abs=1e-3)


def test_logarithms_of_labels_that_are_logarithms_are_the_labels_as_they_are(root: Path) -> None:
    plain, logarithms = (run_of("mlp", learned, root) for learned in ("given", "log1p"))
    assert (plain.predictions(0, 300) == logarithms.predictions(0, 300)).all()
    here, there = (explain(asked_run(run, data_root=root), name_of_tested(run)) for run in (plain, logarithms))
    assert here == there


def test_signals_and_variances_are_refused() -> None:
    changes: Any = {"loss": {"value": "gaussian"}}
    with pytest.raises(NieError, match="learned_labels is for what learns the label alone"):
        Settings("fb15k").method("rgcn", learned_labels="rank", **changes)
