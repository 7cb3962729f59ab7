"""A matrix of which rows are read where they are needed, such as features that stay on disk."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


class Rows(abc.ABC):
    """A matrix (N, d) that is not held: models and layers take it where they take the features of all nodes.

    ``rows[ids]`` are those rows as a tensor. Layers that are computed by chunks (`nie.layers.graph_layer.in_chunks`)
    read those of each chunk; whatever else of torch is called with it reads all of them.

    Attributes:
        shape: (N, d).
        dtype: of the rows.
        device: where the rows that are read lie.

    >>> class Squares(Rows):
    ...     shape, dtype, device = torch.Size([9, 1]), torch.float32, torch.device("cpu")
    ...     def read(self, ids):
    ...         return torch.arange(9.0)[ids, None] ** 2
    >>> Squares()[torch.tensor([3, 1])].tolist(), torch.sum(Squares()).item()
    ([[9.0], [1.0]], 204.0)
    """

    shape: torch.Size
    dtype: torch.dtype
    device: torch.device

    @abc.abstractmethod
    def read(self, ids: Tensor | slice) -> Tensor:
        """(n, d), the rows of ids on the CPU, or of a slice."""

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, ids: Tensor | slice) -> Any:
        """Rows as a tensor; a slice of all is the matrix itself."""
        if isinstance(ids, Tensor):
            return self.read(ids.cpu())
        return self if range(len(self))[ids] == range(len(self)) else self.read(ids)

    @classmethod
    def __torch_function__(
        cls, function: Callable[..., Any], _types: object, given: Sequence[Any] = (),
        named: Mapping[str, Any] | None = None,
    ) -> Any:  # fmt: skip
        """Call a function of torch with all rows."""
        return function(*map(held, given), **{name: held(value) for name, value in (named or {}).items()})


class SideBySide(Rows):
    """Several matrices of the same rows as one.

    Args:
        parts: (N, d) each.
    """

    def __init__(self, parts: Sequence[Tensor | Rows]) -> None:
        self.parts, (first, *_) = parts, parts
        self.shape = torch.Size([len(first), sum(part.shape[1] for part in parts)])
        self.dtype, self.device = first.dtype, first.device

    def read(self, ids: Tensor | slice) -> Tensor:
        """As of `Rows`."""
        read = (held(part[ids.to(part.device) if isinstance(ids, Tensor) else ids]) for part in self.parts)
        return torch.cat([*read], dim=1)


def held(value: Any) -> Any:
    """All rows of `Rows` as a tensor, also in a list or tuple; anything else as it is."""
    if isinstance(value, Rows):
        return value.read(slice(None))
    return type(value)(map(held, value)) if type(value) in (list, tuple) else value
