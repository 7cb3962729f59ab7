"""From a relation's vector towards those of the relations that are most like it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nie.errors import NieError


class SimilarityEnhancer(nn.Module):
    r"""From relation vectors to the step from each towards the weighted mean of those most like it.

    With :math:`\hat r = r / \|r\|` and the cosine :math:`c_{ij}` of two relations,

    .. math:: w_{ij} = \frac{e^{c_{ij} / T} \, \sigma((c_{ij} - \tau) / T)}{\sum_{k \ne i} e^{c_{ik} / T}
              \, \sigma((c_{ik} - \tau) / T)}, \quad
              d_i = \|r_i\| \Big( \sum_{j \ne i} w_{ij} \hat r_j - \hat r_i \Big)

    so that relations less alike than the threshold :math:`\tau` count little. Neighbours and the relation itself are
    normalised alike: where only neighbours are, as in the published program, :math:`d_i` measures the length of
    :math:`r_i` rather than how it differs. The length, through which no gradient flows, makes the step as long in many
    dimensions as in few. Threshold and temperature lie in (0, 1); what is learned is their logit.

    Args:
        threshold: :math:`\tau` to begin with.
        temperature: T to begin with.
        literal: the published form, :math:`d_i = \sum_j w_{ij} \hat r_j - r_i`, in which the neighbours alone are
            normalised.

    Raises:
        NieError: a value outside (0, 1).

    Example:
        >>> enhance = SimilarityEnhancer()
        >>> enhance(torch.tensor([[1.0, 0.0], [2.0, 0.0]]))  # they agree but for their length
        tensor([[0., 0.],
                [0., 0.]], grad_fn=<MulBackward0>)
    """

    def __init__(self, *, threshold: float = 0.5, temperature: float = 0.1, literal: bool = False) -> None:
        super().__init__()
        for name, value in (("threshold", threshold), ("temperature", temperature)):
            if not 0 < value < 1:
                raise NieError(f"{name} must lie between 0 and 1; got {value}.")
        self.initial, self.literal = (threshold, temperature), literal
        self.threshold = nn.Parameter(torch.empty(()))
        self.temperature = nn.Parameter(torch.empty(()))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset the logits to those of the values given."""
        for parameter, value in zip((self.threshold, self.temperature), self.initial, strict=True):
            nn.init.constant_(parameter, math.log(value / (1 - value)))

    def forward(self, rel: Tensor) -> Tensor:
        """(R, D) for relation vectors ``rel`` (R, D); 0 where there is one relation alone."""
        if len(rel) < 2:
            return torch.zeros_like(rel)
        threshold, temperature = self.threshold.sigmoid(), self.temperature.sigmoid()
        direction = F.normalize(rel, dim=1)
        likeness = direction @ direction.T
        score = likeness / temperature + F.logsigmoid((likeness - threshold) / temperature)
        itself = torch.eye(len(rel), dtype=torch.bool, device=rel.device)
        weights = score.masked_fill(itself, -torch.inf).softmax(dim=1)
        if self.literal:
            return weights @ direction - rel
        length: Tensor = rel.detach().norm(dim=1, keepdim=True)
        return length * (weights @ direction - direction)
