"""What a network's outputs predict on the scale of the labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from downstream.heads.tiers import tier_means, tier_probabilities
from downstream.losses.table import TIER_LOSSES
from downstream.methods.fold_network import FoldNetwork
from nie.arrays import Floats, Ints
from nie.errors import NieError
from nie.models import ChannelStates, ImportanceScores


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a network predicts for all nodes.

    Attributes:
        prediction: (N,) on the label scale.
        probability: (N, C) of every tier, where it learns them.
        states: of its channels, where it has such.
        deviation: (N,) the standard deviation of the label, where it learns it.
    """

    prediction: Floats
    probability: Floats | None
    states: ChannelStates | None
    deviation: Floats | None = None

    @classmethod
    def of(cls, outputs: ImportanceScores, given: FoldNetwork) -> Predictions:
        """Make the predictions from a model's outputs.

        Raises:
            NieError: they are not finite.
        """
        score, probability = centred(outputs, given)
        prediction: Floats = given.on_label_scale(score.cpu().numpy().astype(np.float64))
        if not np.isfinite(prediction).all():
            raise NieError("The scores became infinite or nan; lower optim.lr or set optim.clip_norm.")
        chance = None if probability is None else probability.cpu().numpy()
        return cls(prediction, chance, outputs.states, deviation_of(outputs))

    def placed(self, nodes: Ints, count: int) -> Predictions:
        """The same predictions, made for some ``nodes`` alone, among ``count`` nodes; nan for all others."""
        made = [self.prediction] if self.probability is None else [self.prediction, self.probability]
        among = [np.full((count, *some.shape[1:]), np.nan) for some in made]
        for every, some in zip(among, made, strict=True):
            every[nodes] = some
        return Predictions(among[0], among[1] if len(among) > 1 else None, None)


def deviation_of(outputs: ImportanceScores) -> Floats | None:
    """(N,) the standard deviation that a network predicts of each label; None where it learns none."""
    if outputs.log_variance is None:
        return None
    deviation: Floats = (outputs.log_variance / 2).exp().detach().double().cpu().numpy()
    return deviation


def centred(outputs: ImportanceScores, given: FoldNetwork) -> tuple[Tensor, Tensor | None]:
    """What a network predicts (N,), on the scale that is learned, less the ``centre``, and its probabilities of tiers.

    Where tiers alone are learned, the prediction is the mean label of the tiers, weighed by their probabilities.
    """
    loss = given.config.loss
    if outputs.tier_logits is None:
        return outputs.score, None
    probability = tier_probabilities(outputs.tier_logits.double(), ordinal=TIER_LOSSES[loss.tier_loss].ordinal)
    if loss.importance_weight == 0 and given.tiers is not None:  # its own head has learned nothing
        return probability @ tier_means(given.labels.double(), given.tiers, probability.shape[1]), probability
    return outputs.score, probability
