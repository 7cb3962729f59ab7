"""A dual encoder trained on scikit-learn's digits with captions made from them: a demonstration of the mechanics.

    python benchmarks/digits.py

The captions name the digit and how much ink it has, both taken from the label and the image itself, so the figures say
that the parts work together and nothing about images or language.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tabulate import tabulate
from torch import Tensor, nn
from torch.nn import functional as F

from downstream.losses.alignment import modality_contrastive_loss, projection_spread
from downstream.metrics.channels import retrieval_metrics
from nie.models import DualEncoding, VisionTextDualEncoder
from nie.settings.sections import OptimConfig
from nie.training.loop import fit, seeded

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "thin", "regular", "bold"]
LOSSES = {"classes": (1.0, 0.0), "retrieval": (0.0, 1.0), "both": (1.0, 1.0)}


def main() -> None:
    """Train once for each way to weigh the losses and print what the test images give."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=200)
    options = parser.parse_args()
    images, captions, digits = _data()
    train, test = (
        torch.from_numpy(part) for part in train_test_split(np.arange(len(digits)), random_state=0, stratify=digits)
    )
    rows = []
    for name, (classes, retrieval) in LOSSES.items():
        with seeded(0):
            model = _train(images[train], captions[train], digits[train], classes, retrieval, options.epochs)
        rows.append([name, *_figures(model, images[test], captions[test], digits[test])])
    print(f"{len(train)} training and {len(test)} test images, {options.epochs} epochs, seed 0\n")
    headers = [
        "losses",
        "accuracy of image",
        "of caption",
        "of both",
        "image finds caption: mrr",
        "by chance",
        "at best",
        "spread",
    ]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=".3f"))


def _data() -> tuple[Tensor, Tensor, Tensor]:
    """Images (n, 1, 8, 8), captions (n, 2) of word numbers and digits (n,)."""
    pixels, digits = load_digits(return_X_y=True)
    ink = np.searchsorted(np.quantile(pixels.sum(axis=1), [1 / 3, 2 / 3]), pixels.sum(axis=1))
    captions = np.stack([digits, 10 + ink], axis=1)
    images = torch.from_numpy(pixels.astype(np.float32) / 16).reshape(-1, 1, 8, 8)
    return images, torch.from_numpy(captions), torch.from_numpy(digits)


def _train(
    images: Tensor, captions: Tensor, digits: Tensor, classes: float, retrieval: float, epochs: int
) -> VisionTextDualEncoder:
    convolution = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Flatten())
    words = nn.EmbeddingBag(len(WORDS), 16)
    model = VisionTextDualEncoder(convolution, words, image_size=32 * 16, text_size=16, size=32, num_classes=10)
    generator = torch.Generator().manual_seed(0)

    def losses() -> list[Tensor]:
        # A channel is hidden now and then, or the head would read the digit off the caption alone.
        mask = torch.rand(len(images), 2, generator=generator) < 0.7
        mask |= ~mask.any(dim=1, keepdim=True)
        out: DualEncoding = model(images, captions, mask)
        assert out.logits is not None
        contrast = modality_contrastive_loss(out.projected, out.mask, temperature=1 / out.logit_scale)
        return [classes * F.cross_entropy(out.logits, digits) + retrieval * contrast]

    optim = OptimConfig(lr=0.003, weight_decay=0.0, max_epochs=epochs, patience=epochs, eval_every=epochs)
    fit(model, losses, lambda: {"loss": float(losses()[0])}, optim=optim, select={"loss": False}, label="digits")
    return model


@torch.no_grad()
def _figures(model: VisionTextDualEncoder, images: Tensor, captions: Tensor, digits: Tensor) -> list[float]:
    """Accuracy of either channel alone and of both, retrieval, chance and spread."""
    right = []
    for image, text in ((True, False), (False, True), (True, True)):
        out = model(images, captions, torch.tensor([[image, text]]).expand(len(images), 2))
        assert out.logits is not None
        right.append(float((out.logits.argmax(dim=1) == digits).float().mean()))
    found = retrieval_metrics(*(part.numpy() for part in out.projected.unbind(1)))
    return [
        *right,
        found["mrr"],
        found["chance mrr"],
        _at_best(captions),
        float(projection_spread(out.projected, out.mask)),
    ]


def _at_best(captions: Tensor) -> float:
    """Retrieval if every image finds its caption; images that share a caption cannot be told apart by it."""
    own = F.one_hot(captions, len(WORDS)).sum(dim=1).numpy()
    return retrieval_metrics(own, own)["mrr"]


if __name__ == "__main__":
    main()
