"""downstream.reports.tables."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from downstream.reports.results import Results, find_runs, found_runs, named
from downstream.reports.tables import (
    csv_table,
    folds_csv,
    latex_table,
    markdown_table,
    table_by_version,
)
from downstream.stages.importance import IMPORTANCE
from downstream.stages.links.stage import LINKS
from nie.data import synthetic
from nie.data.store import save
from nie.data.version import version_of
from nie.errors import NieError
from nie.runs.files import write_json
from nie.runs.run import Run, open_run
from pretrain.stage import PRETRAINING

FIGURES = {"rmse": 0.5, "medianae": 0.4, "spearman": 0.8, "ndcg@100": 0.9, "over@100": 0.3}


def add_run(root: Path, label: str, *, dataset: str = "toy", seed: int = 0, folds: int = 2, **figures: float) -> Run:
    config = IMPORTANCE.recipes.resolve(overrides={"dataset": dataset, "label": label, "seed": seed})
    run = open_run(config, root=root)
    for fold in range(folds):
        with run.fold(fold) as folder:
            write_json(folder / "metrics.json", {"test": figures or FIGURES})
    run.write_summary()
    return run


def results(root: Path, dataset: str = "toy") -> Results:
    return Results.of(named(find_runs(dataset, root, root)))


def test_one_row_a_run_in_a_fixed_order(tmp_path: Path) -> None:
    for label in ("rgtn+licap", "zebra", "rgtn", "pagerank"):
        add_run(tmp_path, label)
    runs = find_runs("toy", tmp_path)
    assert [run.config["label"] for run in runs] == ["pagerank", "rgtn", "rgtn+licap", "zebra"]
    table = markdown_table(Results.of(named(runs)))
    assert "| rgtn       | 0.5000 ± 0.0000 | 0.4000 ± 0.0000 | 0.9000 ± 0.0000 | 0.8000 ± 0.0000 |" in table
    assert "0, 1 (n=2)" in table
    assert "population standard deviation" in table


def test_rows_of_one_label_name_the_channels_that_are_pretrained(tmp_path: Path) -> None:
    runs = []
    for channels in (["structural"], ["structural", "semantic"]):
        settings = PRETRAINING.recipes.resolve(overrides={"dataset": "toy", "channels": channels})
        stage1 = open_run(settings, root=tmp_path)
        runs.append(Run(tmp_path / f"rgtn-{len(channels):08x}", {"label": "rgtn", "pretrained": str(stage1.path)}))
    gone = Run(tmp_path / "rgtn-0000000f", {"label": "rgtn", "pretrained": str(tmp_path / "licap-0000000f")})
    assert list(named([*runs, gone])) == ["rgtn+licap (structural)", "rgtn+licap (structural, semantic)", "rgtn+licap"]


def test_runs_of_one_label_are_told_apart(tmp_path: Path) -> None:
    first, second = add_run(tmp_path, "rgtn"), add_run(tmp_path, "rgtn", seed=1)
    table = markdown_table(results(tmp_path))
    assert first.path.name in table
    assert second.path.name in table


def test_an_undefined_figure_is_never_a_number(tmp_path: Path) -> None:
    add_run(tmp_path, "rgtn", **{**FIGURES, "spearman": float("nan")})
    assert "undefined" in markdown_table(results(tmp_path))


def test_one_fold_has_no_deviation(tmp_path: Path) -> None:
    add_run(tmp_path, "rgtn", folds=1)
    assert "±" not in markdown_table(results(tmp_path)).splitlines()[2]


def test_small_test_sets_are_shown_at_20(tmp_path: Path) -> None:
    add_run(tmp_path, "rgtn", **{"rmse": 0.5, "medianae": 0.4, "spearman": 0.8, "ndcg@20": 0.9, "over@20": 0.3})
    table = markdown_table(results(tmp_path))
    assert "NDCG@20" in table
    assert "NDCG@100" not in table


def test_published_rows_stand_apart_with_their_source(tmp_path: Path) -> None:
    add_run(tmp_path, "rgtn", dataset="fb15k")
    measured, published = markdown_table(results(tmp_path, "fb15k")).split("Published rows")
    assert "MCRL, IJIS 2023" in published
    assert "MCRL" not in measured
    assert IMPORTANCE.recipes.reported("toy") == {}
    assert LINKS.recipes.reported("fb15k") == {}


def test_no_runs_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NieError, match=r"no finished run.*nie run toy"):
        find_runs("toy", tmp_path)


def test_latex_marks_the_best_and_the_second(tmp_path: Path) -> None:
    add_run(tmp_path, "ridge", **{**FIGURES, "rmse": 0.7})
    add_run(tmp_path, "rgtn")
    add_run(tmp_path, "rgtn_2", **{**FIGURES, "rmse": 0.6, "spearman": 0.9})
    add_run(tmp_path, "half", folds=1, **{**FIGURES, "rmse": 0.1})
    lines = {line.split("&")[0].strip(): line for line in latex_table(results(tmp_path)).splitlines() if "&" in line}
    assert r"\textbf{0.5000} $\pm$ 0.0000" in lines["rgtn"]
    assert r"\underline{0.6000} $\pm$ 0.0000" in lines[r"rgtn\_2"]
    assert r"\textbf{0.9000}" in lines[r"rgtn\_2"]
    assert r"\textbf{0.1000}" not in lines["half"]


def test_csv_holds_what_the_table_shows(tmp_path: Path) -> None:
    add_run(tmp_path, "rgtn")
    made = results(tmp_path)
    assert "rgtn,rmse,0.5,0.0,2,0 1" in csv_table(made).splitlines()
    assert "rgtn,spearman,1,0.8" in folds_csv(made).splitlines()


def test_columns_that_are_asked_for_are_those_of_small_test_sets_where_these_are_small(tmp_path: Path) -> None:
    small = {name.replace("@100", "@20"): value for name, value in FIGURES.items()}
    for folder, figures, cut in (("large", FIGURES, "ndcg@100"), ("small", small, "ndcg@20")):
        add_run(tmp_path / folder, "rgtn", **figures)
        runs = named(find_runs("toy", tmp_path / folder))
        assert Results.of(runs, ("rmse", "ndcg@100", "cka")).metrics == ("rmse", cut, "cka")


def test_places_are_among_rows_of_the_same_folds(tmp_path: Path) -> None:
    add_run(tmp_path, "ridge", **{**FIGURES, "rmse": 0.7})
    add_run(tmp_path, "rgtn")
    add_run(tmp_path, "half", folds=1, **{**FIGURES, "rmse": 0.1})
    assert results(tmp_path).places("rmse") == {"rgtn": 1, "ridge": 2}
    assert results(tmp_path).places("spearman") == {"rgtn": 1, "ridge": 1}


def test_a_report_over_nothing_says_so() -> None:
    with pytest.raises(NieError, match="No run has a finished fold"):
        Results.of({})


def on_ground(root: Path, label: str, graph: str = "a", seed: int = 0) -> Run:
    """A finished run on a version of the graph and on folds of a seed."""
    config = IMPORTANCE.recipes.resolve(
        overrides={"dataset": "toy", "label": label, "folds": {"seed": seed, "run": [0]}}
    )
    run = open_run(config, root=root)
    with run.fold(0) as folder:
        bound = {"dataset": "toy", "dataset_sha256": graph, "fold_sha256": f"{graph}{seed}"}
        write_json(folder / "metrics.json", {"binding": bound, "test": FIGURES})
    run.write_summary()
    return run


@pytest.mark.parametrize("other", [{"graph": "b"}, {"seed": 1}])
def test_runs_on_other_folds_or_an_older_graph_are_left_out_and_named(
    other: dict, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = on_ground(tmp_path, "odd", **other)
    for label in ("ridge", "rgtn"):
        on_ground(tmp_path, label)
    with caplog.at_level("WARNING", "nie"):
        made = results(tmp_path)
    assert list(made.rows) == ["ridge", "rgtn"]
    (message,) = caplog.messages
    assert message.endswith(f"are left out: {odd.path.name}.")
    with pytest.raises(NieError, match="so their figures do not compare") as caught:
        Results.of({"odd": odd, "ridge": on_ground(tmp_path / "more", "ridge", graph="c")})
    assert "remove" not in str(caught.value)


def test_of_groups_as_large_the_newest_is_shown(tmp_path: Path) -> None:
    for time, label in enumerate(("newest", "old", "older"), start=1):
        run = on_ground(tmp_path, label, graph=label)
        os.utime(run.path / "summary.json", (100 - time, 100 - time))
    assert list(results(tmp_path).rows) == ["newest"]


def test_copies_of_run_folders_are_named_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = add_run(tmp_path, "ridge")
    copies = [f"{run.path.name}.bak", f"copy of {run.path.name}", "ridge-00000000"]
    for name in copies:
        shutil.copytree(run.path, run.path.with_name(name))
    (run.path.with_name(copies[0]) / "config.yaml").write_text("{junk")
    assert [found.path for found in find_runs("toy", tmp_path)] == [run.path]
    assert len(caplog.messages) == 1
    assert all(name in caplog.text for name in copies)


def own_run(root: Path, label: str, text: str) -> Run:
    """A finished run on the synthetic graph as it is now, whose first text is ``text``."""
    kg = synthetic(0)
    kg = replace(kg, text=[text, *kg.text[1:]])
    save(kg, root / "data" / kg.name / "processed")
    config = IMPORTANCE.recipes.resolve(overrides={"dataset": kg.name, "label": label})
    run = open_run(config, root=root, made_from={"dataset_sha256": kg.digest, **version_of(kg)})
    with run.fold(0) as folder:
        bound = {"dataset": kg.name, "dataset_sha256": kg.digest, "fold_sha256": "0"}
        write_json(folder / "metrics.json", {"binding": bound, "test": FIGURES})
    run.write_summary()
    return run


def table(root: Path, dataset: str = "synthetic") -> str:
    return table_by_version(dataset, found_runs(dataset, root, root / "data"))


def test_rows_of_older_graphs_stand_apart_and_say_so(tmp_path: Path) -> None:
    for label, text in (("first", "a"), ("second", "b"), ("third", "b"), ("fourth", "c")):
        own_run(tmp_path, label, text)
    present, *older, note = table(tmp_path).split(
        "Made from an older synthetic; these rows compare with each other only"
    )
    assert "| fourth" in present
    assert "first" not in present
    assert sorted("| second" in part for part in (*older, note)) == [False, True]
    assert all(("| second" in part) == ("| third" in part) for part in (*older, note))
    assert "'nie clean synthetic --older' removes" in note
    assert [run.config["label"] for run in find_runs("synthetic", tmp_path, tmp_path / "data")] == ["fourth"]


def test_a_table_without_runs_of_the_present_graph_says_what_makes_some(tmp_path: Path) -> None:
    own_run(tmp_path, "first", "a")
    save(synthetic(1), tmp_path / "data" / "synthetic" / "processed")
    assert "No run is of the present synthetic; 'nie run synthetic' makes some." in table(tmp_path)
    with pytest.raises(NieError, match="were made from an older graph; start one on the present graph"):
        find_runs("synthetic", tmp_path, tmp_path / "data")


def test_a_graph_that_is_not_on_the_disk_is_said(tmp_path: Path) -> None:
    own_run(tmp_path, "first", "a")
    assert "not on the disk" not in table(tmp_path)
    shutil.rmtree(tmp_path / "data")
    assert "The graph synthetic is not on the disk" in table(tmp_path)
    assert "| first" in table(tmp_path)


def test_a_row_on_pretrained_features_says_so_under_a_label_of_its_own_too() -> None:
    labelled = {"label": "rgtn-published-rgtn"}
    raw = Run(Path("rgtn-published-rgtn-00000000"), labelled)
    pretrained = Run(Path("rgtn-published-rgtn-11111111"), {**labelled, "pretrained": "licap-22222222"})
    plain = Run(Path("gcn+licap-33333333"), {"label": "gcn+licap", "pretrained": "licap-22222222"})
    assert list(named([raw, pretrained, plain])) == ["rgtn-published-rgtn", "rgtn-published-rgtn+licap", "gcn+licap"]
