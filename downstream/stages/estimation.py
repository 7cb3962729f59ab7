"""Stage 2: importance estimation by any method, on raw or pretrained features.

The epoch is chosen on the fold's validation nodes; its test nodes are scored once, after training.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from downstream.methods.finished_predictions import is_outdated
from downstream.methods.fitted import DEVIATION_FILE, TIERS_FILE
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.table import METHODS, method_of
from downstream.methods.teacher_layers import TeacherInputs, with_teacher_layers
from downstream.metrics.importance import COLUMNS
from nie.errors import NieError
from nie.ops.backend import choose_backend
from nie.progress import log
from nie.runs.files import write_array, write_json
from nie.runs.folds import run_folds
from nie.runs.provenance import sitting
from nie.runs.run import Run, open_run, read_run
from pretrain.cross_validation import binding, write_split
from pretrain.inputs import NodeInputs, prepare


def estimate(
    config: ImportanceConfig, *, data_root: str | Path = "datasets", run_root: str | Path = "checkpoints",
    inputs: NodeInputs | None = None,
) -> Run:  # fmt: skip
    """Train and test ``config.method`` on the configured folds; finished folds are kept, half-done ones continued.

    A fold that was blended without a part that has finished it since is made anew.

    Args:
        config: the resolved settings, of `downstream.stages.importance.IMPORTANCE`.
        data_root: folder of the datasets.
        run_root: folder of the runs.
        inputs: what `pretrain.inputs.prepare` returned, when several stages share it.

    Raises:
        NieError: bad input, in one sentence.
    """
    _refuse_leaks(config)
    inputs = inputs or prepare(config, data_root=data_root)
    ready = checked_folds(config, inputs)  # what cannot work is refused before anything is written
    run = open_run(config, root=run_root, made_from=inputs.made_from)
    # What a fold reads may be large, so it is freed when the fold is finished.
    run_folds(run, config.folds.run, lambda fold, folder: _estimate_fold(*ready.pop(fold), folder), is_outdated)
    return run


def checked_folds(config: ImportanceConfig, inputs: NodeInputs) -> dict[int, tuple[FoldWork, Any]]:
    """The work on each configured fold, and what the method's check has made of it.

    Raises:
        NieError: one cannot work.
    """
    ready, of_teachers = {}, TeacherInputs(inputs)
    for fold in config.folds.run:
        work = FoldWork.of(METHODS[config.method], config, inputs, inputs.folds[fold])
        work = with_teacher_layers(work, of_teachers)
        work.judge.try_registered()
        ready[fold] = work, work.method.check(work)
    return ready


def _refuse_leaks(config: ImportanceConfig) -> None:
    """Raise where a finished run that these settings read has seen the test labels, which this run would see by it."""
    for folders in config.reads_runs().values():
        named = [folders] if isinstance(folders, str) else [*folders]
        teachers = [teacher for folder in named for teacher in read_run(folder).config.get("teachers", ())]
        for folder in [*named, *filter(os.path.exists, teachers)]:
            read = read_run(folder)
            method = method_of(read)
            if method is not None and method.sees_test_labels:
                raise NieError(
                    f"{folder} is a run of {read.config['method']}, which sees the test labels; {config.method} would "
                    "see them by it, so leave it out."
                )


def _estimate_fold(work: FoldWork, checked: Any, folder: Path) -> None:
    started = time.monotonic()
    config, fold, kg = work.config, work.fold, work.inputs.kg
    work.inputs.begin(fold.index, folder)
    fitted = work.fit(checked, folder)
    unseen = (fitted.prediction, fitted.score) if fitted.unseen is None else (fitted.unseen, fitted.unseen)
    val = work.judge(fold.val, *unseen, fitted.probability)
    test = work.judge(fold.test, fitted.prediction, fitted.score, fitted.probability)
    write_split(folder, fold)
    write_array(folder / "predictions.npy", fitted.prediction.astype(np.float32))
    if fitted.score is not fitted.prediction:
        write_array(folder / "scores.npy", fitted.score)
    if fitted.probability is not None:
        write_array(folder / TIERS_FILE, fitted.probability.astype(np.float32))
    if fitted.deviation is not None:
        write_array(folder / DEVIATION_FILE, fitted.deviation)
    write_json(folder / "metrics.json", {
        "binding": binding(kg, fold), "val": val, "test": {**test, **fitted.agreement}, "fit": fitted.facts,
    })  # fmt: skip
    write_json(folder / "timing.json", {
        **fitted.timing,
        **sitting(started),
        "device": str(work.inputs.device),
        "attention": choose_backend(torch.zeros(1, device=work.inputs.device)),
    })  # fmt: skip
    # Figures of validation nodes only: test figures are in the tables, where nobody chooses settings by them.
    shown = ", ".join(
        f"{name} {value:.4f}" if math.isfinite(value) else f"{name} undefined"
        for name, value in val.items() if name in COLUMNS
    )  # fmt: skip
    log.info("%s fold %d: validation %s", config.run_label(), fold.index, shown)
