"""downstream.methods.blend."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import percentileofscore
from stage_helpers import small, store_synthetic, with_labels

from downstream.answers.asked_run import asked_run
from downstream.methods.blend import blend
from downstream.methods.finished_predictions import parts_left_out
from downstream.methods.fitted import Fitted
from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.untied import untied
from downstream.stages.estimation import estimate
from downstream.stages.importance import IMPORTANCE
from downstream.stages.runner import Runner
from nie.arrays import Floats
from nie.data import KnowledgeGraph
from nie.data.store import save
from nie.errors import NieError
from nie.rank_correlation import spearman
from nie.runs.run import Run, read_run
from pretrain.cross_validation import make_folds


@pytest.fixture
def kg(tmp_path: Path) -> KnowledgeGraph:
    return store_synthetic(tmp_path / "data")


def run(root: Path, config: ImportanceConfig) -> Run:
    return estimate(config, data_root=root / "data", run_root=root / "runs")


def parts(root: Path) -> list[str]:
    return [str(run(root, small(method)).path) for method in ("pagerank", "linear", "boosting")]


def _read(run: Run, kg: KnowledgeGraph) -> Floats:
    """What a blend reads of a part: PageRank without the ties of its fit."""
    return untied(run.predictions(0, kg.num_nodes), run.ranking_scores(0, kg.num_nodes))


def test_weights_have_the_least_squared_validation_error(kg: KnowledgeGraph, tmp_path: Path) -> None:
    fold, given = make_folds(kg.label_mask)[0], parts(tmp_path)
    made = blend(given, kg, fold)
    assert list(made.facts["weights"]) == [Path(part).name for part in given]
    assert min(made.facts["weights"].values()) >= 0
    y, centre = kg.targets[fold.val], kg.targets[fold.train].mean()
    single = [_read(read_run(part), kg) for part in given]
    mixed = centre + sum(w * (one - centre) for w, one in zip(made.facts["weights"].values(), single, strict=True))
    np.testing.assert_allclose(made.prediction, mixed, atol=1e-12)
    error = np.mean((made.prediction[fold.val] - y) ** 2)
    assert all(error <= np.mean((one[fold.val] - y) ** 2) + 1e-12 for one in single)


def test_test_labels_change_no_weight(kg: KnowledgeGraph, tmp_path: Path) -> None:
    fold, given = make_folds(kg.label_mask)[0], parts(tmp_path)
    expected = blend(given, kg, fold).facts["weights"]
    labels = kg.labels.copy()
    labels[fold.test] *= 7
    changed = with_labels(kg, labels)
    with pytest.raises(NieError, match="another dataset or fold"):
        blend(given, changed, fold)
    save(changed, tmp_path / "other" / "data" / kg.name / "processed")
    weights = blend(parts(tmp_path / "other"), changed, fold).facts["weights"]
    assert list(weights.values()) == list(expected.values())


def test_it_is_a_method_like_any_other(kg: KnowledgeGraph, tmp_path: Path) -> None:
    flags = ["--parts", ",".join(parts(tmp_path)), "--folds.run", "0,1"]
    config = IMPORTANCE.recipes.resolve(overrides={"dataset": "synthetic", "method": "blend",
                         "features": {"structural": "structural", "semantic": "semantic"}}, flags=flags)  # fmt: skip
    made = run(tmp_path, config)
    assert made.path.name.startswith("blend-")
    assert made.finished_folds() == [0, 1]
    assert len(made.metrics(0)["fit"]["weights"]) == 3


def test_the_blend_of_ranks_asks_parts_for_their_order_alone(kg: KnowledgeGraph, tmp_path: Path) -> None:
    fold, given = make_folds(kg.label_mask)[0], parts(tmp_path)
    read = {part: _read(read_run(part), kg) for part in given}
    of_scores, made = blend(given, kg, fold), blend(given, kg, fold, average="ranks")
    assert made.facts["average"] == "ranks"
    assert min(made.facts["weights"].values()) >= 0
    shares = [
        len(fold.train) * percentileofscore(one[fold.train], one, kind="mean")
        + percentileofscore(one, one, kind="mean")
        for one in read.values()
    ]
    ranks = np.stack(shares, axis=1) @ list(made.facts["weights"].values())
    assert spearman(made.prediction, ranks) == pytest.approx(1, abs=1e-9)
    if len(np.unique(ranks.round(9))) == len(ranks):
        np.testing.assert_allclose(np.sort(made.prediction), np.sort(of_scores.prediction))
    with pytest.MonkeyPatch.context() as patch:  # a monotone map of a part changes no order
        patch.setattr("downstream.methods.blend.prediction_of", lambda _, run, kg, fold: np.exp(read[str(run.path)]))
        other = blend(given, kg, fold, average="ranks")
    assert other.facts == made.facts
    assert spearman(other.prediction, made.prediction) == pytest.approx(1, abs=1e-9)


def test_the_weights_of_ranks_are_the_same_wherever_a_part_puts_nodes_without_labels(
    kg: KnowledgeGraph, tmp_path: Path
) -> None:
    fold, given = make_folds(kg.label_mask)[0], parts(tmp_path)[:2]
    fold = replace(fold, train=fold.train[:60])
    others = np.setdiff1d(np.arange(kg.num_nodes), np.concatenate([fold.train, fold.val]))
    noise = np.random.default_rng(0).normal(size=(2, kg.num_nodes))
    weights = []
    for moved in (0, 9, -9):
        read = dict(zip(given, kg.targets + noise, strict=True))
        read[given[0]][others] += moved
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("downstream.methods.blend.prediction_of", lambda _, run, *__, read=read: read[str(run.path)])
            weights.append([*blend(given, kg, fold, average="ranks").facts["weights"].values()])
    assert min(weights[0]) > 0
    np.testing.assert_allclose(weights[1:], [weights[0]] * 2, atol=0.03)


def test_validation_nodes_choose_what_is_averaged(kg: KnowledgeGraph, tmp_path: Path) -> None:
    fold, given = make_folds(kg.label_mask)[0], parts(tmp_path)

    def judged(made: Fitted) -> float:
        assert made.unseen is not None
        return spearman(kg.targets[fold.val], made.unseen[fold.val])

    candidates = [blend(given, kg, fold), blend(given, kg, fold, average="ranks")]
    chosen = blend(given, kg, fold, average="chosen")
    assert judged(chosen) == max(map(judged, candidates))
    ranks = run(tmp_path, small("blend", parts=tuple(given), average="ranks"))
    assert np.isfinite(ranks.metrics(0)["test"]["rmse"])
    with pytest.raises(NieError, match="averages ranks, of which no part has a share"):
        asked_run(ranks, data_root=tmp_path / "data")


def test_parts_that_are_not_there_are_named(kg: KnowledgeGraph, tmp_path: Path) -> None:
    given = parts(tmp_path)
    leaking = str(run(tmp_path, small("ppr-published")).path)
    with pytest.raises(NieError, match="which sees the test labels"):
        run(tmp_path, small("blend", parts=(given[0], leaking)))
    with pytest.raises(NieError, match="must be different runs"):
        blend([given[0], given[0]], kg, make_folds(kg.label_mask)[0])
    with pytest.raises(NieError, match="no finished fold 4"):
        blend(given, kg, make_folds(kg.label_mask)[4])
    with pytest.raises(NieError, match="'parts' is missing"):
        IMPORTANCE.recipes.resolve(overrides={"dataset": "synthetic", "method": "blend"})


@pytest.mark.parametrize(("skip", "jobs"), [(True, 1), (False, 1), (False, 2)])
def test_a_fold_without_a_part_is_blended_anew_when_that_has_finished_it(
    skip: bool, jobs: int, kg: KnowledgeGraph, tmp_path: Path
) -> None:
    late = small("boosting", folds={"run": [1]})
    given = [str(run(tmp_path, one).path) for one in (small("pagerank"), small("linear"), late)]
    folds = {"run": [0, 1]}
    made = run(tmp_path, small("blend", parts=tuple(given), skip_unfinished=True, folds=folds))
    kept = {fold: (made.fold_path(fold) / "timing.json").stat().st_ino for fold in (0, 1)}
    assert [parts_left_out(made, fold) for fold in (0, 1)] == [[Path(given[2]).name], ()]
    again = small("blend", parts=tuple(given), skip_unfinished=skip, folds=folds)
    if not skip:
        with pytest.raises(NieError, match="no finished fold 0"):
            run(tmp_path, again)
    assert (made.fold_path(0) / "timing.json").stat().st_ino == kept[0]
    run(tmp_path, small("boosting", folds={"run": [0]}))
    (made,) = Runner(data_root=tmp_path / "data", run_root=tmp_path / "runs", jobs=jobs).run([again])
    assert [parts_left_out(made, fold) for fold in (0, 1)] == [(), ()]
    assert (made.fold_path(1) / "timing.json").stat().st_ino == kept[1]
    expected = blend(given, kg, make_folds(kg.label_mask)[0]).prediction
    np.testing.assert_allclose(made.predictions(0, kg.num_nodes), expected, rtol=1e-6)


def test_validation_figures_are_of_weights_that_have_not_seen_the_node(kg: KnowledgeGraph, tmp_path: Path) -> None:
    """Doubling a validation label moves that node's prediction, and the figures' prediction of it not at all."""
    fold, given = make_folds(kg.label_mask)[0], parts(tmp_path)
    node = int(fold.val[0])
    made, ranks = blend(given, kg, fold), blend(given, kg, fold, average="ranks")
    labels = kg.labels.copy()
    labels[node] = 2 * labels[node] + 1
    read = {part: _read(read_run(part), kg) for part in given}
    with pytest.MonkeyPatch.context() as patch:  # the parts are of the labels as they were
        patch.setattr("downstream.methods.blend.prediction_of", lambda _, run, kg, fold: read[str(run.path)])
        changed = blend(given, with_labels(kg, labels), fold)
        others = blend(given, with_labels(kg, labels), fold, average="ranks")
    assert made.unseen is not None
    assert changed.unseen is not None
    assert changed.prediction[node] != made.prediction[node]
    assert changed.unseen[node] == made.unseen[node]
    assert others.facts != ranks.facts
    test = fold.test
    np.testing.assert_array_equal(made.unseen[test], made.prediction[test])
