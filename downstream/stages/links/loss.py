"""The loss of one training step of link prediction."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from downstream.stages.links.inputs import LinkInputs
from downstream.stages.links.negatives import corrupt, draw_negatives, head_share
from downstream.stages.links.settings import AUXILIARY, LinkConfig
from nie.errors import NieError
from nie.models.kge import MultiModalRotatE, RotatE
from nie.models.kge.rotation import SIDES, Side
from nie.progress import log
from nie.training.loss_terms import channels_named, term


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
        # An entity that no training triple names is no negative: it would only ever be pushed away.
        self.entities = inputs.masks["structural"].cpu().nonzero()[:, 0]
        self.count = config.negatives.count
        if config.negatives.sharing == "batch" and self.count > len(self.entities):
            self.count = len(self.entities)
            log.info("all %d entities are negatives, as there are no more", self.count)

    def __call__(self, batch: Tensor) -> Tensor:
        """() the loss of triples (B, 3)."""
        shared = self.config.negatives.sharing == "batch"
        loss: Tensor = term("triples", self._shared(batch) if shared else self._apart(batch))
        if isinstance(self.model, MultiModalRotatE):
            loss = loss + self._auxiliary(self.model, batch) + self._adversarial(self.model, batch)
        return loss + self._regularization(batch)

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
        loss = self.config.loss
        if loss.auxiliary == "none":
            return 0.0
        known = model.refined(torch.unique(batch[:, [0, 2]]))
        assert known.projected is not None
        with channels_named(["structural", *self.config.channels]):
            aligned: Tensor = AUXILIARY[loss.auxiliary].function(known.projected, known.mask, **loss.auxiliary_settings)
        return loss.auxiliary_weight * term("auxiliary", aligned)

    def _adversarial(self, model: MultiModalRotatE, batch: Tensor) -> Tensor | float:
        """The loss of triples with made-up channels, which count as false ones."""
        if self.config.loss.adversarial_weight == 0:
            return 0.0
        imitated = -F.logsigmoid(-model.imitated(batch, self.generator)).mean()
        return self.config.loss.adversarial_weight * term("adversarial", imitated)

    def _regularization(self, batch: Tensor) -> Tensor | float:
        """``mu (mean h^2 + mean r^2 + mean t^2) / 3`` of the learned embeddings, r the phases of the relations."""
        weight = self.config.loss.regularization
        if weight == 0:
            return 0.0
        ends, phases = self.model.entities, self.model.rotations()
        parts = (ends[batch[:, 0]], phases[batch[:, 1]], ends[batch[:, 2]])
        return weight * term("regularization", torch.stack([part.square().mean() for part in parts]).mean())


def self_adversarial_loss(
    positive: Tensor, negative: Tensor, false: Tensor | None = None, *, temperature: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    r"""Negative sampling in which a model's own opinion says which negatives matter (Sun et al., ICLR 2019, eq. 6).

    .. math:: -\tfrac12 \log \sigma(s^+) - \tfrac12 \sum_k p_k \log \sigma(-s^-_k), \quad
              p = \mathrm{softmax}(\alpha s^-)

    mean over the triples; no gradient flows through p.

    Args:
        positive: (B,) scores of true triples.
        negative: (B, K) scores of corrupted ones.
        false: (B, K) bool, corrupted ones that are true all the same, which are left out.
        temperature: alpha, at least 0; 0 weighs negatives alike.
        weight: (B,) of the triples, by default equal.

    Returns:
        () tensor.

    Raises:
        NieError: shapes that do not fit, no negative, or a negative temperature.

    Example:
        >>> round(self_adversarial_loss(torch.zeros(2), torch.zeros(2, 3)).item(), 4)
        0.6931
    """
    if negative.dim() != 2 or positive.shape != negative.shape[:1] or negative.shape[1] == 0:
        raise NieError(
            f"positive must be (B,) and negative (B, K); got {tuple(positive.shape)} and {tuple(negative.shape)}."
        )
    if temperature < 0:
        raise NieError(f"temperature must be at least 0; got {temperature}.")
    drawn = negative.detach() * temperature
    if false is not None:
        drawn = drawn.masked_fill(false, torch.finfo(drawn.dtype).min)
    share = drawn.softmax(dim=1)
    if false is not None:
        share = share.masked_fill(false, 0.0)
    each = -(F.logsigmoid(positive) + (share * F.logsigmoid(-negative)).sum(dim=1)) / 2
    return each.mean() if weight is None else (each * weight).sum() / weight.sum()
