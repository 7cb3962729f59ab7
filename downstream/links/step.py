"""The loss of one training step of link prediction."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from downstream.alignment import cosine_mse_loss, modality_contrastive_loss
from downstream.links.inputs import LinkInputs
from downstream.links.losses import self_adversarial_loss
from downstream.links.negatives import corrupt, draw_negatives, head_share
from nie.link_config import LinkConfig
from nie.models.kge import MultiModalRotatE, RotatE
from nie.models.kge.rotation import SIDES, Side
from nie.progress import log

AUXILIARY = {"cosine_mse": cosine_mse_loss, "info_nce": modality_contrastive_loss}


class LinkStep:
    """From a batch of triples to its loss.

    Args:
        config: the settings.
        inputs: of the run.
        model: the model.
        generator: of all draws.
    """

    def __init__(
        self, config: LinkConfig, inputs: LinkInputs, model: RotatE | MultiModalRotatE, generator: torch.Generator
    ) -> None:
        self.config, self.seen, self.model, self.generator = config, inputs.seen, model, generator
        bernoulli = config.negatives.corruption == "bernoulli"
        relations = inputs.kg.num_relations
        share = head_share(inputs.train.cpu(), relations) if bernoulli else torch.full((relations,), 0.5)
        self.share = share.to(inputs.device)
        # An entity that no training triple names would only ever be pushed away.
        self.entities = inputs.masks["structural"].cpu().nonzero()[:, 0]
        self.count = config.negatives.count
        if config.negatives.sharing == "batch" and self.count > len(self.entities):
            self.count = len(self.entities)
            log.info("all %d entities are negatives, as there are no more", self.count)

    def __call__(self, batch: Tensor) -> Tensor:
        """() the loss of triples (B, 3)."""
        loss = self._shared(batch) if self.config.negatives.sharing == "batch" else self._apart(batch)
        if isinstance(self.model, MultiModalRotatE):
            loss = loss + self._auxiliary(self.model, batch) + self._adversarial(self.model, batch)
        return loss

    def _shared(self, batch: Tensor) -> Tensor:
        """Every triple with its head and with its tail replaced by the same entities, each side by its share."""
        drawn = draw_negatives(self.entities, self.count, self.generator).to(batch.device)
        contrast = self.model.contrast(batch, drawn)
        total = contrast.positive.new_zeros(())
        for side in SIDES:
            weight = self.share[batch[:, 1]] if side == "head" else 1 - self.share[batch[:, 1]]
            total = total + weight.mean() * self_adversarial_loss(
                contrast.positive,
                getattr(contrast, side),
                self.seen.mask(batch, side, drawn),
                temperature=self.config.negatives.temperature,
                weight=weight,
            )
        return total

    def _apart(self, batch: Tensor) -> Tensor:
        """Every triple with one end replaced by entities of its own."""
        corrupted = corrupt(
            batch.cpu(), self.count, entities=self.entities, share=self.share.cpu(), known=self.seen,
            generator=self.generator,
        )  # fmt: skip
        positive: Tensor = self.model(batch)
        negative, false = torch.empty_like(corrupted.entities, dtype=positive.dtype), corrupted.false.to(batch.device)
        negative = negative.to(batch.device)
        sides: dict[Side, Tensor] = {"head": corrupted.at_head, "tail": ~corrupted.at_head}
        for side, chosen in sides.items():
            rows = chosen.nonzero()[:, 0].to(batch.device)
            entities = corrupted.entities.to(batch.device)[rows]
            negative = negative.index_put((rows,), self.model.against(batch[rows], side, entities))
        return self_adversarial_loss(positive, negative, false, temperature=self.config.negatives.temperature)

    def _auxiliary(self, model: MultiModalRotatE, batch: Tensor) -> Tensor | float:
        if self.config.loss.auxiliary == "none":
            return 0.0
        known = model.refined(torch.unique(batch[:, [0, 2]]))
        assert known.projected is not None
        return self.config.loss.auxiliary_weight * AUXILIARY[self.config.loss.auxiliary](known.projected, known.mask)

    def _adversarial(self, model: MultiModalRotatE, batch: Tensor) -> Tensor | float:
        """Triples with made-up channels are false, too."""
        if self.config.loss.adversarial_weight == 0:
            return 0.0
        return -self.config.loss.adversarial_weight * F.logsigmoid(-model.imitated(batch, self.generator)).mean()
