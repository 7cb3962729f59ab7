"""The layers of the networks that teach, which a student may be aligned with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
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
from pretrain.inputs import NodeInputs, inputs_key, prepare


@dataclass(frozen=True, eq=False)
class TeacherInputs:
    """What networks that teach read, prepared once for all folds and teachers, and let go with this object.

    Attributes:
        own: what the student reads, which is that of teachers with the same settings of data.
    """

    own: NodeInputs
    _prepared: dict[str, NodeInputs] = field(default_factory=dict, repr=False)

    def of(self, run: Run, config: NetworkConfig) -> NodeInputs:
        """The inputs of a teacher.

        Raises:
            NieError: its features cannot be had, or have changed since.
        """
        key = inputs_key(config)
        inputs = self.own if key == inputs_key(self.own.config) else self._prepared.get(key)
        if inputs is None:
            inputs = self._prepared[key] = prepare(config, data_root=self.own.data_root, kg=self.own.kg)
        if (changed := run.changed_source(inputs.made_from)) is not None:
            raise NieError(
                f"{run.path} read other features than there are now ({changed}), so that its layers cannot be had; run "
                "it again, or leave loss.teacher_cka out."
            )
        return inputs


def with_teacher_layers(work: FoldWork, inputs: TeacherInputs) -> FoldWork:
    """The same work with the layers that ``loss.teacher_cka`` asks for; as it is where nothing does.

    Args:
        work: of a student.
        inputs: what its teachers read.

    Raises:
        NieError: no teacher is a network whose layers are known, one has not so many, or one cannot teach on this fold.
    """
    asked = getattr(getattr(work.config, "loss", None), "teacher_cka", None)
    if asked is None or not asked.weight:
        return work
    found = tuple(
        layer for run in runs_to("teach", work.network.teachers) for layer in _asked_of(run, work, inputs, asked.layers)
    )
    if not found:
        raise NieError(
            "loss.teacher_cka aligns a network with the layers of its teachers, and none of these is a network whose "
            "layers are known, such as rgcn or rgtn; name one, or leave it out."
        )
    return replace(work, teacher_layers=found)


def _asked_of(run: Run, work: FoldWork, inputs: TeacherInputs, layers: tuple[int, ...]) -> Iterator[Floats]:
    """The layers of a teacher, by number from its last one, which is -1."""
    method = method_of(run)
    if method is None or not method.is_network:
        return
    made = layers_of_run(run, work, inputs)
    for layer in layers if made else ():
        if not 1 <= -layer <= len(made):
            raise NieError(
                f"{run.path} has {len(made)} layers; loss.teacher_cka.layers counts them from the last, -1, to "
                f"{-len(made)}, and got {layer}."
            )
        yield made[layer]


def layers_of_run(run: Run, work: FoldWork, inputs: TeacherInputs) -> list[Floats]:
    """(N, d) by layer of the first network of a finished run, on the fold and the device of ``work``.

    Raises:
        NieError: it has not finished the fold, is of another dataset or fold, or its features have changed.
    """
    prediction_of("teach", run, work.inputs.kg, work.fold)  # refuses what is of another fold
    read = cast(NetworkConfig, resolve(METHODS[run.config["method"]].settings, dict(run.config)))
    config = read.model_copy(update={"device": work.config.device})
    own = FoldWork.of(METHODS[config.method], config, inputs.of(run, config), work.fold)
    given = FoldNetwork.of(own)
    return layers_of(given.trained(run, work.fold.index), given)
