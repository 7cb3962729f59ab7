"""LICAP in training: its contrast as one more loss of a network, on the vectors that scores are read from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from downstream.methods.fold_work import FoldWork
from pretrain.contrast import LEAST_TOP, Contrast
from pretrain.licap import contrast_sets, licap_loss
from pretrain.licap_settings import LicapConfig


@dataclass(frozen=True, eq=False)
class HiddenContrast:
    """The top and the drawn non-top nodes of a fold, which a step contrasts as far as it learns from them.

    They are what stage 1 would contrast with the same seed, found from the fold's training labels alone and drawn by a
    generator of their own, so that no other draw of the training changes.

    Attributes:
        config: the contrast, as settings of stage 1.
        whole: all nodes of the contrast.
        place: (N,) long, the position of each node among the top nodes; -1 for the others.
        in_pool: (N,) bool, the drawn non-top nodes.
    """

    config: LicapConfig
    whole: Contrast
    place: Tensor
    in_pool: Tensor

    @classmethod
    def of(cls, work: FoldWork) -> HiddenContrast:
        """The contrast that the settings of a network ask for.

        Raises:
            NieError: the training labels leave nothing to contrast.
        """
        asked, inputs = work.network, work.inputs
        config = LicapConfig(dataset=asked.dataset, seed=asked.seed, loss=asked.loss.contrast)
        whole = Contrast.of(contrast_sets(config, inputs, work.fold), inputs.device)
        place = torch.full((inputs.kg.num_nodes,), -1, device=inputs.device)
        place[whole.top] = torch.arange(len(whole.top), device=inputs.device)
        in_pool = torch.zeros(inputs.kg.num_nodes, dtype=torch.bool, device=inputs.device)
        in_pool[whole.pool] = True
        return cls(config, whole, place, in_pool)

    def __call__(self, hidden: Tensor, nodes: Tensor) -> Tensor:
        """LICAP's loss of some nodes; 0 where fewer than two of them are top nodes, or none is a drawn non-top node.

        Args:
            hidden: (n, d) their vectors.
            nodes: (n,) their ids.

        Returns:
            () tensor.
        """
        place = self.place[nodes]
        top, pool = (place >= 0).nonzero()[:, 0], self.in_pool[nodes].nonzero()[:, 0]
        if len(top) < LEAST_TOP or len(pool) == 0:
            return hidden.new_zeros(())
        own = replace(self.whole, top=top, pool=pool, bin=self.whole.bin[place[top]])
        return licap_loss(hidden, own, self.config)
