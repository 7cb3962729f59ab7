"""Every study, and the search, on graphs of a user's own, which have no numeric facts and not always text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from downstream.studies.catalogue import STUDIES
from downstream.studies.needs import TRAINING_LABELS
from downstream.studies.served import lacking, served
from nie.__main__ import main
from nie.data import Channel, load
from nie.data.store import save

NODES = 120
FOLDS = [name for name, study in STUDIES.items() if study.ground.stage.unit == "folds"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ring with chords, importance growing with the number of a node.

    It is there with texts, with names alone, which count as texts, and without a word of entities or relations.
    """
    root = tmp_path_factory.mktemp("own")
    steps = {"next": 1, "skip": 7}
    triples = [f"n{i}\t{name}\tn{(i + step) % NODES}" for i in range(NODES) for name, step in steps.items()]
    (root / "triples.tsv").write_text("\n".join(triples) + "\n")
    (root / "scores.tsv").write_text("".join(f"n{i}\t{i * i}\n" for i in range(NODES)))
    (root / "text.tsv").write_text("".join(f"n{i}\tthing number {i} of decade {i // 10}\n" for i in range(NODES)))
    files = ["--triples", str(root / "triples.tsv"), "--scores", str(root / "scores.tsv")]
    for name, more in (("plain", []), ("texts", ["--text", str(root / "text.tsv")])):
        assert main(["data", "build", name, *files, *more, "--data-root", str(root / "data"), "--quiet"]) == 0
    kg = load("plain", root / "data")
    mute = replace(kg, name="mute", text=[None] * kg.num_nodes, relation_names=["P1", "P2"])
    save(mute, root / "data" / "mute" / "processed")
    return root


def arguments(root: Path) -> list[str]:
    return ["--data-root", str(root / "data"), "--run-root", str(root / "runs")]


WITHOUT_ARMS = ("tsne", "case-study", "next-year")
SHORT = ["--features.structural", "relations", "--folds.run", "0"]


@pytest.mark.parametrize("graph", ["plain", "texts", "mute"])
@pytest.mark.parametrize("name", STUDIES)
def test_what_a_graph_lacks_is_said_once_and_in_one_sentence(
    name: str, graph: str, root: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["study", name, graph, "--report-only", *arguments(root)]) == 2  # nothing was run before
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("nie: ")]
    assert len(said) == 1
    assert said[0].count("no feature") == 0
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == len(set(warnings)) <= 1


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("channels", ["none", "structural"]),
        ("channels-ladder", ["S", "degrees only, mlp"]),
        ("interaction", ["alignment 0", "alignment 0 + licap"]),
        ("relations", ["random", "random, similar relations", "random, context", "random, fused"]),
        ("kge", ["RotatE"]),
    ],
)
def test_a_graph_without_words_has_the_rows_that_read_none(name: str, rows: list[str], root: Path) -> None:
    study, kg = STUDIES[name], load("mute", root / "data")
    arms = study.arms(study.ground.settings("mute", "fast", [], None))
    assert [arm.name for arm in served(arms, kg, name)] == rows


@pytest.mark.parametrize("name", [name for name in STUDIES if name not in (*WITHOUT_ARMS, "best", "out-of-domain")])
def test_a_graph_that_has_everything_has_every_row(name: str, root: Path) -> None:
    """A need that reads the settings of its row must be met by the row that it is for."""
    kg, study = load("texts", root / "data"), STUDIES[name]
    facts = Channel(np.ones((kg.num_nodes, 2), dtype=np.float32), np.ones(kg.num_nodes, dtype=bool))
    rich = replace(kg, signals={"other": kg.labels}).with_channels({"facts": facts})
    for arm in study.arms(study.ground.settings("texts", "fast", [], None)):
        assert set(lacking(arm, rich)) <= {TRAINING_LABELS}, arm.name


@pytest.mark.parametrize(
    ("name", "rows"),
    [("interaction", ["alignment 0", "alignment 0 + licap"]), ("channels", ["none", "structural"])],
)
def test_a_channel_that_the_user_leaves_out_is_lacking(name: str, rows: list[str], root: Path) -> None:
    study, kg = STUDIES[name], load("texts", root / "data")
    arms = study.arms(study.ground.settings("texts", "fast", ["--features.semantic", "none"], None))
    assert [arm.name for arm in served(arms, kg, name)] == rows


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("retrieval", "needs a semantic channel, and mute has none; build it with --text FILE"),
        ("missing", "needs a semantic channel and a channel of numbers named facts, and mute has none"),
        ("zero-shot", "needs words in the names of its relations, and mute has none"),
        ("best", "needs a recipe mute-best.yaml"),
        ("out-of-domain", "needs a relation Directing from labelled nodes and the signals revenue and vote_count"),
    ],
)
def test_a_study_of_what_a_graph_lacks_is_refused(
    name: str, message: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", name, "mute", *arguments(root), "--quiet"]) == 2
    assert message in capsys.readouterr().err


def test_what_no_row_can_do_without_is_said_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "grid", "texts", "--features.semantic", "minilmm", *arguments(root), "--quiet"]) == 2
    assert capsys.readouterr().err.count("There is no feature 'minilmm'") == 1


# best needs a recipe of the dataset's own, every row of missing reads facts, and those of out-of-domain rank directors.
NOT_FOR_ALL = ("best", "missing", "out-of-domain", *WITHOUT_ARMS)


@pytest.mark.usefixtures("unpainted")
@pytest.mark.parametrize("name", [name for name in FOLDS if name not in NOT_FOR_ALL])
def test_a_study_runs_with_what_the_graph_has(name: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, kg = STUDIES[name], load("texts", root / "data")
    sets_features = name in ("channels-ladder", "rgtn-parts")
    settings = study.ground.settings("texts", "fast", [] if sets_features else SHORT, 2)
    arm = next(arm for arm in study.arms(settings) if arm.licap is None and not lacking(arm, kg))
    flags = ["--folds.run", "0"] if sets_features else SHORT
    code = main(["study", name, "texts", "--only", arm.name, "--epochs", "2", *flags, *arguments(root), "--quiet"])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert f"| {arm.name}" in printed.out


@pytest.mark.parametrize("method", ["gcn", "rgtn"])
def test_a_search_has_ranges_on_any_graph(method: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna")
    assert main(["search", method, "plain", "--trials", "0", *arguments(root), *SHORT, "--quiet"]) == 2
    assert "No trial was finished" in capsys.readouterr().err
