"""A dual encoder of images and captions with its words and classes: trained, kept in a folder, and asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from downstream.losses.alignment import modality_contrastive_loss, projection_spread
from downstream.metrics.channels import linear_cka, retrieval_metrics
from downstream.stages.vision.captioned_images import CaptionedImages, numbers_of, words_of
from nie.errors import NieError
from nie.models import VisionTextDualEncoder
from nie.models.caption_decoder import END, CaptionDecoder
from nie.models.vision_text import DualEncoding
from nie.runs.files import read_json, write_json
from nie.runs.weights import read_weights, write_weights
from nie.settings.sections import OptimConfig
from nie.training.loop import fit, seeded
from nie.training.loss_terms import term

SIZE, BATCH, POOLED = 64, 128, 4


@dataclass(frozen=True)
class LossWeights:
    """Weights of the three losses; one of weight 0 has no head, where it would have had one."""

    classes: float = 1.0
    retrieval: float = 1.0
    captions: float = 0.0

    def __post_init__(self) -> None:
        weights = (self.classes, self.retrieval, self.captions)
        if min(weights) < 0 or not 0 < sum(weights) < float("inf"):
            raise NieError(f"The three weights must not be negative, nor all 0; got {weights}.")


class _Both(nn.Module):
    """The dual encoder and what says captions."""

    def __init__(self, num_words: int, num_classes: int, describes: bool) -> None:
        super().__init__()
        images = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(POOLED), nn.Flatten(),
        )  # fmt: skip
        words = nn.EmbeddingBag(num_words, SIZE, padding_idx=END)
        self.dual = VisionTextDualEncoder(
            images, words, image_size=32 * POOLED**2, text_size=SIZE, size=SIZE, num_classes=num_classes
        )
        self.decoder = CaptionDecoder(SIZE, num_words) if describes else None


@dataclass(frozen=True, eq=False)
class VisionText:
    """A trained model of images and captions.

    Attributes:
        words: the number of each word, from 1.
        classes: the labels that it tells apart; none where it was trained without.
        describes: whether it says captions.
        side: pixels of a side of the images that it was trained on; None where a file of an older version does not say.
        model: in eval mode.
    """

    words: dict[str, int]
    classes: list[str]
    describes: bool
    side: int | None
    model: _Both

    @classmethod
    def train(cls, given: CaptionedImages, weights: LossWeights, *, epochs: int = 100, seed: int = 0) -> VisionText:
        """Train by ``a classes + b retrieval + c captions``; in a step, an image or a caption is hidden now and then.

        Raises:
            NieError: fewer than two images, or classes are to be learned and the images have no labels.
        """
        if len(given.names) < 2:
            raise NieError(f"There must be at least 2 images to train on; got {len(given.names)}.")
        if weights.classes and given.labels is None:
            raise NieError("The captions have no column label to learn classes from; give the classes the weight 0.")
        words = sorted({word for caption in given.captions for word in words_of(caption)})
        classes = sorted(set(given.labels or [])) if weights.classes else []
        numbers, side = {word: number for number, word in enumerate(words, 1)}, given.images.shape[-1]
        made = cls._of(numbers, classes, weights.captions > 0, side, seed)
        captions = numbers_of(given.captions, made.words)
        target = torch.tensor([classes.index(label) for label in given.labels or []]) if classes else None
        generator = torch.Generator().manual_seed(seed)

        def losses() -> Any:
            for rows in torch.split(torch.randperm(len(captions), generator=generator), BATCH):
                if len(rows) > 1:
                    of_rows = None if target is None else target[rows]
                    yield made._loss(given.images[rows], captions[rows], of_rows, weights, generator)

        def monitor() -> dict[str, float]:
            return {"mrr": made.figures(given)["mrr"]}

        optim = OptimConfig(lr=0.003, weight_decay=0.0, max_epochs=epochs, patience=epochs, eval_every=epochs)
        with seeded(seed):
            fit(made.model, losses, monitor, optim=optim, select={"mrr": True}, label="vision and text")
        return made

    def _loss(
        self, images: Tensor, captions: Tensor, target: Tensor | None, weights: LossWeights, generator: torch.Generator
    ) -> Tensor:
        mask = torch.rand(len(images), 2, generator=generator) < 0.7
        mask |= ~mask.any(dim=1, keepdim=True)
        out, total = self.model.dual(images, captions, mask), torch.zeros(())
        if target is not None:
            total = total + weights.classes * term("classes", F.cross_entropy(out.logits, target))
        if weights.retrieval:
            contrast = modality_contrastive_loss(out.projected, out.mask, temperature=1 / out.logit_scale)
            total = total + weights.retrieval * term("retrieval", contrast)
        if self.model.decoder is not None:
            logits = self.model.decoder(self.model.dual(images, captions).projected[:, 0], captions)
            wanted = F.pad(captions, (0, 1), value=END)
            total = total + weights.captions * term("captions", F.cross_entropy(logits.flatten(0, 1), wanted.flatten()))
        return total

    @classmethod
    def _of(
        cls, words: dict[str, int], classes: list[str], describes: bool, side: int | None, seed: int = 0
    ) -> VisionText:  # fmt: skip
        with seeded(seed):
            return cls(words, classes, describes, side, _Both(len(words) + 1, len(classes), describes).eval())

    def write(self, folder: Path) -> None:
        """Keep the model in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        write_weights(folder / "model.safetensors", self.model)
        known = {"words": list(self.words), "classes": self.classes, "describes": self.describes, "side": self.side}
        write_json(folder / "vision_text.json", known)

    @classmethod
    def open(cls, folder: Path) -> VisionText:
        """Open what `write` has kept.

        Raises:
            NieError: a file is missing or damaged.
        """
        known = read_json(folder / "vision_text.json")
        words, classes, side = known.get("words"), known.get("classes"), known.get("side")
        if not isinstance(words, list) or not isinstance(classes, list) or not isinstance(side, int | None):
            raise NieError(f"{folder / 'vision_text.json'} is damaged; train the model again.")
        numbers = {str(word): number for number, word in enumerate(words, 1)}
        made = cls._of(numbers, [str(label) for label in classes], known.get("describes") is True, side)
        read_weights(folder / "model.safetensors", made.model)
        made.model.eval()
        return made

    def check_side(self, side: int) -> None:
        """Refuse images of another size, which the model takes, too, but whose vectors would be wrong.

        Raises:
            NieError: the model was trained on images of another side.
        """
        if self.side not in (None, side):
            raise NieError(f"The model was trained on images of side {self.side}; read them so, not with side {side}.")

    @torch.no_grad()
    def projected(self, given: CaptionedImages) -> Tensor:
        """(N, 2, d) of images and captions in one space, normalised.

        Raises:
            NieError: the images have another size than those that the model was trained on.
        """
        return F.normalize(torch.cat([part.projected for part in self._encoded(given)]), dim=2)

    @torch.no_grad()
    def figures(self, given: CaptionedImages, *, shuffled: bool = False) -> dict[str, float]:
        """How well images find their captions: retrieval with chance, mean cosine, CKA and spread, and accuracy.

        Args:
            given: images with captions.
            shuffled: give every image the caption of another one, the control.

        Raises:
            NieError: the images have another size than those that the model was trained on.
        """
        both = self.projected(given)
        if shuffled:
            order = torch.randperm(len(both), generator=torch.Generator().manual_seed(0))
            others = torch.empty_like(order).scatter(0, order, order.roll(-1))  # one cycle, so that none keeps its own
            both = torch.stack([both[:, 0], both[others, 1]], dim=1)
        images, captions = (part.double().numpy() for part in both.unbind(1))
        found = retrieval_metrics(images, captions, (1, 10))
        figures = {name: found[name] for name in ("recall@1", "recall@10", "mrr", "chance mrr")}
        figures["mean cosine"] = float((both[:, 0] * both[:, 1]).sum(dim=1).mean())
        figures["cka"] = linear_cka(images, captions)
        figures["spread"] = float(projection_spread(both, torch.ones(both.shape[:2], dtype=torch.bool)))
        if self.classes and given.labels is not None:
            logits = [part.logits for part in self._encoded(given, with_captions=False) if part.logits is not None]
            told = [self.classes[place] for place in torch.cat(logits).argmax(dim=1).tolist()]
            right = [one == other for one, other in zip(told, given.labels, strict=True)]
            figures["accuracy of image"] = sum(right) / len(right)
        return figures

    @torch.no_grad()
    def described(self, given: CaptionedImages) -> list[str]:
        """A caption for each image.

        Raises:
            NieError: the model has no decoder, or the images have another size than those that it was trained on.
        """
        if self.model.decoder is None:
            raise NieError("The model has no decoder of captions; train it with a weight for captions, such as 1,1,1.")
        vectors = torch.cat([part.projected[:, 0] for part in self._encoded(given)])
        names = {number: word for word, number in self.words.items()}
        said = self.model.decoder.described(vectors).tolist()
        return [" ".join(names[number] for number in row if number != END) for row in said]

    def _encoded(self, given: CaptionedImages, *, with_captions: bool = True) -> Iterator[DualEncoding]:
        """The encodings, a batch at a time, because the convolutions of all images at once would fill the memory."""
        self.check_side(given.images.shape[-1])
        captions, has = numbers_of(given.captions, self.words), torch.tensor([[True, with_captions]])
        for images, words in zip(torch.split(given.images, BATCH), torch.split(captions, BATCH), strict=True):
            yield self.model.dual(images, words, has.expand(len(images), 2))
