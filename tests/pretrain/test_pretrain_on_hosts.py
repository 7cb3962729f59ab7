"""pretrain.on_hosts, on two hosts that are network namespaces of this machine."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from hosts_helpers import HOSTS, two_hosts, why_not
from stage_helpers import SMALL_FLAGS, store_synthetic

from nie.__main__ import main

FEATURES = [*SMALL_FLAGS[:4], "--features.standardize", "--graph.inverse_relations"]
SETTINGS = [
    "pretrain", "--recipe", "fast", "--dataset", "synthetic", *FEATURES, "--channels", "structural,semantic",
    "--loss.gamma", "0.2", "--batch.size", "16", "--optim.max_epochs", "2", "--optim.eval_every", "1",
    "--folds.run", "0",
]  # fmt: skip
REASON = why_not()


@pytest.mark.skipif(REASON is not None, reason=str(REASON))
@pytest.mark.slow
def test_two_hosts_make_the_embeddings_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    store_synthetic(tmp_path)
    data = ["--data-root", str(tmp_path)]
    assert main(["partition", "synthetic", "--parts", "2", *FEATURES, *data, "--quiet"]) == 0
    (tmp_path / "hosts.txt").write_text("\n".join(HOSTS))
    one, two = ([*SETTINGS, *data, "--run-root", str(tmp_path / name)] for name in ("one", "two"))
    assert main([*one, "--quiet"]) == 0
    with two_hosts(tmp_path) as shell:
        launch = ["launch", "--hosts", str(tmp_path / "hosts.txt"), "--shell", shell, "--"]
        assert main([*launch, sys.executable, "-m", "nie", *two, "--distributed"]) == 0
    for channel in ("structural", "semantic"):
        folders = [next((tmp_path / name).rglob(f"fold0/{channel}")) for name in ("one", "two")]
        assert {file.name for file in folders[0].iterdir()} == {file.name for file in folders[1].iterdir()}
        curves = [[*csv.DictReader((folder / "curves.csv").read_text("utf-8").splitlines())] for folder in folders]
        for row, other in zip(*curves, strict=True):
            assert float(row["loss"]) == pytest.approx(float(other["loss"]), abs=1e-5)
        embeddings = [np.load(folder / "embeddings.npy") for folder in folders]
        np.testing.assert_allclose(*embeddings, atol=1e-3)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "training on the whole graph; give --batch.size, 8 or more for 2 hosts"),
        (["--memory", "4G"], "training on the whole graph"),
        (["--batch.size", "64", "--loss.objective", "regression"], "no loss.objective regression"),
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
