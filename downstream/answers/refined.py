"""The vectors that a finished run has made of its nodes, taken out: by channel, and fused."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from downstream.answers.trained import TrainedRun
from downstream.stages.importance import IMPORTANCE
from downstream.stages.links.inputs import LinkInputs
from downstream.stages.links.model import trained_model
from downstream.stages.links.stage import LINKS
from downstream.stages.same_graph import check_same_graph
from nie.arrays import Floats32
from nie.errors import NieError, nearest, shown
from nie.models.kge import MultiModalRotatE
from nie.models.kge.multi_modal_rotate import ROWS_AT_A_TIME
from nie.runs.run import Run
from pretrain.cross_validation import fold_seed

FUSED = "fused"


@dataclass(frozen=True)
class Refined:
    """What a run has made of its nodes.

    Attributes:
        names: of the N nodes.
        vectors: (N, d) by channel, after the channels have read each other, and under ``fused`` what they became
            together; a row of nan where a node has none.
        fold: the fold, or the repetition, whose model made them.
        reads_labels: whether the model was trained on the labels of that fold, which the vectors then know.
        seed: of the draw that every node's own vector began with; None where nodes have none.
    """

    names: Sequence[str]
    vectors: Mapping[str, Floats32]
    fold: int
    reads_labels: bool
    seed: int | None = None

    def chosen(self, channel: str | None) -> Floats32:
        """The vectors of a channel; None for the fused ones, or where there are none for the structural channel's.

        Raises:
            NieError: there is no such channel.
        """
        wanted = channel or next(iter(self.vectors))
        if wanted not in self.vectors:
            known = ", ".join(self.vectors)
            raise NieError(f"The run has no channel {wanted!r}{nearest(wanted, self.vectors)}; it has {known}.")
        return self.vectors[wanted]


def refined(run: Run, *, fold: int | None = None, data_root: str | Path = "datasets") -> Refined:
    """The vectors of all nodes by a run of importance estimation or of link prediction.

    Args:
        run: finished in part at least. Of members of different seeds, whose vectors have nothing to do with each other,
            the first is asked.
        fold: the fold, or the repetition; by default the first that is finished.
        data_root: folder of the datasets.

    Raises:
        NieError: another stage, a fold that is not finished, data that have changed, a model without vectors, or a
            channel that is called as the fused vectors are.
    """
    if run.stage not in _BY_STAGE:
        raise NieError(f"{run.path} is a run of {run.stage}; vectors are taken from runs of {' and '.join(_BY_STAGE)}.")
    finished = run.finished_folds()
    if not finished or (fold is not None and fold not in finished):
        raise NieError(f"{run.path} has not finished {'a fold' if fold is None else f'fold {fold}'}; run it first.")
    return _BY_STAGE[run.stage](run, finished[0] if fold is None else fold, data_root)


def _of_importance(run: Run, fold: int, data_root: str | Path) -> Refined:
    trained = TrainedRun.open(run, data_root=data_root)
    network = trained.networks_of(fold)[0]
    with torch.no_grad():
        outputs = network.given.outputs(network.model, network.given.predicting)
    states, vectors = outputs.states, dict[str, Floats32]()
    if states is not None:
        _check_names(states.encodings)
        vectors[FUSED] = _rows(states.fused.vector, states.mask.any(dim=1))
        for place, name in enumerate(states.encodings):
            vectors[name] = _rows(states.fused.tokens[:, place], states.mask[:, place])
    elif outputs.hidden is not None:
        vectors[FUSED] = _rows(outputs.hidden, torch.ones_like(outputs.score, dtype=torch.bool))
    else:
        raise NieError(f"{run.path} is a run of {trained.config.method}, which has no vectors of nodes; take another.")
    return Refined(trained.kg.node_names, vectors, fold, reads_labels=True)


@torch.no_grad()
def _of_links(run: Run, fold: int, data_root: str | Path) -> Refined:
    config = LINKS.recipes.resolve(overrides=dict(run.config))
    inputs = LinkInputs.of(config, data_root=data_root)
    check_same_graph(run, inputs.made_from)
    model, vectors = trained_model(config, inputs, run, fold), dict[str, Floats32]()
    if isinstance(model, MultiModalRotatE):
        _check_names(config.channels)
        parts = [model.refined(ids) for ids in torch.split(torch.arange(inputs.kg.num_nodes), ROWS_AT_A_TIME)]
        mask = torch.cat([part.mask for part in parts])
        # The model keeps the random structural vector of an entity without any channel, which says nothing of it.
        mask[:, 0] &= inputs.masks["structural"]
        fused = [part.vector for part in parts if part.vector is not None]
        if fused:
            vectors[FUSED] = _rows(torch.cat(fused), inputs.informed)
        for place, name in enumerate(["structural", *config.channels]):
            vectors[name] = _rows(torch.cat([part.tokens[:, place] for part in parts]), mask[:, place])
    else:
        vectors[FUSED] = _rows(model.entities, inputs.informed)
    return Refined(inputs.kg.node_names, vectors, fold, reads_labels=False, seed=fold_seed(config.seed, fold))


_BY_STAGE: dict[str, Callable[[Run, int, str | Path], Refined]] = {
    IMPORTANCE.name: _of_importance,
    LINKS.name: _of_links,
}


def _check_names(channels: Container[str]) -> None:
    """Raise where vectors of a channel would take the place of the fused ones."""
    if FUSED in channels:
        raise NieError(
            f"A channel of the run is called {shown(FUSED)}, as the vectors are that its channels become together; "
            "train with another name of it."
        )


def _rows(vectors: Tensor, there: Tensor) -> Floats32:
    """(N, d), with nan in the rows of nodes that have no vector."""
    rows: Floats32 = torch.where(there[:, None], vectors, torch.nan).float().cpu().numpy()
    return np.ascontiguousarray(rows)
