"""Each file of a finished run is damaged in turn: what the error says is done to the letter, and all works again."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from link_helpers import ring
from stage_helpers import SMALL_FLAGS, run_quietly, store_synthetic

from downstream.stages.table import STAGES
from nie.data import KnowledgeGraph, read
from nie.data.store import save

SYNTHETIC = ["--recipe", "fast", "--dataset", "synthetic", *SMALL_FLAGS[:4], "--folds.run", "0"]
OF_LINKS = ["--model.size", "4", "--negatives.count", "9", "--optim.max_epochs", "1", "--optim.eval_every", "1"]
COMMANDS = {
    "pretrain": ["pretrain", *SYNTHETIC, "--channels", "structural", "--optim.max_epochs", "1"],
    "downstream": ["downstream", *SYNTHETIC, "--method", "linear"],
    "links": ["link", "--recipe", "rotate", "--dataset", "links", *OF_LINKS],
}
"""What makes a run, by the name of its stage."""
IN_A_FOLD = ("split.npz", "metrics.json", "timing.json", "DONE")
OF_A_MODEL = ("model.safetensors", "curves.csv")
FILES = [
    (stage, name)
    for stage, own in {
        "pretrain": (*IN_A_FOLD, "structural/embeddings.npy", *(f"structural/{name}" for name in OF_A_MODEL)),
        "downstream": (*IN_A_FOLD, "predictions.npy"),
        "links": (*IN_A_FOLD[1:], "ranks.npy", *OF_A_MODEL),
    }.items()
    for name in ("config.yaml", "provenance.json", "seal.json", "summary.json", *(f"fold0/{name}" for name in own))
]
DAMAGES: dict[str, Callable[[Path], object]] = {"junk": lambda path: path.write_bytes(b"{junk"), "gone": Path.unlink}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    """A folder with data and runs, and the run of each stage relative to it."""
    root = tmp_path_factory.mktemp("damaged")
    store_synthetic(root / "data")
    ring(root / "data")
    runs = {}
    for stage, command in COMMANDS.items():
        code, out, error = run_quietly(command, root / "data", root / "runs")
        assert code == 0, error
        runs[stage] = Path(out.splitlines()[-1]).relative_to(root)
    return root, runs


def readers(stage: str, run: Path, out: Path) -> list[list[str]]:
    """What reads a run, the command that made it last."""
    return {
        "pretrain": [["downstream", *SYNTHETIC, "--method", "linear", "--pretrained", str(run)]],
        "downstream": [["predict", str(run), "--out", str(out / "scores.csv")], ["table", "synthetic"]],
        "links": [["complete", str(run), "--relation", "one", "--head", "e1"]],
    }[stage] + [COMMANDS[stage]]


def follow(advice: str, command: list[str], data: Path, runs: Path) -> None:
    """Do what an error says."""
    if removed := re.search(r"remove the folder (\S+) and run again the command that made it\.", advice):
        shutil.rmtree(removed[1])
    elif cleaned := re.search(r"'nie clean (/\S+)' and run again the command that made it\.", advice):
        code, _, error = run_quietly(["clean", cleaned[1]], data, runs)
        assert code == 0, error
    else:
        command_again = rf"run 'nie {command[0]}' (to its end|with --folds.run 0) first\."  # its DONE is gone
        assert re.search(
            rf"damaged; run again the command that made it\.|start one with 'nie run|{command_again}", advice
        ), advice
    code, _, error = run_quietly(command, data, runs)
    assert code == 0, error


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("stage", "name"), FILES)
def test_the_advice_works(
    stage: str, name: str, damage: str, made: tuple[Path, dict[str, Path]], tmp_path: Path
) -> None:
    root, folders = made
    data, runs, run = root / "data", tmp_path / "runs", tmp_path / folders[stage]
    shutil.copytree(root / "runs", runs)
    DAMAGES[damage](run / name)
    for reader in readers(stage, run, tmp_path):
        code, _, advice = run_quietly(reader, data, runs)
        if code == 0:
            continue
        assert advice.count("\n") == 1
        if "fold0" not in name:
            assert "fold0" not in advice  # a file beside the folds costs no fold
        follow(advice, COMMANDS[stage], data, runs)
        code, _, error = run_quietly(reader, data, runs)
        assert code == 0, error


def test_every_file_of_every_stage_is_among_them(made: tuple[Path, dict[str, Path]]) -> None:
    root, folders = made
    assert set(folders) == set(STAGES)
    for stage, folder in folders.items():
        files = {str(path.relative_to(root / folder)) for path in (root / folder).rglob("[!.]*") if path.is_file()}
        assert files == {name for of, name in FILES if of == stage}


def test_a_run_of_an_older_graph_says_what_makes_a_new_one(
    made: tuple[Path, dict[str, Path]], tmp_path: Path
) -> None:  # fmt: skip
    root, folders = made
    shutil.copytree(root, tmp_path / "all")
    data, runs = tmp_path / "all" / "data", tmp_path / "all" / "runs"
    for stage, dataset in {"downstream": "synthetic", "links": "links"}.items():
        path, run = data / dataset / "processed", tmp_path / "all" / folders[stage]
        kg: KnowledgeGraph = read(path)
        labels = np.where(kg.label_mask, kg.labels + 1, kg.labels)
        save(replace(kg, labels=labels, node_names=[*kg.node_names[:-1], "renamed"]), path)
        reader = readers(stage, run, tmp_path)[0]
        code, _, advice = run_quietly(reader, data, runs)
        assert code == 2
        advised = re.search(rf"made from an older {dataset}; 'nie (.+)' makes a run of the present one\.", advice)
        assert advised, advice
        code, out, error = run_quietly(shlex.split(advised[1]), data, runs)
        assert code == 0, error
        new = out.splitlines()[-1]
        assert Path(new).name != run.name
        assert run_quietly([word.replace(str(run), new) for word in reader], data, runs)[0] == 0
        assert run.is_dir()  # the old one is kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("folds", {"a": 1}),
        ("folds", None),
        ("method", 5),
        ("features", [1]),
        ("seed", "x"),
        ("graph", None),
        ("dataset", []),
    ],
)
def test_a_strange_value_in_a_run_without_a_seal_is_no_traceback(
    name: str, value: object, made: tuple[Path, dict[str, Path]], tmp_path: Path
) -> None:
    root, folders = made
    shutil.copytree(root / "runs", tmp_path / "runs")
    run = tmp_path / folders["downstream"]
    (run / "seal.json").unlink()
    settings = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(yaml.safe_dump({**settings, name: value}))
    for command in readers("downstream", run, tmp_path)[:2]:
        code, _, error = run_quietly(command, root / "data", tmp_path / "runs")
        assert code in (0, 2)
        assert code == 0 or error.count("\n") == 1
