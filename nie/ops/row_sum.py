"""Sums of rows that are the same bits every time, on CUDA too."""

from __future__ import annotations

from torch import Tensor

from nie.ops.precision import computed_in


def row_sum(values: Tensor, rows: Tensor, num_rows: int) -> Tensor:
    """Add up the values (n, ...) by the row that each belongs to, of ``num_rows``; a row without any is 0.

    On CUDA torch's ``index_add`` adds in whatever order its threads come, so that the last bits change from run to run;
    ``index_put`` sorts there first.

    Half types are added up in single precision.

    >>> import torch
    >>> row_sum(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([0, 2, 0]), 3).flatten()
    tensor([5., 0., 2.])
    """
    wide = values.to(computed_in(values))
    out = wide.new_zeros(num_rows, *values.shape[1:])
    if values.device.type == "cpu":
        return out.index_add(0, rows, wide).to(values.dtype)
    return out.index_put((rows,), wide, accumulate=True).to(values.dtype)
