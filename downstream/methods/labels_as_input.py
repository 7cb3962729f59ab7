"""Labels of training nodes as an input, so that a model sees the known importance of a node's neighbours."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class ShownLabels:
    """Two more columns of input: the label of a training node where it is shown, and whether it is.

    Every epoch of training shows a random part of the training labels and learns from the nodes whose labels are hidden
    (masked label prediction: UniMP, Shi et al., IJCAI 2021), so that no node learns from its own. A prediction is made
    with all training labels shown, so that a training node's prediction has seen its own label; labels of validation
    and test nodes are never an input.

    Args:
        num_nodes: N.
        train: (n,) ids of the training nodes.
        labels: (n,) their labels, centred.
        share: part of them that an epoch shows, 0 < share < 1.

    Example:
        >>> shown = ShownLabels(3, torch.tensor([0, 2]), torch.tensor([0.5, -0.5]), 0.5)
        >>> shown.everything({"structural": torch.zeros(3, 1)})["structural"].tolist()
        [[0.0, 0.5, 1.0], [0.0, 0.0, 0.0], [0.0, -0.5, 1.0]]
    """

    def __init__(self, num_nodes: int, train: Tensor, labels: Tensor, share: float) -> None:
        self.num_nodes, self.train, self.labels, self.share = num_nodes, train, labels, share

    @property
    def count(self) -> int:
        """How many labels an epoch shows."""
        return min(max(round(self.share * len(self.train)), 1), len(self.train) - 1)

    def draw(self, feats: Mapping[str, Tensor], generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """Features that show a part of the labels, and the positions in ``train`` of the nodes that are hidden."""
        order = torch.randperm(len(self.train), generator=generator).to(self.train.device)
        return self._with(feats, order[: self.count]), order[self.count :].sort().values

    def everything(self, feats: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Features that show all training labels."""
        return self._with(feats, torch.arange(len(self.train), device=self.train.device))

    def _with(self, feats: Mapping[str, Tensor], shown: Tensor) -> dict[str, Tensor]:
        columns = self.labels.new_zeros(self.num_nodes, 2)
        columns[self.train[shown]] = torch.stack([self.labels[shown], torch.ones_like(self.labels[shown])], dim=1)
        first, *others = feats.items()
        return {first[0]: torch.cat([first[1], columns], dim=1), **dict(others)}
