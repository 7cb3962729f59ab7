"""Runs of several methods, one after another in this process or in parallel processes.

In parallel, every fold of every run is a process of its own with its share of the cores; what it prints goes to a file
of its run. A process that fails does not stop the others: all failures are reported at the end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from downstream.methods.finished_predictions import is_outdated
from downstream.stages.apart import run_apart
from downstream.stages.table import STAGES
from nie.data import KnowledgeGraph, load
from nie.data.datasets import is_own
from nie.data.version import version_of
from nie.deadline import check_time
from nie.disk.atomic import space_errors
from nie.errors import NieError
from nie.extras import Package, require_all
from nie.plugins import check_files, plugin_files
from nie.progress import count_piece, log, piece, track
from nie.runs.folds import is_taken
from nie.runs.run import Run, open_run, read_run, run_path
from nie.settings.run import RunConfig
from nie.threads import cores

TAIL_LINES = 5
CORES = len(cores())


class Failure(NamedTuple):
    """Settings of a run that failed on some fold, and why, in a sentence that names the run and the fold."""

    config: RunConfig
    said: str


class Runner:
    """Runs stages on shared inputs.

    Args:
        data_root: folder of the datasets.
        run_root: folder of the runs.
        jobs: processes at a time; with 1, everything runs in this process.
    """

    def __init__(self, *, data_root: str | Path, run_root: str | Path, jobs: int = 1) -> None:
        if jobs < 1:
            raise NieError(f"jobs, the number of processes that run at a time, must be at least 1; got {jobs}.")
        if jobs > CORES:
            log.warning("%d jobs share %d cores; as many jobs as cores are faster", jobs, CORES)
        self.data_root, self.run_root, self.jobs = data_root, run_root, jobs
        self._graphs: dict[str, KnowledgeGraph] = {}
        self._inputs: dict[str, Any] = {}
        self._made_from: dict[str, dict[str, str]] = {}

    def graph(self, dataset: str) -> KnowledgeGraph:
        """The graph of that name, loaded once."""
        if dataset not in self._graphs:
            self._graphs[dataset] = load(dataset, self.data_root)
        return self._graphs[dataset]

    def take(self, kg: KnowledgeGraph) -> None:
        """Take a graph that is loaded already, which must be the stored one of its name."""
        self._graphs[kg.name] = kg

    def inputs(self, config: RunConfig) -> Any:
        """The inputs of ``config``; made once for all runs that ask for the same."""
        stage = STAGES[config.stage]
        key = stage.inputs_key(config)
        if key not in self._inputs:
            # Runs alternate between four: the graph alone, features, these with neighbours, and stage 1.
            kept = dict(list(self._inputs.items())[-3:])
            made = stage.prepare(config, data_root=self.data_root, kg=self.graph(config.dataset))
            self._inputs = {**kept, key: made}
        return self._inputs[key]

    def require_packages(self, configs: Iterable[RunConfig], further: Iterable[Package] = ()) -> None:
        """Raise one error for all missing packages that runs of ``configs`` will need, and for ``further`` ones.

        Called before the first of them is run: what is missing must not be found when others are trained.
        """
        needed = [*further]
        for config in configs:
            with contextlib.suppress(NieError):  # of its own settings, which stop this run alone, and later
                needed += STAGES[config.stage].packages(config, self.graph(config.dataset), self.data_root)
        require_all(needed)

    def made_from(self, config: RunConfig) -> dict[str, str]:
        """sha256 of what a run of ``config`` is made from, by name; kept when the inputs no longer are."""
        key = STAGES[config.stage].inputs_key(config)
        if key not in self._made_from:
            self._made_from[key] = self.inputs(config).made_from
        return self._made_from[key]

    def run(self, configs: Sequence[RunConfig], raised: tuple[type[Exception], ...] = ()) -> list[Run]:
        """Run stages that do not read each other's results; finished folds are kept.

        Args:
            configs: of the runs.
            raised: errors that end all at once, and are raised as they are; in this process only.

        Raises:
            NieError: some failed, when all others are finished.
        """
        raise_failures([failure.said for failure in self.attempt(configs, raised)])
        return [read_run(self.path(config)) for config in configs]

    def attempt(self, configs: Sequence[RunConfig], raised: tuple[type[Exception], ...] = ()) -> list[Failure]:
        """Run stages as `run` does, but return what failed; a fold that fails stops no other.

        Raises:
            OutOfTime: the time limit of the job is over; what is finished is kept. In parallel processes a run that
                has begun is finished.
        """
        if self.jobs > 1:
            return self._attempt_apart(configs)
        failed: list[Failure] = []
        for config in configs:
            folds_of: dict[str, list[int]] = {}
            left = list(config.fold_numbers)
            while left:  # folds that other processes work on come last
                fold = next((one for one in left if not is_taken(self.path(config), one)), left[0])
                left.remove(fold)
                if not Run(self.path(config), {}).is_done(fold):
                    check_time()
                try:
                    one = config.on_folds(fold)
                    with piece(_piece(config, fold)):
                        STAGES[one.stage].run(one, run_root=self.run_root, inputs=self.inputs(one))
                except raised:
                    raise
                except (NieError, RuntimeError, MemoryError, OSError) as error:
                    if not isinstance(error, NieError):  # such as no memory left; the place where it happened helps
                        log.error("%s fold %d", config.run_label(), fold, exc_info=error)
                    folds_of.setdefault(str(error) or type(error).__name__, []).append(fold)
            failed += [
                Failure(config, f"{config.run_label()} fold {', '.join(map(str, folds))}: {what}")
                for what, folds in folds_of.items()
            ]
        return failed

    def path(self, config: RunConfig) -> Path:
        """The run directory of ``config`` on its graph as it is now."""
        own = is_own(config.dataset)  # for any other the graph need not be there
        return run_path(config.on_data(version_of(self.graph(config.dataset))) if own else config, self.run_root)

    def _attempt_apart(self, configs: Sequence[RunConfig]) -> list[Failure]:
        check_time()
        runs, tasks = [], []
        failed: list[Failure] = []
        for config in configs:
            try:
                check_files(config.plugins, config.run_label())
                run = open_run(config, root=self.run_root, made_from=self.made_from(config))
            except NieError as error:
                failed.append(Failure(config, f"{config.run_label()}: {error}"))
                continue
            runs.append(run)
            for fold in config.fold_numbers:
                if run.is_done(fold) and not is_outdated(run, fold):
                    count_piece(_piece(config, fold))
                else:
                    tasks.append((config, run, fold))
        tasks.sort(key=lambda task: is_taken(task[1].path, task[2]))  # what other processes work on is waited for last
        if tasks:
            log.info("%d folds to run, %d at a time; each prints to logs/ in its run", len(tasks), self.jobs)
        # A stage's module, and what torch's optimisers import when the first of them is made, in two seconds.
        modules = {STAGES[config.stage].run.__module__ for config, _, _ in tasks} | {"torch._dynamo"}
        answers = run_apart(
            [self._command(*task) for task in tasks],
            jobs=self.jobs,
            threads=max(1, CORES // self.jobs),
            modules=modules,
        )
        codes: dict[int, int | None] = {}
        for place, code in track(answers, "folds", len(tasks)):
            codes[place] = code
            config, _, fold = tasks[place]
            count_piece(_piece(config, fold))
        for place, (config, run, fold) in enumerate(tasks):
            if not run.is_done(fold):
                failed.append(Failure(config, _what_it_said(run, fold, codes[place])))
        for run in runs:
            run.write_summary()
        return failed

    def _command(self, config: RunConfig, run: Run, fold: int) -> tuple[list[str], Path]:
        """The command that runs one fold, and the file for what it prints."""
        stage = STAGES[config.stage]
        arguments = [
            stage.command, "--recipe", str(run.path / "config.yaml"), stage.folds_flag, str(fold),
            "--data-root", str(self.data_root), "--run-root", str(self.run_root),
        ]  # fmt: skip
        arguments += [f"--plugins={file}" for file in plugin_files(config.plugins)]
        for setting, paths in config.reads_runs().items():  # the stored paths may be from before the runs were moved
            arguments += [f"--{setting}", paths if isinstance(paths, str) else ",".join(paths)]
        log_file = _log_file(run, fold)
        with space_errors(log_file):
            log_file.parent.mkdir(exist_ok=True)
            log_file.unlink(missing_ok=True)  # an earlier attempt may have failed for another reason
        return arguments, log_file


def _piece(config: RunConfig, fold: int) -> str:
    """What a fold is called as a piece of the whole job."""
    return f"{config.run_label()} fold {fold}"


def _log_file(run: Run, fold: int) -> Path:
    return run.path / "logs" / f"fold{fold}.log"


def _what_it_said(run: Run, fold: int, code: int | None) -> str:
    """Why a fold failed, by the last lines that its process printed."""
    log_file = _log_file(run, fold)
    printed = log_file.read_text(encoding="utf-8", errors="replace") if log_file.exists() else ""
    if code is None:
        how = "not ended when the process that starts folds died"
    else:
        how = f"exit code {code}" if code >= 0 else f"killed by signal {-code}, often for want of memory"
    lines = " / ".join(printed.strip().splitlines()[-TAIL_LINES:])
    return f"{run.path.name} fold {fold} ({how}, {log_file}): {lines or 'nothing printed'}"


def raise_failures(failed: Sequence[str], finished: str = "finished") -> None:
    """Raise one error for all that failed, if any did; any others are ``finished``."""
    if failed:
        said = "; ".join(one.removesuffix(".") for one in failed)
        raise NieError(f"{len(failed)} failed, any others are {finished}: {said}.")
