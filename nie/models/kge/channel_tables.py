"""The further channels of entities, as vectors of one size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nie.errors import NieError, nearest
from nie.ops.shapes import expect_sizes


@dataclass(frozen=True)
class EntityChannels:
    """What is known of n entities before and after the fusion.

    Attributes:
        tokens: (n, M, 2D), of the channels, the structural one first, as the fusion left them.
        projected: (n, M, P), of the tokens, for losses that align the channels; None without projections.
        mask: (n, M) bool, the channels that an entity has.
        vector: (n, 2D), what the channels became together; None where that depends on the relation.
    """

    tokens: Tensor
    projected: Tensor | None
    mask: Tensor
    vector: Tensor | None


class ChannelTables(nn.Module):
    """Features of entities by channel, each projected to one size.

    Args:
        num_entities: N.
        channels: (N, d) features by name, standardised.
        masks: (N,) bool by name, the entities that have a channel, ``structural`` too; by default all. An entity that
            has none keeps its structural one.
        size: H, of a channel's vector.
        trainable: learn the features, too, starting from the given ones; otherwise they are not saved with the weights.

    Raises:
        NieError: no channel, one named ``structural``, features of another number of rows, or an unknown mask.

    Example:
        >>> tables = ChannelTables(5, {"text": torch.randn(5, 3)}, {}, 8)
        >>> tables(torch.tensor([4, 0])).shape, tables.mask.shape
        (torch.Size([2, 1, 8]), torch.Size([5, 2]))
    """

    mask: Tensor

    def __init__(
        self, num_entities: int, channels: Mapping[str, Tensor], masks: Mapping[str, Tensor], size: int, *,
        trainable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        expect_sizes(num_entities=num_entities, size=size)
        _check(channels, masks, num_entities)
        everyone = torch.ones(num_entities, dtype=torch.bool)
        columns = [masks.get(name, everyone) for name in ("structural", *channels)]
        mask = torch.stack(columns, dim=1)
        # Without any channel, the fused vector would be 0, which is close to all entities and would rank first.
        mask[:, 0] |= ~mask.any(dim=1)
        self.register_buffer("mask", mask, persistent=False)
        self.tables = nn.ModuleList(_Table(table, trainable) for table in channels.values())
        self.projections = nn.ModuleList(nn.Linear(table.shape[1], size) for table in channels.values())
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw projections that give standardised features unit variance. Learned features stay as they are."""
        for project in self.projections:
            assert isinstance(project, nn.Linear)
            reach = math.sqrt(3 / project.in_features)
            nn.init.uniform_(project.weight, -reach, reach)
            nn.init.zeros_(project.bias)

    def forward(self, ids: Tensor) -> Tensor:
        """(n, M - 1, H) for entities ``ids`` (n,): all channels but the structural one."""
        pairs = zip(self.projections, self.tables, strict=True)
        return torch.stack([project(table(ids)) for project, table in pairs], dim=1)


class _Table(nn.Module):
    rows: Tensor

    def __init__(self, rows: Tensor, trainable: bool) -> None:
        super().__init__()
        if trainable:
            self.rows = nn.Parameter(rows.detach().clone())
        else:
            self.register_buffer("rows", rows.detach(), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        return self.rows[ids]


def _check(channels: Mapping[str, Tensor], masks: Mapping[str, Tensor], num_entities: int) -> None:
    if not channels:
        raise NieError("MultiModalRotatE needs a channel besides the structural one; use RotatE where there is none.")
    if "structural" in channels:
        raise NieError("The channel structural is the model's own embedding; give yours another name.")
    for name, table in channels.items():
        if table.dim() != 2 or len(table) != num_entities:
            raise NieError(f"The channel {name} must have the shape ({num_entities}, d); got {tuple(table.shape)}.")
    for name, mask in masks.items():
        if name != "structural" and name not in channels:
            raise NieError(
                f"There is a mask of the channel {name!r}, which the model does not have{nearest(name, channels)}."
            )
        if mask.shape != (num_entities,) or mask.dtype != torch.bool:
            raise NieError(
                f"The mask of {name} must be bool of shape ({num_entities},); got {mask.dtype} of {tuple(mask.shape)}."
            )
