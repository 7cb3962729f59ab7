"""The same figures and scores wherever a command runs: locale, time zone, hash seed and encoding of the output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stage_helpers import store_synthetic

from nie.__main__ import main

STRANGE = {"LC_ALL": "C", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}


def test_a_strange_environment_changes_nothing(tmp_path: Path) -> None:
    store_synthetic(tmp_path / "data")
    recipe = ["downstream", "--recipe", "fast", "--dataset", "synthetic", "--method", "gcn", "--optim.max_epochs", "2"]
    command = [*recipe, "--features.structural", "structural", "--features.semantic", "tfidf", "--folds.run", "0,1"]

    def roots(runs: str) -> list[str]:
        return ["--data-root", str(tmp_path / "data"), "--run-root", str(tmp_path / runs), "--quiet"]

    assert main([*command, *roots("here")]) == 0
    environment = {**os.environ, **STRANGE, "OMP_NUM_THREADS": "1"}
    away = subprocess.run(
        [sys.executable, "-m", "nie", *command, *roots("away")], env=environment, capture_output=True, check=False
    )
    assert away.returncode == 0, away.stderr
    for name in ("metrics.json", "predictions.npy", "curves.csv"):
        for fold in ("fold0", "fold1"):
            one, two = (next((tmp_path / root).rglob(f"{fold}/{name}")).read_bytes() for root in ("here", "away"))
            assert one == two, name
