"""nie.__main__: the command line, called as a function."""

import csv
import errno
import io
import os
import subprocess
import sys
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
    assert "Chosen on validation nodes: " in text
    assert all(label in text for label in ("pagerank", "ridge", "boosting", "rgtn", "rgtn+licap", "true rank"))
    assert len(out.read_text().splitlines()) == 91


def test_stage_by_stage(tmp_path: Path, roots: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "own.yaml"
    recipe.write_text("dataset: synthetic\n")
    heard = [word for word in roots if word != "--quiet"]
    flags = [*SMALL_FLAGS, "--folds.train_share", "0.9"]
    assert main(["pretrain", "--recipe", str(recipe), *flags, "--loss.gamma", "0.2", *heard]) == 0
    said = capsys.readouterr()
    stage1 = said.out.strip()
    assert "Done, stage 1: LICAP pretraining: licap on synthetic, folds 0, 1.\n" in said.err
    folds = "--recipe fast --dataset synthetic --folds.run 0,1 --folds.train_share 0.9"
    assert f"Next: nie downstream {folds} --pretrained {stage1} --data-root" in said.err
    assert Path(stage1, "fold1", "DONE").exists()
    assert main(["downstream", "--recipe", str(recipe), "--pretrained", stage1, *flags, *heard]) == 0
    said = capsys.readouterr()
    stage2 = said.out.strip().splitlines()[-1]
    assert f"Next: nie predict {stage2} --out scores.csv --data-root" in said.err
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
        (["run", "synthetic", "--out", "scores.txt"], ".csv, .parquet or .json"),
        (["table", "synthetic", "--run-root", "setup.py"], "no finished run"),
        (["data", "build", "mine", "--triples", "nowhere.tsv", "--scores", "nowhere.tsv"], "nowhere.tsv"),
        (["data", "build", "geo", "--min-population", "0"], "min_population of geo must be one of"),
        (["search", "gcn", "synthetic", "--storage", ""], "storage must be a URL such as sqlite:///trials.db; got ''"),
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


def test_as_a_module_it_imports_nothing_from_the_working_folder(tmp_path: Path) -> None:
    for name in ("yaml", "json", "logging", "argparse", "typing", "torch", "pretrain", "downstream"):
        (tmp_path / f"{name}.py").write_text("open('executed', 'w')")
    (tmp_path / "named").mkdir()
    (tmp_path / "named" / "tabulate.py").write_text("raise SystemExit('what PYTHONPATH names comes first')")
    home = str(Path(__file__).resolve().parents[2])

    def said(switches: list[str], *named: str) -> str:
        answer = subprocess.run(
            [sys.executable, *switches, "-m", "nie", "table", "nothing"], cwd=tmp_path, text=True, capture_output=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([*named, home])}, check=False,
        )  # fmt: skip
        return answer.stderr

    assert said([]).startswith("nie: There is no finished run")
    already_safe = ["-P"] if sys.version_info >= (3, 11) else []
    assert "what PYTHONPATH names comes first" in said(already_safe, str(tmp_path / "named"))
    assert not (tmp_path / "executed").exists()


def test_debug_shows_the_traceback(roots: list[str]) -> None:
    from nie.errors import NieError

    with pytest.raises(NieError):
        main(["table", "nothing", *roots, "--debug"])


def test_ctrl_c_says_how_to_continue(
    roots: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("downstream.reports.results.found_runs", interrupt)
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
    import downstream.studies.main_job
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
    monkeypatch.setattr(downstream.studies.main_job, "main_job", job)
    assert main(["run", "geo", "--min-population", "5000", *roots]) == 2
    assert asked == ["geo-5000"]


def test_memory_that_is_not_there_is_one_sentence(
    roots: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise MemoryError

    monkeypatch.setattr("downstream.reports.results.found_runs", fail)
    assert main(["table", "synthetic", *roots]) == 2
    assert capsys.readouterr().err == "nie: out of memory\n"


@pytest.mark.parametrize("dataset", ["no-such", "../../outside"])
def test_a_study_that_cannot_begin_makes_no_folder(dataset: str, roots: list[str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert main(["study", "relations", dataset, "--report-only", *roots]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_an_error_that_nobody_foresaw_is_one_line_and_a_log(
    roots: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise ZeroDivisionError("by\nmysql://ann:secret@zero")

    monkeypatch.setattr("downstream.reports.results.found_runs", fail)
    assert main(["table", "synthetic", *roots]) == 1
    said = capsys.readouterr().err
    assert said.startswith(
        "nie: an error that is not yours, ZeroDivisionError: by\\nmysql://ann:***@zero; please report"
    )
    assert said.count("\n") == 1
    log = Path(said.split(" with ")[1].strip().removesuffix("."))
    assert "Traceback" in log.read_text()
    assert "secret" not in said + log.read_text()
    log.unlink()
    with pytest.raises(ZeroDivisionError):
        main(["table", "synthetic", *roots, "--debug"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "mine", "--triples", ""], "--triples: must be the name of a file or folder; got nothing"),
        (["run", "mine", "--scores="], "--scores: must be the name of a file or folder; got nothing"),
        (["data", "import", "x", "--rel", "a.pk", "--num-relations", "1" * 5000], "must be a whole number from 1 to"),
        (["study", "main", "geo", "--minutes", "nan"], "--minutes: must be a number above 0; got 'nan'"),
        (["study", "main", "geo", "--minutes", "-1"], "--minutes: must be a number above 0"),
        (["study", "main", "geo", "--minutes", "1_0"], "--minutes: must be a number above 0"),
        (["run", "x", "--features", "a=1.npy", "--features", "a=2.npy"], "--features gives the channel 'a' twice"),
        (["run", "geo", "--jobs", "0"], "--jobs: must be a whole number from 1 to"),
        (["search", "gcn", "geo", "--trials", "99999999999999999999"], "--trials: must be a whole number from 0 to"),
        *((["run", "geo", "--jobs", many], "--jobs: must be a whole number from 1 to") for many in ("__1", "1_0", "٣")),
        (["run", "geo", "--profile", "x" * 100_000], "invalid choice"),
        (["table", "geo", "x" * 100_000], "unrecognized arguments"),
    ],
)  # fmt: skip
def test_what_no_option_can_be_is_refused_when_it_enters(
    arguments: list[str], words: str, roots: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*arguments, *roots])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()[-1]) < 400


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--seed", "99999999999999999999999"], "seed"),
        (["--features.seed", "99999999999"], "seed must be at most 2147483647"),
        (["--device", "cuda:99999999999999999999"], "device"),
        (["--label", "a" * 300], "label"),
        (["--model.hidden_size", "1000000000000"], "hidden_size"),
        (["--optim.max_epochs", "1" * 5000], "max_epochs"),
        (["--optim.lr", "inf"], "lr"),
    ],
)  # fmt: skip
def test_what_no_setting_can_be_is_refused_when_it_enters(
    flags: list[str], words: str, roots: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["downstream", "--recipe", "fast", "--dataset", "synthetic", "--method", "mlp", *flags, *roots]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert len(said) <= 2100


def test_a_place_that_cannot_be_written_is_found_before_training(
    roots: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file" / "scores.csv", tmp_path / f"{'a' * 300}.csv", Path("/proc/scores.csv")):
        assert main(["run", "synthetic", "--out", str(out), *roots]) == 2
        assert "cannot be written" in capsys.readouterr().err
    assert main(["study", "main", "synthetic", "--out", str(tmp_path / "file"), *roots]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_output_fails_on_no_encoding(tmp_path: Path, roots: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from stage_helpers import small, store_synthetic

    from downstream.stages.estimation import estimate

    store_synthetic(tmp_path / "data")
    estimate(small("ridge"), data_root=tmp_path / "data", run_root=tmp_path / "runs")
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii", errors="strict"))
    assert main(["table", "synthetic", *roots]) == 0
    assert b" \\xb1 " in written.getvalue()


def test_a_name_does_nothing_to_the_terminal_or_to_a_spreadsheet(
    tmp_path: Path, roots: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"{start}{number}" for number in range(12) for start in ("=cmd|", "\x9b31m", "@x", "-1+", "plain ")]
    ring = zip(names, [*names[1:], names[0]], strict=True)
    (tmp_path / "t.tsv").write_text("".join(f"{head}\tr\t{tail}\n" for head, tail in ring))
    (tmp_path / "s.tsv").write_text("".join(f"{name}\t{place + 1}\n" for place, name in enumerate(names)))
    built = ["data", "build", "mine", "--triples", str(tmp_path / "t.tsv"), "--scores", str(tmp_path / "s.tsv")]
    assert main([*built, *roots]) == 0
    recipe = ["downstream", "--recipe", "fast", "--dataset", "mine", "--method", "pagerank", "--folds.run", "0"]
    assert main([*recipe, *roots]) == 0
    run = capsys.readouterr().out.strip().splitlines()[-1]
    assert main(["predict", run, "--out", str(tmp_path / "scores.csv"), *roots]) == 0
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        cells = {row["node"] for row in csv.DictReader(file)}
    assert {cell.removeprefix("'") for cell in cells} == {name.replace("\x9b", "\\x9b") for name in names}
    assert not any(cell.startswith(("=", "@", "-", "+")) for cell in cells)
    from downstream.answers.node_scores import score_nodes, top_table
    from nie.commands.output import say
    from nie.runs.run import read_run

    say(top_table(score_nodes(read_run(run), data_root=tmp_path / "data"), "pagerank", count=60))
    table = capsys.readouterr().out
    assert "\x9b" not in table
    assert all(line.replace("\\|", "").count("|") == 6 for line in table.splitlines() if line.startswith("|"))


def test_a_full_disk_behind_the_output_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    store_synthetic(tmp_path)
    monkeypatch.setattr(sys, "stdout", Full())
    assert main(["check", str(tmp_path / "synthetic")]) == 2
    assert (
        capsys.readouterr().err == "nie: The disk is full: the output was not written; free some space and run again.\n"
    )
