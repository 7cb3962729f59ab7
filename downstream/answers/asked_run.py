"""A finished run of any method whose scores can be explained, opened on its graph."""

from __future__ import annotations

from pathlib import Path

from downstream.answers.blend_run import BlendRun
from downstream.answers.changed_scores import ChangeableRun
from downstream.answers.finished_run import RunInputs, finished_config
from downstream.answers.linear_run import LinearRun
from downstream.answers.score_sum import AskedRun
from downstream.answers.table_run import TableRun
from downstream.answers.trained import TrainedRun
from downstream.methods.method import Method
from downstream.methods.table import METHODS, method_of
from nie.errors import NieError
from nie.runs.run import Run


def asked_run(run: Run, *, data_root: str | Path = "datasets") -> AskedRun:
    """Open a run of a network, of a method that is linear in the features, of trees, or of a blend.

    The trees of a blend are not explained: their parts stand by their names.

    Args:
        run: of the importance stage.
        data_root: folder of the datasets.

    Raises:
        NieError: another stage made the run, it has no finished fold, its data have changed, a part of a blend is no
            more, or its method is another one.
    """
    config, shared = finished_config(run), RunInputs(data_root)
    method = METHODS[config.method]
    if method.predictor is not None:
        return TableRun.open(run, shared=shared)
    if not _can_be_asked(method):
        raise NieError(
            f"{run.path} is a run of {config.method}, whose scores cannot be explained; ask a run of a network, such "
            "as rgcn or rgtn, of linear or ridge, of trees, such as boosting-neighbours, of kernel-ridge, or a blend."
        )
    return _opened(run, shared)


def changeable_run(run: Run, *, data_root: str | Path = "datasets") -> ChangeableRun:
    """Open a run of a network, of trees or of kernel ridge regression, to be asked about a changed graph.

    Args:
        run: of the importance stage.
        data_root: folder of the datasets.

    Raises:
        NieError: another stage made the run, it has no finished fold, its data have changed, or its method is another
            one.
    """
    config = finished_config(run)
    method = METHODS[config.method]
    if method.predictor is None and not method.is_network:
        raise NieError(
            f"{run.path} is a run of {config.method}, which cannot be asked about a changed graph; ask a run of a "
            "network, such as rgcn or rgtn, of trees, such as boosting, or of kernel-ridge."
        )
    return (TrainedRun if method.is_network else TableRun).open(run, data_root=data_root)


def _opened(run: Run, shared: RunInputs) -> AskedRun:
    method = METHODS[finished_config(run).method]
    if method.made_of_runs:
        return BlendRun.open(run, shared, lambda part: _part(part, shared))
    return (TrainedRun if method.is_network else LinearRun).open(run, shared=shared)


def _part(run: Run, shared: RunInputs) -> AskedRun | None:
    method = method_of(run)
    if method is None or not _can_be_asked(method):
        return None
    return _opened(run, shared)


def _can_be_asked(method: Method) -> bool:
    return method.is_network or method.weights is not None or method.made_of_runs
