"""Searches and runs of two hosts, network namespaces of this machine, that share a storage and a folder of runs."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hosts_helpers import HOSTS, two_hosts, why_not
from stage_helpers import store_synthetic

optuna = pytest.importorskip("optuna")
FEATURES = ["--features.structural", "structural", "--features.semantic", "semantic"]
REASON = why_not()


def on_both(shell: str, command: list[str]) -> list[str]:
    """Run a command on both hosts at the same time; what each says."""
    words = f"OMP_NUM_THREADS=1 exec {shlex.join([sys.executable, '-m', 'nie', *command])}"
    both = [
        subprocess.Popen([shell, host, words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for host in HOSTS
    ]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    return said


@pytest.mark.skipif(REASON is not None, reason=str(REASON))
@pytest.mark.slow
def test_two_hosts_search_together_and_share_the_folds_of_a_run(tmp_path: Path) -> None:
    store_synthetic(tmp_path)
    roots = ["--data-root", str(tmp_path), "--run-root", str(tmp_path / "runs")]
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    searching = ["search", "boosting", "synthetic", "--trials", "2", "--set", "model.leaves=4:30", "--storage", url]
    training = ["downstream", "--recipe", "fast", "--dataset", "synthetic", "--method", "boosting", "--folds.run"]
    with two_hosts(tmp_path) as shell:
        on_both(shell, [*searching, *FEATURES, "--folds.run", "0", *roots])
        said = on_both(shell, [*training, "0,1,2,3", *FEATURES, *roots])
    trials = optuna.load_study(study_name=None, storage=url).trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4
    assert len({trial.params["model.leaves"] for trial in trials}) > 1
    (run,) = (tmp_path / "runs" / "downstream" / "synthetic").glob("boosting-*")
    assert sorted(path.name for path in run.glob("fold*")) == ["fold0", "fold1", "fold2", "fold3"]
    for fold in range(4):  # each is worked on by one host, and found finished by the other
        assert sum(f"fold {fold}: finished before, kept" in one for one in said) == 1, said
