"""The layers of the networks that teach, which a student may be aligned with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from downstream.methods.finished_predictions import prediction_of, runs_to
from downstream.methods.fold_network import FoldNetwork
from downstream.methods.fold_work import FoldWork
from downstream.methods.importance_settings import NetworkConfig
from downstream.methods.layer_outputs import layers_of
from downstream.methods.table import METHODS, method_of
from nie.arrays import Floats
from nie.errors import NieError
from nie.runs.run import Run
from nie.settings.recipes import resolve
from pretrain.inputs import inputs_key, prepare


def with_teacher_layers(work: FoldWork) -> FoldWork:
    """The same work with the layers that ``loss.teacher_cka`` asks for; as it is where nothing does.

    Raises:
        NieError: no teacher is a network whose layers are known, one has not so many, or one cannot teach on this fold.
    """
    asked = getattr(getattr(work.config, "loss", None), "teacher_cka", None)
    if asked is None or not asked.weight:
        return work
    found = tuple(
        layer for run in runs_to("teach", work.network.teachers) for layer in _asked_of(run, work, asked.layers)
    )
    if not found:
        raise NieError(
            "loss.teacher_cka aligns a network with the layers of its teachers, and none of these is a network whose "
            "layers are known, such as rgcn or rgtn; name one, or leave it out."
        )
    return replace(work, teacher_layers=found)


def _asked_of(run: Run, work: FoldWork, layers: tuple[int, ...]) -> Iterator[Floats]:
    """The layers of a teacher, by number from its last one, which is -1."""
    method = method_of(run)
    if method is None or not method.is_network:
        return
    made = layers_of_run(run, work)
    for layer in layers if made else ():
        if not 1 <= -layer <= len(made):
            raise NieError(
                f"{run.path} has {len(made)} layers; loss.teacher_cka.layers counts them from the last, -1, to "
                f"{-len(made)}, and got {layer}."
            )
        yield made[layer]


def layers_of_run(run: Run, work: FoldWork) -> list[Floats]:
    """(N, d) by layer of the first network of a finished run, on the fold of ``work``.

    Raises:
        NieError: it has not finished the fold, or is of another dataset or fold.
    """
    inputs, number = work.inputs, work.fold.index
    prediction_of("teach", run, inputs.kg, work.fold)  # refuses what is of another fold
    config = cast(NetworkConfig, resolve(METHODS[run.config["method"]].settings, dict(run.config)))
    if inputs_key(config) != inputs_key(work.config):
        inputs = prepare(config, data_root=inputs.data_root, kg=inputs.kg)
    own = FoldWork.of(METHODS[config.method], config, inputs, work.fold)
    given = FoldNetwork.of(own)
    return layers_of(given.trained(run, number), given)
