"""nie.__main__: the command line, called as a function."""

from pathlib import Path

import pytest
from stage_helpers import SMALL_FLAGS, store_synthetic

from nie.__main__ import main


@pytest.fixture
def roots(tmp_path: Path) -> list[str]:
    store_synthetic(tmp_path / "data")
    return ["--data-root", str(tmp_path / "data"), "--run-root", str(tmp_path / "runs"), "--quiet"]


def write_own_graph(folder: Path, nodes: int = 90) -> list[str]:
    """A ring with chords, importance growing with the number of a node."""
    steps = {"next": 1, "skip": 7}
    triples = [f"n{i}\t{name}\tn{(i + step) % nodes}" for i in range(nodes) for name, step in steps.items()]
    (folder / "triples.tsv").write_text("\n".join(triples) + "\n")
    (folder / "scores.tsv").write_text("".join(f"n{i}\t{i * i}\n" for i in range(nodes)))
    (folder / "text.tsv").write_text("".join(f"n{i}\tthing number {i} of decade {i // 10}\n" for i in range(nodes)))
    return [
        "--triples", str(folder / "triples.tsv"), "--scores", str(folder / "scores.tsv"),
        "--text", str(folder / "text.tsv"),
    ]  # fmt: skip


def test_from_an_own_graph_to_scores_with_one_command(
    tmp_path: Path, roots: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gensim")
    files = write_own_graph(tmp_path)
    out = tmp_path / "scores.csv"
    settings = ["--optim.max_epochs", "4", "--folds.run", "0"]
    assert main(["run", "mine", "--profile", "quick", *files, "--out", str(out), *settings, *roots]) == 0
    text = capsys.readouterr().out
    assert "Best Spearman on validation nodes" in text
    assert all(label in text for label in ("pagerank", "ridge", "boosting", "rgtn", "rgtn+licap", "true rank"))
    assert len(out.read_text().splitlines()) == 91


def test_stage_by_stage(tmp_path: Path, roots: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text("dataset: synthetic\n")
    assert main(["pretrain", "--recipe", str(recipe), *SMALL_FLAGS, "--loss.gamma", "0.2", *roots]) == 0
    stage1 = capsys.readouterr().out.strip()
    assert Path(stage1, "fold1", "DONE").exists()
    assert main(["downstream", "--recipe", str(recipe), "--pretrained", stage1, *SMALL_FLAGS, *roots]) == 0
    stage2 = capsys.readouterr().out.strip().splitlines()[-1]
    assert main(["table", "synthetic", *roots]) == 0
    assert "0, 1 (n=2)" in capsys.readouterr().out
    assert main(["predict", stage2, "--out", str(tmp_path / "scores.csv"), *roots]) == 0
    assert (tmp_path / "scores.csv").exists()
    assert main(["data", "info", "synthetic", *roots]) == 0
    assert "300 nodes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data", "info", "fb15q"], "did you mean 'fb15k'"),
        (["downstream", "--recipe", "fb15k-fats"], "did you mean 'fb15k-fast'"),
        (["downstream", "--recipe", "fb15k-fast", "--optim.lrr", "1"], "did you mean '--optim.lr'"),
        (["downstream", "--recipe", "fast", "--dataset", "synthetic", "--folds.run", "9"], "folds 0 to 4"),
        (["table", "nothing"], "no finished run"),
        (["predict", "nowhere", "--out", "a.csv"], "not a run directory"),
        (["pretrain", "--recipe", "fast", "--dataset", "synthetic", "--features.semantic", "minilmm"], "minilm"),
        (["run", "synthetic", "--method", "rgnt"], "nie downstream --method"),
        (["run", "synthetic", "--out", "scores.txt"], ".csv or .parquet"),
        (["table", "synthetic", "--run-root", "setup.py"], "no finished run"),
        (["data", "build", "mine", "--triples", "nowhere.tsv", "--scores", "nowhere.tsv"], "nowhere.tsv"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_and_exit_code_2(
    arguments: list[str], message: str, roots: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, *roots]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("nie: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_debug_shows_the_traceback(roots: list[str]) -> None:
    from nie.errors import NieError

    with pytest.raises(NieError):
        main(["table", "nothing", *roots, "--debug"])


def test_ctrl_c_says_how_to_continue(
    roots: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("downstream.reports.results.find_runs", interrupt)
    assert main(["table", "synthetic", *roots]) == 130
    assert "run the same command again" in capsys.readouterr().err


def test_an_unknown_flag_where_no_settings_are_taken() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["table", "geo", "--optim.lr", "1"])
    assert caught.value.code == 2


def test_help_exits_well(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "downstream" in capsys.readouterr().out


def test_an_error_of_the_system_is_one_sentence_too(
    roots: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert main(["data", "build", "geo", *roots, "--data-root", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_population_of_geo_is_what_is_trained_on(roots: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import downstream.studies.overview
    import nie.data
    from nie.errors import NieError

    asked: list[str] = []

    def job(dataset: str, **_settings: object) -> None:
        asked.append(dataset)
        raise NieError("enough")

    class Built:
        name = "geo-5000"

    monkeypatch.setattr(nie.data, "build", lambda *_arguments, **_options: Built())
    monkeypatch.setattr(nie.data, "info", lambda _kg: "")
    monkeypatch.setattr(downstream.studies.overview, "main_job", job)
    assert main(["run", "geo", "--min-population", "5000", *roots]) == 2
    assert asked == ["geo-5000"]
