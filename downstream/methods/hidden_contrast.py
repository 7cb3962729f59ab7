"""LICAP in training: its contrast as one more loss of a network, on the vectors that scores are read from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from downstream.methods.fold_work import FoldWork
from pretrain.contrast import LEAST_TOP, Contrast
from pretrain.contrast_sets import contrast_sets
from pretrain.licap_settings import LicapConfig, LicapLossConfig
from pretrain.objectives import licap_loss


@dataclass(frozen=True, eq=False)
class HiddenContrast:
    """The top, the drawn non-top and the ordered nodes of a fold, which a step contrasts as far as it learns from them.

    They are what stage 1 would contrast with the same seed, found from the fold's training labels alone and drawn by a
    generator of their own, so that no other draw of the training changes.

    Attributes:
        config: the contrast, as settings of stage 1.
        whole: all nodes of the contrast.
        place: (N,) long, the position of each node among those in finer bins; -1 for the others.
        in_top, in_pool: (N,) bool, the top and the drawn non-top nodes.
    """

    config: LicapConfig
    whole: Contrast
    place: Tensor
    in_top: Tensor
    in_pool: Tensor

    @classmethod
    def of(cls, work: FoldWork) -> HiddenContrast:
        """The contrast that the settings of a network ask for.

        Raises:
            NieError: the training labels leave nothing to contrast.
        """
        asked, inputs = work.network, work.inputs
        config = LicapConfig(
            dataset=asked.dataset, seed=asked.seed, loss=LicapLossConfig(**dict(asked.loss.contrast)),
            learned_labels=asked.learned_labels,
        )  # fmt: skip
        whole = Contrast.of(contrast_sets(config, inputs, work.fold), inputs.device, config.loss.repel)
        place = torch.full((inputs.kg.num_nodes,), -1, device=inputs.device)
        place[whole.ordered] = torch.arange(len(whole.ordered), device=inputs.device)
        in_top, in_pool = torch.zeros(2, inputs.kg.num_nodes, dtype=torch.bool, device=inputs.device)
        in_top[whole.top], in_pool[whole.pool] = True, True
        return cls(config, whole, place, in_top, in_pool)

    def __call__(self, hidden: Tensor, nodes: Tensor) -> Tensor:
        """LICAP's loss of some nodes; 0 where fewer than two of them are top nodes, or none is a drawn non-top node.

        Args:
            hidden: (n, d) their vectors.
            nodes: (n,) their ids.

        Returns:
            () tensor.
        """
        place = self.place[nodes]
        top, pool, ordered = (kind.nonzero()[:, 0] for kind in (self.in_top[nodes], self.in_pool[nodes], place >= 0))
        if len(top) < LEAST_TOP or len(pool) == 0:
            return hidden.new_zeros(())
        own = replace(self.whole, top=top, pool=pool, ordered=ordered, bin=self.whole.bin[place[ordered]])
        return licap_loss(hidden, own, self.config.loss)
