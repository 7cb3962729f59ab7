"""Studies, their rows, which are called arms, and how these are run.

An arm is a method with its settings, on raw features or on those of a LICAP pretraining, or a blend of other arms.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from downstream.reports.page import Table
from downstream.reports.tables import CAPTION
from downstream.stages.runner import Runner
from downstream.studies.settings import Settings
from nie.progress import log
from nie.runs.run import Run, read_run, run_path
from nie.settings.run import RunConfig
from pretrain.licap_settings import LicapConfig


@dataclass(frozen=True)
class Arm:
    """One row of a study.

    Attributes:
        name: of the row.
        config: settings of stage 2, or of link prediction.
        licap: settings of stage 1 whose embeddings it reads; None for raw features.
        parts: the arms that it blends.
    """

    name: str
    config: RunConfig
    licap: LicapConfig | None = None
    parts: tuple[Arm, ...] = ()

    def stage2(self, run_root: str | Path) -> RunConfig:
        """Settings of stage 2 that read the embeddings, or the runs to blend, where they are or will be."""
        if self.parts:
            paths = tuple(str(run_path(part.stage2(run_root), run_root)) for part in self.parts)
            return self.config.model_copy(update={"parts": paths})
        if self.licap is None:
            return self.config
        return self.config.model_copy(update={"pretrained": str(run_path(self.licap, run_root))})


@dataclass(frozen=True)
class Study:
    """A question, the arms that answer it, and the pairs of arms that are tested against each other.

    Attributes:
        question: one sentence.
        arms: makes the arms from a dataset's `Settings`, or `downstream.studies.link_settings.LinkSettings`.
        pairs: makes (ours, theirs) from the names of the arms.
        tested: the metrics on which pairs are tested.
        columns: the metrics of the table; by default those of the papers.
        also: makes tables, and figures by title, that this study alone has.
        caption: of the table.
        settings: makes what ``arms`` takes from a dataset, a profile, flags and epochs.
        run: of a study that is no table of arms: ``(settings, *, runner, folder, command, report_only) -> Markdown``.
    """

    question: str
    arms: Callable[[Any], list[Arm]] = lambda settings: []
    pairs: Callable[[Sequence[str]], list[tuple[str, str]]] = lambda names: []
    tested: tuple[str, ...] = ("rmse", "spearman")
    columns: tuple[str, ...] = ()
    also: Callable[[Sequence[Arm], Mapping[str, Run], Runner], tuple[list[Table], dict[str, Any]]] | None = None
    caption: str = CAPTION
    settings: Callable[[str, str, Sequence[str], int | None], Any] = Settings
    run: Callable[..., str] | None = None


def against_first(names: Sequence[str]) -> list[tuple[str, str]]:
    """Every arm against the first.

    >>> against_first(["none", "L1", "L2"])
    [('L1', 'none'), ('L2', 'none')]
    """
    return [(name, names[0]) for name in names[1:]]


def run_arms(
    arms: Sequence[Arm], runner: Runner, *, minutes: float | None = None,
    after: Callable[[dict[str, Run]], object] = lambda runs: None,
) -> tuple[dict[str, Run], list[str]]:  # fmt: skip
    """Run the arms, stage 1 before stage 2. An arm or a fold that fails does not stop the others.

    Args:
        arms: in the order of the table.
        runner: how they run. With several jobs all arms run at once, otherwise one after another.
        minutes: no further arm is started after so many, and arms are run one after another; call again to go on.
        after: called with the runs so far whenever an arm is finished.

    Returns:
        The runs by name, and a sentence for each failure.

    Raises:
        NieError: the dataset, its features or its folds cannot be had.
    """
    started, failed = time.monotonic(), []
    runs: dict[str, Run] = {}
    tried: set[str] = set()
    if arms:
        runner.made_from(arms[0].config)  # what no arm can do without is said once
    for piece in [list(arms)] if runner.jobs > 1 and minutes is None else [[arm] for arm in arms]:
        if minutes is not None and time.monotonic() - started > 60 * minutes:
            log.info("stopped after %.0f minutes; the same command goes on", minutes)
            break
        stage1 = {arm.licap.digest(): arm.licap for arm in piece if arm.licap and arm.licap.digest() not in tried}
        tried |= set(stage1)
        failed += runner.attempt(list(stage1.values()))
        for blends in (False, True):
            failed += runner.attempt(
                [
                    arm.stage2(runner.run_root).on_folds(*_ready_folds(arm, runner))
                    for arm in piece
                    if bool(arm.parts) == blends
                ]
            )
        runs.update(finished_arms(piece, runner))
        after(runs)
    return runs, failed


def _ready_folds(arm: Arm, runner: Runner) -> tuple[int, ...]:
    """The folds that are asked for and whose pretraining, where the arm has one, is finished."""
    folds = arm.config.fold_numbers
    return folds if arm.licap is None else tuple(Run(runner.path(arm.licap), {}, folds).finished_folds())


def finished_arms(arms: Sequence[Arm], runner: Runner) -> dict[str, Run]:
    """The runs of those arms that have a finished fold on the data as they are now, by name.

    They show the folds that the arm asks for and no others, and name the runs that they read where these are now.
    """
    runs = {}
    for arm in arms:
        config = arm.stage2(runner.run_root)
        path = runner.path(config)
        if not (path / "config.yaml").exists():
            continue
        run = Run(path, {**read_run(path).config, **config.reads_runs()}, config.fold_numbers)
        if run.finished_folds():
            changed = run.changed_source(runner.made_from(config))
            if changed:
                log.warning("%s is left out: %s is of other data (%s); remove it", arm.name, path, changed)
            else:
                runs[arm.name] = run
    return runs
