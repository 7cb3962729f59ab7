"""How alike the layers of taught networks are to those of their teachers: maps of layers by layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import ImportanceConfig
from downstream.methods.table import METHODS
from downstream.methods.teacher_layers import TeacherInputs, layers_of_run
from downstream.reports import figures
from downstream.reports.page import Table
from downstream.stages.runner import Runner
from downstream.studies.study import Arm
from nie.arrays import Floats
from nie.cka import linear_cka
from nie.runs.run import Run

NOTE = (
    "Linear CKA of the last layer of a network with that of a teacher, over all nodes of the first fold that all "
    "of them have finished: 1 for the same up to rotation and scale. Channels of a layer stand side by side."
)


def cka_report(arms: Sequence[Arm], runs: Mapping[str, Run], runner: Runner) -> tuple[list[Table], dict[str, Any]]:
    """A table of last layers, and a map of layers by layers for each student and each teacher that is a network."""
    networks = [arm for arm in arms if arm.name in runs and METHODS[_method(runs[arm.name])].is_network]
    teaching = {part.name for arm in networks for part in arm.parts}
    shared = set.intersection(*(set(runs[arm.name].finished_folds()) for arm in networks)) if networks else set()
    if not shared:
        return [], {}
    layers = {arm.name: found for arm in networks if (found := _layers(arm, runs[arm.name], runner, min(shared)))}
    teachers = [name for name in layers if name in teaching]
    rows, drawn = [], {}
    for name, own in layers.items():
        others = [teacher for teacher in teachers if teacher != name]
        last = {teacher: f"{linear_cka(own[-1], layers[teacher][-1]):.3f}" for teacher in others}
        rows.append([name, *(last.get(teacher, "—") for teacher in teachers)])
        if " taught by all" in name:
            for teacher in others:
                drawn[f"CKA of {name} with {teacher}"] = figures.heat_map(
                    cka_map(own, layers[teacher]), f"layer of {name}", f"layer of {teacher}", "linear CKA"
                )
    if not teachers:
        return [], {}
    return [Table("How alike last layers are to those of the teachers", ["row", *teachers], rows, NOTE)], drawn


def cka_map(ours: Sequence[Floats], theirs: Sequence[Floats]) -> dict[tuple[float, float], float]:
    """The linear CKA of every layer of one network with every layer of another, by their numbers from 1.

    >>> import numpy as np
    >>> layers = [np.eye(3)[:, :2], np.eye(3)]
    >>> {at: round(value, 2) for at, value in cka_map(layers[:1], layers).items()}
    {(1.0, 1.0): 1.0, (1.0, 2.0): 0.89}
    """
    return {
        (float(x), float(y)): linear_cka(own, other)
        for x, own in enumerate(ours, 1)
        for y, other in enumerate(theirs, 1)
    }


def _method(run: Run) -> str:
    return str(run.config["method"])


def _layers(arm: Arm, run: Run, runner: Runner, fold: int) -> list[Floats]:
    inputs, config = runner.inputs(arm.config), cast(ImportanceConfig, arm.settings_in(runner))
    work = FoldWork.of(METHODS[_method(run)], config, inputs, inputs.folds[fold])
    return layers_of_run(run, work, TeacherInputs(inputs))
