"""A finished run of any method whose scores can be explained, opened on its graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from downstream.answers.blend_run import BlendRun
from downstream.answers.linear_run import LinearRun
from downstream.answers.score_sum import AskedRun
from downstream.answers.trained import TrainedRun, finished_config
from downstream.methods.method import Method
from downstream.methods.table import METHODS, method_of
from downstream.stages.same_graph import check_same_graph
from nie.data import KnowledgeGraph, load
from nie.data.version import version_of
from nie.errors import NieError
from nie.runs.run import Run
from pretrain.inputs import NodeInputs, inputs_key, prepare


def asked_run(run: Run, *, data_root: str | Path = "datasets") -> AskedRun:
    """Open a run of a network, of a method that is linear in the features, or of a blend.

    Args:
        run: of the importance stage.
        data_root: folder of the datasets.

    Raises:
        NieError: another stage made the run, it has no finished fold, its data have changed, a part of a blend is no
            more, or its method is another one.
    """
    config = finished_config(run)
    if not _can_be_asked(METHODS[config.method]):
        raise NieError(
            f"{run.path} is a run of {config.method}, whose scores cannot be explained; ask a run of a network, such "
            "as rgcn or rgtn, of linear or ridge, or a blend of such."
        )
    return _Opener(load(config.dataset, data_root), data_root).opened(run)


@dataclass(frozen=True)
class _Opener:
    """Opens runs on one graph, which share what they read."""

    kg: KnowledgeGraph
    data_root: str | Path
    inputs: dict[str, NodeInputs] = field(default_factory=dict)

    def opened(self, run: Run) -> AskedRun:
        config = finished_config(run)
        method = METHODS[config.method]
        if method.made_of_runs:
            check_same_graph(run, version_of(self.kg))
            return BlendRun.open(run, self.kg, self.part)
        key = inputs_key(config)
        if key not in self.inputs:
            self.inputs[key] = prepare(config, data_root=self.data_root, kg=self.kg)
        kind = TrainedRun if method.is_network else LinearRun
        return kind.open(run, inputs=self.inputs[key])

    def part(self, run: Run) -> AskedRun | None:
        method = method_of(run)
        return self.opened(run) if method is not None and _can_be_asked(method) else None


def _can_be_asked(method: Method) -> bool:
    return method.is_network or method.weights is not None or method.made_of_runs
