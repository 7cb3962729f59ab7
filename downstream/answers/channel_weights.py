"""How much each channel of a node counts in its score."""

from __future__ import annotations

import numpy as np
import torch

from downstream.answers.predicted import own_or_mean
from downstream.answers.trained import TrainedRun
from nie.arrays import Floats
from nie.errors import NieError


def channel_weights(trained: TrainedRun) -> dict[str, Floats]:
    """By channel (N,), its weight: the mean over the networks that make a node's score; a missing channel has 0.

    A head of channels gives them, and a fusion with weights before a head of vectors.

    Raises:
        NieError: the network does not weigh its channels.
    """
    by_fold, names, fold_of = [], list[str](), np.full(trained.kg.num_nodes, -1)
    for row, fold in enumerate(trained.run.finished_folds()):
        made = []
        for network in trained.networks_of(fold):
            given = network.given
            with torch.no_grad():
                weights = given.outputs(network.model, given.predicting).channel_weights
            if weights is None:
                raise NieError(
                    f"{trained.run.path} is a run of {trained.config.method} that does not weigh its channels; ask a "
                    "run of rgtn with a head of channels, or with a fusion that has weights."
                )
            made.append(weights.double().cpu().numpy())
            names = list(given.predicting)
        by_fold.append(np.mean(made, axis=0))
        fold_of[trained.folds[fold].test] = row
    return {name: own_or_mean([one[:, place] for one in by_fold], fold_of) for place, name in enumerate(names)}
