"""Predictions on the scale that is judged, with the derivatives that explanations read."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pretrain.label_scale import LabelScale


def back_to_labels(learned: Tensor, scale: LabelScale) -> Tensor:
    """`LabelScale.back` of a tensor of any shape, differentiable.

    Where the labels themselves are learned, it is the tensor itself. Otherwise it is of float64: ranks are steep where
    labels are far apart, and would make differences of rounding visible.

    >>> import numpy as np
    >>> scale = LabelScale.fit("log1p", np.array([0.0, 1.0, 3.0]), logarithmic=False)
    >>> learned = torch.from_numpy(scale.forward(np.array([1.0, 3.0]))).requires_grad_()
    >>> back_to_labels(learned, scale).tolist()
    [1.0, 3.0]
    """
    if scale.kind == "given":
        return learned
    made: Tensor = _Back.apply(learned, scale)  # type: ignore[no-untyped-call]
    return made


class _Back(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, learned: Tensor, scale: LabelScale) -> Tensor:
        values = learned.detach().double().cpu().numpy()
        ctx.save_for_backward(torch.from_numpy(scale.slope(values)).to(learned))
        return torch.from_numpy(scale.back(values)).to(learned.device)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return upstream.to(slope) * slope, None
