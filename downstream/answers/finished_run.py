"""What has to be there to ask a finished run: its settings, and what it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from downstream.methods.importance_settings import ImportanceConfig
from downstream.stages.importance import IMPORTANCE
from downstream.stages.same_graph import check_same_graph
from nie.data import KnowledgeGraph, load
from nie.errors import NieError
from nie.runs.run import Run
from pretrain.cross_validation import Fold
from pretrain.inputs import NodeInputs, inputs_key, prepare


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
            NieError: it cannot be had, or has changed since; or the run learned another function of the labels.
        """
        if (learned := getattr(config, "learned_labels", "given")) != "given":
            raise NieError(
                f"{run.path} learned other labels (learned_labels {learned}), so that what its model says is not "
                "on the scale of the scores; ask a run of the labels as they are."
            )
        loss = getattr(config, "loss", None)
        if loss is not None and loss.groups.heads:
            raise NieError(
                f"{run.path} mixes heads by groups of its own nodes (loss.groups.heads), so that it cannot be asked "
                "about a part of the graph or another one; ask a run without."
            )
        name, key = config.dataset, inputs_key(config)
        if name not in self._graphs:
            self._graphs[name] = load(name, self.data_root)
        if key not in self._inputs:
            self._inputs[key] = prepare(config, data_root=self.data_root, kg=self._graphs[name])
        check_same_graph(run, self._inputs[key].made_from)
        return self._inputs[key]
