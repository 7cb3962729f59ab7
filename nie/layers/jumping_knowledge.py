"""What is read of a stack of layers: the last one alone, or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import torch
from torch import Tensor, nn

from nie.errors import NieError, nearest
from nie.ops.shapes import expect_sizes
from nie.vocabulary import JumpingName


class JumpingKnowledge(nn.Module):
    r"""One vector of a node from those that L layers made of it, :math:`h_1 \dots h_L`.

    ``last`` is :math:`h_L`; ``max`` is the largest of the layers in every column; ``concat`` is
    :math:`W [h_1; \dots; h_L]`. With the latter two a deep network can still read what lies near a node, which the last
    layers may have smoothed away. Xu et al., ICML 2018.

    Args:
        size: size of the vectors.
        num_layers: number of layers L.
        kind: ``last``, ``max`` or ``concat``.

    Raises:
        NieError: another kind.

    Example:
        >>> JumpingKnowledge(2, 2, "max")([torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, 4.0]])]).tolist()
        [[3.0, 5.0]]
    """

    def __init__(self, size: int, num_layers: int, kind: JumpingName = "last") -> None:
        super().__init__()
        expect_sizes(size=size, num_layers=num_layers)
        kinds = get_args(JumpingName)
        if kind not in kinds:
            raise NieError(f"jumping must be one of {', '.join(kinds)}; got {kind!r}{nearest(kind, kinds)}.")
        self.kind = kind
        self.mix = nn.Linear(size * num_layers, size, bias=False) if kind == "concat" else None

    def reset_parameters(self) -> None:
        """Reset the linear map to torch's defaults."""
        if self.mix is not None:
            self.mix.reset_parameters()

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """Return (N, size) of the layers' vectors, each (N or more, size), of which the first N nodes count.

        On sampled blocks earlier layers give further nodes, which stand behind the destinations of the last.
        """
        last = layers[-1]
        if self.kind == "last":
            return last
        alike = [layer[: len(last)] for layer in layers]
        if self.mix is None:
            return torch.stack(alike).amax(dim=0)
        mixed: Tensor = self.mix(torch.cat(alike, dim=1))
        return mixed
