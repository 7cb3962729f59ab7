"""nie.models.vision_text."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from downstream.losses.alignment import modality_contrastive_loss
from nie.errors import NieError
from nie.models import VisionTextDualEncoder


def model(**settings: object) -> VisionTextDualEncoder:
    torch.manual_seed(0)
    sizes = {"image_size": 12, "text_size": 5, "size": 4, "num_classes": 3, **settings}
    return VisionTextDualEncoder(nn.Flatten(), nn.EmbeddingBag(10, 5), **sizes)  # type: ignore[arg-type]


IMAGES, TEXTS = torch.randn(6, 3, 2, 2, generator=torch.Generator().manual_seed(0)), torch.arange(12).reshape(6, 2) % 10


def test_every_parameter_learns_from_both_losses() -> None:
    net = model()
    mask = torch.ones(6, 2, dtype=torch.bool)
    mask[5] = False  # for the vector of a node with nothing
    out = net(IMAGES, TEXTS, mask)
    assert out.logits is not None
    retrieval = modality_contrastive_loss(out.projected, out.mask, temperature=1 / out.logit_scale)
    (retrieval + nn.functional.cross_entropy(out.logits, torch.arange(6) % 3)).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_what_is_missing_cannot_change_an_output() -> None:
    net, mask = model().eval(), torch.ones(6, 2, dtype=torch.bool)
    mask[0, 0] = mask[1, 1] = False
    images, texts = IMAGES.clone(), TEXTS.clone()
    images[0], texts[1] = 99.0, 7
    one, two = net(IMAGES, TEXTS, mask), net(images, texts, mask)
    torch.testing.assert_close(one.logits, two.logits)
    losses = [modality_contrastive_loss(out.projected, out.mask, temperature=0.1) for out in (one, two)]
    torch.testing.assert_close(*losses)


def test_the_scale_is_bounded_and_reset() -> None:
    net = model()
    nn.init.constant_(net.log_scale, 9.0)
    assert net(IMAGES, TEXTS).logit_scale == 100
    net.reset_parameters()
    assert net(IMAGES, TEXTS).logit_scale.item() == pytest.approx(1 / 0.07)


def test_without_classes_there_are_no_logits() -> None:
    assert model(num_classes=0)(IMAGES, TEXTS).logits is None


def test_rows_belong_together() -> None:
    with pytest.raises(NieError, match="row by row; got 6 and 5 rows"):
        model()(IMAGES, TEXTS[:5])
