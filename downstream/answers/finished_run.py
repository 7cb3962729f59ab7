"""What has to be there to ask a finished run: its settings, and what it was made from."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from downstream.methods.importance_settings import ImportanceConfig
from downstream.stages.importance import IMPORTANCE
from downstream.stages.same_graph import check_same_graph
from nie.data import KnowledgeGraph, load
from nie.errors import NieError
from nie.runs.run import Run
from pretrain.cross_validation import Fold
from pretrain.inputs import NodeInputs, inputs_key, prepare

if sys.version_info >= (3, 11):
    from typing import Self
else:
    from typing_extensions import Self

ConfigT = TypeVar("ConfigT", bound=ImportanceConfig)
"""The settings of a method."""


def finished_config(run: Run) -> ImportanceConfig:
    """The settings of a run of which a fold is finished.

    Raises:
        NieError: another stage made the run, or it has no finished fold.
    """
    run.check_stage(IMPORTANCE.name)
    if not run.finished_folds():
        raise NieError(f"{run.path} has no finished fold; run 'nie {IMPORTANCE.command}' to its end first.")
    return IMPORTANCE.recipes.resolve(overrides=dict(run.config))


class HasInputs:
    """The graph and the folds of a run that is opened with its inputs."""

    inputs: NodeInputs

    @property
    def kg(self) -> KnowledgeGraph:
        """The graph."""
        return self.inputs.kg

    @property
    def folds(self) -> Sequence[Fold]:
        """Its folds, by number."""
        return self.inputs.folds


@dataclass(frozen=True)
class RunInputs:
    """The graph, the features and the folds of finished runs, which runs that were made from the same share.

    Attributes:
        data_root: folder of the datasets.
    """

    data_root: str | Path = "datasets"
    _graphs: dict[str, KnowledgeGraph] = field(default_factory=dict, repr=False)
    _inputs: dict[str, NodeInputs] = field(default_factory=dict, repr=False)

    def of(self, run: Run, config: ImportanceConfig) -> NodeInputs:
        """What a run was made from.

        Args:
            run: of the importance stage.
            config: its settings.

        Raises:
            NieError: it cannot be had, or has changed since.
        """
        name, key = config.dataset, inputs_key(config)
        if name not in self._graphs:
            self._graphs[name] = load(name, self.data_root)
        if key not in self._inputs:
            self._inputs[key] = prepare(config, data_root=self.data_root, kg=self._graphs[name])
        check_same_graph(run, self._inputs[key].made_from)
        return self._inputs[key]


@dataclass(frozen=True, eq=False)
class FittedRun(HasInputs, Generic[ConfigT]):
    """A finished run of one method, on its graph.

    Attributes:
        run: its folder.
        inputs: the graph, the features and the folds.
        config: its settings.
    """

    run: Run
    inputs: NodeInputs
    config: ConfigT

    @classmethod
    def open(cls, run: Run, *, data_root: str | Path = "datasets", shared: RunInputs | None = None) -> Self:
        """Open a run.

        Args:
            run: of the importance stage.
            data_root: folder of the datasets.
            shared: what runs that are opened with it have in common, in the place of ``data_root``.

        Raises:
            NieError: another stage made the run, it has no finished fold, its data have changed, or its method is not
                of those that this class asks.
        """
        config = cls.readable(run, finished_config(run))
        return cls(run, (shared or RunInputs(data_root)).of(run, config), config)

    @classmethod
    def readable(cls, run: Run, config: ImportanceConfig) -> ConfigT:
        """The settings of a run, if its method is one of those that this class asks.

        Raises:
            NieError: it is not.
        """
        raise NotImplementedError
