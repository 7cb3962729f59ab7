"""pretrain.on_hosts, on two hosts that are network namespaces of this machine."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hosts_helpers import HOSTS, dying, launching, needs_hosts, parted, two_hosts
from stage_helpers import SMALL_FLAGS

from nie.__main__ import main
from nie.training.checkpoint import read_checkpoint

FEATURES = [*SMALL_FLAGS[:4], "--features.standardize", "--graph.inverse_relations"]
SETTINGS = [
    "pretrain", "--recipe", "fast", "--dataset", "synthetic", *FEATURES,
    "--loss.gamma", "0.2", "--batch.size", "16", "--optim.eval_every", "1", "--folds.run", "0",
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parted(tmp_path_factory.mktemp("data"), FEATURES)


def compare(one: Path, two: Path, channels: tuple[str, ...]) -> None:
    """Curves and embeddings of fold 0 under two folders are the same."""
    for channel in channels:
        folders = [next(root.rglob(f"fold0/{channel}")) for root in (one, two)]
        assert {file.name for file in folders[0].iterdir()} == {file.name for file in folders[1].iterdir()}
        curves = [[*csv.DictReader((folder / "curves.csv").read_text("utf-8").splitlines())] for folder in folders]
        for row, other in zip(*curves, strict=True):
            assert float(row["loss"]) == pytest.approx(float(other["loss"]), abs=1e-5)
        embeddings = [np.load(folder / "embeddings.npy") for folder in folders]
        np.testing.assert_allclose(*embeddings, atol=1e-3)


@needs_hosts
@pytest.mark.slow
def test_two_hosts_make_the_embeddings_of_one(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings = [*SETTINGS, "--channels", "structural,semantic", "--optim.max_epochs", "2"]
    one, two = ([*settings, "--data-root", str(data), "--run-root", str(tmp_path / name)] for name in ("one", "two"))
    assert main([*one, "--quiet"]) == 0
    with two_hosts(tmp_path) as shell:
        assert main(launching(shell, data, two)) == 0
    compare(tmp_path / "one", tmp_path / "two", ("structural", "semantic"))


@needs_hosts
@pytest.mark.slow
def test_a_regression_whose_trainer_was_killed_goes_on_to_the_embeddings_of_one_host(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings = [*SETTINGS, "--loss.objective", "regression", "--channels", "semantic", "--optim.max_epochs", "4"]
    one, two = ([*settings, "--data-root", str(data), "--run-root", str(tmp_path / name)] for name in ("one", "two"))
    assert main([*one, "--quiet"]) == 0
    with two_hosts(tmp_path) as shell:
        assert main(launching(shell, data, two, dying(tmp_path))) == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert f"The trainer of {HOSTS[1]} has ended (killed by signal 9)" in said
        assert "the same command goes on from the last checkpoint" in said
        (checkpoint,) = (tmp_path / "two").rglob("fold0.partial/semantic/checkpoint.pt")
        assert len(read_checkpoint(checkpoint)["history"]["rows"]) == 2
        assert main(launching(shell, data, two)) == 0
    compare(tmp_path / "one", tmp_path / "two", ("semantic",))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "training on the whole graph; give --batch.size, 8 or more for 2 hosts"),
        (["--memory", "4G"], "knows no memory; give --batch.size, 8 or more for 2 hosts, in its place"),
        (["--batch.size", "64", "--batch.fanout", "5", "--batch.sampler", "relation"], "no batch.sampler but uniform"),
    ],
)
def test_settings_that_do_not_work_on_hosts_are_refused(
    flags: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"NIE_HOSTS": "10.0.0.1,10.0.0.2", "NIE_HOST": "0", "NIE_ROLE": "trainer"}.items():
        monkeypatch.setenv(name, value)
    assert main(["pretrain", "--recipe", "fast", "--dataset", "x", *flags, "--distributed"]) == 2
    assert said in capsys.readouterr().err
