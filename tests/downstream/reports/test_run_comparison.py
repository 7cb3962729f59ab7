"""downstream.reports.run_comparison and comparisons, and ``nie compare``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stage_helpers import run_quietly

from downstream.reports.comparisons import share_tested
from downstream.reports.paired_tests import paired_test
from downstream.reports.results import Results, named
from downstream.reports.run_comparison import compare_runs, runs_named
from downstream.stages.importance import IMPORTANCE
from nie.errors import NieError
from nie.runs.files import write_json
from nie.runs.run import Run, open_run, read_run

SPLIT = {"train": range(7), "val": [7], "test": [8, 9]}
SHARE = 2 / 7


def add_run(root: Path, label: str, spearman: list[float], *, dataset: str = "toy", graph: str = "a", seed: int = 0,
            **changes: object) -> Run:  # fmt: skip
    """A finished run whose RMSE is 1 less its Spearman."""
    values = {"dataset": dataset, "label": label, "seed": seed, **changes}
    made_from = {"dataset_sha256": graph, "data_sha256": "0" * 64}
    run = open_run(IMPORTANCE.recipes.resolve(overrides=values), root=root, made_from=made_from)
    for fold, value in enumerate(spearman):
        with run.fold(fold) as folder:
            bound = {"dataset": dataset, "dataset_sha256": graph, "fold_sha256": f"{graph}{fold}"}
            write_json(folder / "metrics.json", {
                "binding": bound, "test": {"spearman": value, "rmse": 1 - value, "ndcg@20": 0.5},
            })  # fmt: skip
            np.savez(folder / "split.npz", **{part: np.array(ids) for part, ids in SPLIT.items()})
    run.write_summary()
    return run


OURS, THEIRS = [0.61, 0.60, 0.62, 0.59, 0.60], [0.51, 0.49, 0.52, 0.50, 0.49]


def test_the_tests_are_those_of_studies(tmp_path: Path) -> None:
    made = compare_runs(add_run(tmp_path, "rgtn", OURS), add_run(tmp_path, "ridge", THEIRS))
    by_metric = {one.metric: one for one in made.comparisons}
    expected = paired_test(OURS, THEIRS, test_share=SHARE)
    assert by_metric["spearman"].test == expected
    assert by_metric["spearman"].p == pytest.approx(2 * expected.p)  # two metrics that differ
    assert by_metric["rmse"].lead == pytest.approx(-by_metric["rmse"].test.difference)
    assert math.isnan(by_metric["ndcg@20"].p)
    assert made.verdict == "rgtn is better on RMSE, SPEARMAN; 5 folds suffice to say so (p < 0.05)."


@pytest.mark.parametrize("changes", [{"folds": {"seed": 1}}, {"folds": {"num_folds": 6}}, {"graph": "b"}])
def test_runs_of_other_labels_compare_on_the_same_test_nodes_alone(tmp_path: Path, changes: dict[str, Any]) -> None:
    given = {"train_share": 0.5}
    ours = add_run(tmp_path, "rgtn", OURS)
    assert compare_runs(ours, add_run(tmp_path, "ridge", THEIRS, folds=given)).comparisons
    changes = {**changes, "folds": {**changes.get("folds", {}), **given}}
    theirs = add_run(tmp_path / "others", "ridge", THEIRS, **changes)
    with pytest.raises(NieError, match="different folds or versions of the dataset"):
        compare_runs(ours, theirs)


def test_few_labels_do_not_weaken_the_correction_for_training_sets_that_overlap(tmp_path: Path) -> None:
    assert share_tested(add_run(tmp_path, "rgtn", OURS)) == pytest.approx(SHARE)
    tenth = add_run(tmp_path, "rgtn", OURS, folds={"train_share": 0.1})
    assert share_tested(tenth) == pytest.approx(2 / 70)  # its 7 training nodes are a tenth of those of the fold


def test_the_two_sides_mirror_each_other(tmp_path: Path) -> None:
    first, second = add_run(tmp_path, "rgtn", OURS), add_run(tmp_path, "ridge", THEIRS)
    assert compare_runs(first, second).verdict == compare_runs(second, first).verdict


def test_only_the_folds_that_both_have_are_compared(tmp_path: Path) -> None:
    made = compare_runs(add_run(tmp_path, "rgtn", OURS), add_run(tmp_path, "ridge", THEIRS[:2]))
    assert made.results.folds("rgtn") == [0, 1]
    assert {one.test.n for one in made.comparisons if one.test} == {2}


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ([0.6, 0.5], [0.5, 0.55], "but 2 folds do not suffice to say that this is more than chance"),
        ([0.6], [0.5], "but one fold does not suffice to say that this is more than chance"),
        ([0.6, 0.5], [0.6, 0.5], "rgtn and ridge do not differ on any metric"),
        (OURS, [*OURS[:4], 0.595], "more than chance (no p < 0.05)."),
    ],
)
def test_the_verdict_says_whether_the_folds_suffice(
    ours: list[float], theirs: list[float], said: str, tmp_path: Path
) -> None:
    verdict = compare_runs(add_run(tmp_path, "rgtn", ours), add_run(tmp_path, "ridge", theirs)).verdict
    assert said in verdict
    assert ("run both on more folds" in verdict) == (len(ours) < 5 and ours != theirs)


def test_runs_of_one_label_are_told_apart(tmp_path: Path) -> None:
    runs = [add_run(tmp_path, "rgtn", OURS, seed=seed) for seed in (0, 1)]
    assert list(compare_runs(*runs).results.rows) == [run.path.name for run in runs]
    moved = add_run(tmp_path / "elsewhere", "rgtn", THEIRS)
    assert list(compare_runs(runs[0], moved).results.rows) == [str(runs[0].path), str(moved.path)]


def test_what_does_not_compare_is_refused(tmp_path: Path) -> None:
    run = add_run(tmp_path, "rgtn", OURS)
    for other, said in {
        "ridge": (add_run(tmp_path, "ridge", THEIRS, graph="b"), "different folds or versions of the dataset"),
        "linear": (add_run(tmp_path, "linear", THEIRS, dataset="other"), "on toy and on other"),
        "forest": (add_run(tmp_path, "forest", []), "no finished fold in common"),
        "rgtn": (run, "given twice"),
    }.values():
        with pytest.raises(NieError, match=said):
            compare_runs(run, other)


def test_other_texts_of_the_same_graph_compare_and_it_is_said(tmp_path: Path) -> None:
    first = add_run(tmp_path, "rgtn", OURS)
    second = add_run(tmp_path, "ridge", THEIRS)
    assert not compare_runs(first, second).other_data
    retold = Run(second.path, {**second.config, "data": "11111111"})
    assert "other texts or features of the same nodes" in str(compare_runs(first, retold))


def test_runs_are_found_by_folder_and_by_their_name_in_the_table(tmp_path: Path) -> None:
    first, second = add_run(tmp_path, "rgtn", OURS), add_run(tmp_path, "ridge", THEIRS)
    for names in (["rgtn", "ridge"], [str(first.path), "ridge"], [first.path.name, str(second.path)]):
        assert [run.path for run in runs_named(names, tmp_path, tmp_path)] == [first.path, second.path]
    add_run(tmp_path, "rgtn", OURS, dataset="more")
    assert runs_named(["rgtn", "ridge"], tmp_path, tmp_path)[0].path == first.path
    add_run(tmp_path, "ridge", OURS, dataset="more")
    with pytest.raises(NieError, match="more, toy all have runs of these names; say which with --dataset"):
        runs_named(["rgtn", "ridge"], tmp_path, tmp_path)
    assert runs_named(["rgtn", "ridge"], tmp_path, tmp_path, "toy")[1].path == second.path
    with pytest.raises(NieError, match=r"no run 'rgtm' \(did you mean 'rgtn'"):
        runs_named(["rgtm", "ridge"], tmp_path, tmp_path, "toy")
    with pytest.raises(NieError, match="No dataset has runs named gcn and gat"):
        runs_named(["gcn", "gat"], tmp_path, tmp_path)


def test_the_command_prints_both_rows_the_tests_and_the_verdict(tmp_path: Path) -> None:
    add_run(tmp_path, "rgtn", OURS)
    add_run(tmp_path, "ridge", THEIRS)
    code, out, error = run_quietly(["compare", "rgtn", "ridge"], tmp_path / "data", tmp_path)
    assert code == 0, error
    rows = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("| ")]
    assert {"rgtn", "ridge", "SPEARMAN"} <= set(rows)
    header, _, *tests = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in out.split("\n\n")[1].splitlines()
    ]  # fmt: skip
    assert header == ["metric", "difference", "95 % interval", "d", "better", "p"]
    assert [cells[4] for cells in tests if cells[0] in ("RMSE", "SPEARMAN")] == ["5 of 5", "5 of 5"]
    assert out.splitlines()[-1].startswith("rgtn is better on")
    code, _, error = run_quietly(["compare", "rgtn", "gcn"], tmp_path / "data", tmp_path)
    assert (code, error.count("\n")) == (2, 1)


def test_a_run_read_from_its_folder_is_the_row_of_the_table(tmp_path: Path) -> None:
    run = add_run(tmp_path, "rgtn", OURS)
    made = compare_runs(read_run(run.path), add_run(tmp_path, "ridge", THEIRS))
    assert made.results.rows["rgtn"] == Results.of(named([run])).rows["rgtn"]
