"""Runs of several methods, one after another in this process or in parallel processes.

In parallel, every fold of every run is a process of its own with its share of the cores; what it prints goes to a file
of its run. A process that fails does not stop the others: all failures are reported at the end.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from downstream.importance import estimate
from downstream.links.inputs import READ, LinkInputs
from downstream.links.prediction import predict_links
from nie.config import ImportanceConfig, LicapConfig, RunConfig, StageConfig
from nie.errors import NieError
from nie.link_config import LinkConfig
from nie.method_config import BlendMethod, FeatureMethod
from nie.progress import log, track
from nie.runs import Run, open_run, read_run, run_path
from pretrain.inputs import StageInputs, device_of, prepare
from pretrain.licap import pretrain

TAIL_LINES = 5
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Runner:
    """Runs stages on shared inputs.

    Args:
        data_root: folder of the datasets.
        run_root: folder of the runs.
        jobs: processes at a time; with 1, everything runs in this process.
    """

    def __init__(self, *, data_root: str | Path, run_root: str | Path, jobs: int = 1) -> None:
        if jobs < 1:
            raise NieError(f"jobs is {jobs}; give the number of processes that run at a time, 1 or more.")
        if jobs > CORES:
            log.warning("%d jobs share %d cores; as many jobs as cores are faster", jobs, CORES)
        self.data_root, self.run_root, self.jobs = data_root, run_root, jobs
        self._prepared: dict[str, StageInputs] = {}
        self._links: dict[str, LinkInputs] = {}
        self._made_from: dict[str, dict[str, str]] = {}

    def inputs(self, config: StageConfig) -> StageInputs:
        """The inputs of ``config``; made once for all stages that ask for the same graph, features and folds."""
        key = _inputs_key(config)
        if key not in self._prepared:
            kept = dict(list(self._prepared.items())[-1:])  # stages alternate between two graphs at most
            self._prepared = {**kept, key: prepare(config, data_root=self.data_root)}
        return self._prepared[key]

    def link_inputs(self, config: LinkConfig) -> LinkInputs:
        """The inputs of link prediction; made once for all runs that ask for the same."""
        key = _inputs_key(config)
        if key not in self._links:
            self._links = {key: LinkInputs.of(config, self.data_root)}
        return self._links[key]

    def made_from(self, config: RunConfig) -> dict[str, str]:
        """sha256 of what a run of ``config`` is made from, by name; kept when the inputs no longer are."""
        key = _inputs_key(config)
        if key not in self._made_from:
            inputs = self.link_inputs(config) if isinstance(config, LinkConfig) else self.inputs(_staged(config))
            self._made_from[key] = inputs.made_from
        return self._made_from[key]

    def run(self, configs: Sequence[RunConfig]) -> list[Run]:
        """Run stages that do not read each other's results; finished folds are kept.

        Raises:
            NieError: some failed, when all others are finished.
        """
        raise_failures(self.attempt(configs))
        return [read_run(self.path(config)) for config in configs]

    def attempt(self, configs: Sequence[RunConfig]) -> list[str]:
        """Run stages like `run`, every fold on its own, and return a sentence for each failure."""
        if self.jobs > 1:
            return self._attempt_apart(configs)
        failed = []
        for config in configs:
            folds_of: dict[str, list[int]] = {}
            for fold in config.fold_numbers:
                try:
                    self._run(config.on_folds(fold))
                except (NieError, RuntimeError, MemoryError, OSError) as error:
                    if not isinstance(error, NieError):  # such as no memory left; where it happened helps
                        log.error("%s fold %d", config.run_label(), fold, exc_info=error)
                    folds_of.setdefault(str(error) or type(error).__name__, []).append(fold)
            failed += [f"{config.run_label()} fold {_listed(folds)}: {what}" for what, folds in folds_of.items()]
        return failed

    def path(self, config: RunConfig) -> Path:
        """The run directory of ``config``."""
        return run_path(_stage(config), config, self.run_root)

    def _attempt_apart(self, configs: Sequence[RunConfig]) -> list[str]:
        runs, tasks, failed = [], [], []
        for config in configs:
            try:
                run = open_run(_stage(config), config, root=self.run_root, made_from=self.made_from(config))
            except NieError as error:
                failed.append(f"{config.run_label()}: {error}")
                continue
            runs.append(run)
            tasks += [(config, run, fold) for fold in config.fold_numbers if not run.is_done(fold)]
        log.info("%d folds to run, %d at a time; each prints to logs/ in its run", len(tasks), self.jobs)
        with ThreadPoolExecutor(self.jobs) as pool:
            answers = pool.map(lambda task: self._run_apart(*task), tasks)
            failed += [answer for answer in track(answers, "folds", len(tasks)) if answer]
        for run in runs:
            run.write_summary()
        return failed

    def _run(self, config: RunConfig) -> Run:
        if isinstance(config, LinkConfig):
            return predict_links(config, run_root=self.run_root, inputs=self.link_inputs(config))
        if isinstance(config, LicapConfig):
            return pretrain(config, run_root=self.run_root, inputs=self.inputs(config))
        assert isinstance(config, ImportanceConfig)
        return estimate(config, run_root=self.run_root, inputs=self.inputs(config))

    def _run_apart(self, config: RunConfig, run: Run, fold: int) -> str | None:
        """Run one fold in a process of its own; what it said if it failed."""
        log_file = run.path / "logs" / f"fold{fold}.log"
        log_file.parent.mkdir(exist_ok=True)
        command = [
            sys.executable, "-m", "nie", _command(config), "--recipe", str(run.path / "config.yaml"),
            _folds_flag(config), str(fold), "--data-root", str(self.data_root), "--run-root", str(self.run_root),
        ]  # fmt: skip
        if isinstance(config, FeatureMethod) and config.pretrained:
            command += ["--pretrained", config.pretrained]  # the stored path may be from before the runs were moved
        if isinstance(config, BlendMethod):
            command += ["--parts", ",".join(config.parts)]
        threads = max(1, CORES // self.jobs)
        with log_file.open("w", encoding="utf-8") as file:
            code = subprocess.run(
                command, stdout=file, stderr=file, env={**os.environ, "OMP_NUM_THREADS": str(threads)}, check=False
            ).returncode
        if code == 0 and run.is_done(fold):
            return None
        lines = log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-TAIL_LINES:]
        how = f"exit code {code}" if code >= 0 else f"killed by signal {-code}, often for want of memory"
        return f"{run.path.name} fold {fold} ({how}, {log_file}): {' / '.join(lines) or 'nothing printed'}"


def raise_failures(failed: Sequence[str], finished: str = "finished") -> None:
    """Raise one error for all that failed, if any did; the others are ``finished``."""
    if failed:
        raise NieError(f"{len(failed)} failed, the others are {finished}: {'; '.join(failed)}")


def _inputs_key(config: RunConfig) -> str:
    if isinstance(config, LinkConfig):
        return config.model_dump_json(include=READ)
    staged = _staged(config)
    asked_of_stage = staged.model_dump_json(include={"dataset", "graph", "features"})
    return f"{asked_of_stage} {staged.folds.num_folds} {staged.folds.seed} {device_of(staged)}"


def _staged(config: RunConfig) -> StageConfig:
    assert isinstance(config, StageConfig)
    return config


def _listed(folds: Sequence[int]) -> str:
    return ", ".join(map(str, folds))


def _stage(config: RunConfig) -> str:
    """Folder of the stage's runs."""
    return "links" if isinstance(config, LinkConfig) else _command(config)


def _command(config: RunConfig) -> str:
    if isinstance(config, LinkConfig):
        return "link"
    return "pretrain" if isinstance(config, LicapConfig) else "downstream"


def _folds_flag(config: RunConfig) -> str:
    return "--repeats" if isinstance(config, LinkConfig) else "--folds.run"
