"""Joint training of an image and a text encoder."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nie.errors import NieError
from nie.layers import ChannelFusion
from nie.layers.masked import hide
from nie.ops.shapes import expect_sizes

MAX_SCALE = 100.0
"""CLIP's bound on the logit scale, which otherwise grows until training is unstable."""


@dataclass(frozen=True)
class DualEncoding:
    """What the two encoders give.

    Attributes:
        projected: (N, 2, size), the image and the text in one space, not normalised; 0 for what is missing.
        mask: (N, 2) bool, what each entity has.
        logit_scale: () the inverse temperature, for a contrastive loss.
        logits: (N, C) of classes, from both together; None without classes.
    """

    projected: Tensor
    mask: Tensor
    logit_scale: Tensor
    logits: Tensor | None


class VisionTextDualEncoder(nn.Module):
    """An image and a text encoder with projections to one space (CLIP, Radford et al., 2021), and a head on both fused.

    Train it with ``modality_contrastive_loss(out.projected, out.mask, temperature=1 / out.logit_scale)`` of
    :mod:`downstream.losses.alignment` for retrieval and cross-entropy of ``out.logits`` for classes.

    Args:
        image_encoder: images (N, ...) -> (N, image_size).
        text_encoder: texts (N, ...) -> (N, text_size).
        image_size, text_size: sizes of the two encodings.
        size: size of the common space.
        num_classes: classes of the head on the fused projections; 0 leaves the head out.
        fusion: a key of :data:`nie.layers.FUSIONS` that needs no variances.

    Example:
        >>> words = nn.EmbeddingBag(10, 5)
        >>> model = VisionTextDualEncoder(nn.Flatten(), words, image_size=12, text_size=5, size=4, num_classes=3)
        >>> out = model(torch.randn(2, 3, 2, 2), torch.tensor([[1, 2], [3, 4]]))
        >>> out.projected.shape, out.logits.shape, round(out.logit_scale.item(), 2)
        (torch.Size([2, 2, 4]), torch.Size([2, 3]), 14.29)
    """

    def __init__(
        self, image_encoder: nn.Module, text_encoder: nn.Module, *, image_size: int, text_size: int, size: int = 64,
        num_classes: int = 0, fusion: str = "attention",
    ) -> None:  # fmt: skip
        super().__init__()
        expect_sizes(image_size=image_size, text_size=text_size, size=size)
        expect_sizes(0, num_classes=num_classes)
        self.image_encoder, self.text_encoder = image_encoder, text_encoder
        self.projections = nn.ModuleList([nn.Linear(image_size, size), nn.Linear(text_size, size)])
        self.fusion = ChannelFusion(fusion, size, 2)
        self.head = nn.Linear(size, num_classes) if num_classes else None
        self.log_scale = nn.Parameter(torch.empty(()))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset to a temperature of 0.07, as CLIP's; the encoders are the caller's and stay as they are."""
        nn.init.constant_(self.log_scale, math.log(1 / 0.07))
        self.fusion.reset_parameters()
        for linear in (*self.projections, *([self.head] if self.head else [])):
            linear.reset_parameters()

    def forward(self, images: Tensor, texts: Tensor, mask: Tensor | None = None) -> DualEncoding:
        """Encode both, row by row of the same entities.

        Args:
            images: what the image encoder takes.
            texts: what the text encoder takes.
            mask: (N, 2) bool, who has an image and who a text; by default all. What is missing cannot change an output,
                as long as the encoders treat rows apart (batch normalisation does not).

        Raises:
            NieError: different numbers of images and texts.
        """
        if len(images) != len(texts):
            raise NieError(
                f"images and texts must be of the same entities, row by row; got {len(images)} and {len(texts)} rows."
            )
        encodings = self.image_encoder(images), self.text_encoder(texts)
        pairs = zip(self.projections, encodings, strict=True)
        projected = torch.stack([project(encoding) for project, encoding in pairs], dim=1)
        has_channel = projected.new_ones(projected.shape[:2], dtype=torch.bool) if mask is None else mask
        projected = hide(projected, has_channel)
        logits = None if self.head is None else self.head(self.fusion(projected, has_channel).vector)
        return DualEncoding(projected, has_channel, self.log_scale.exp().clamp(max=MAX_SCALE), logits)
