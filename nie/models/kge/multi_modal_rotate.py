"""RotatE on entities that have further channels: text, numbers, images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nie.errors import NieError, nearest
from nie.fusions import FUSIONS, RELATION_GUIDED
from nie.layers import ChannelDropout, ChannelFusion, ModalityDecoder
from nie.layers.masked import masked_mean
from nie.layers.variational import MOST_LOGVAR
from nie.models.kge.channel_generator import ChannelGenerator
from nie.models.kge.channel_tables import ChannelTables, EntityChannels
from nie.models.kge.relation_guided import RelationGuidedFusion
from nie.models.kge.rotation import Contrast, Scorer, Side, check_candidates, check_triples, known_end, moduli, rotated
from nie.ops import complex_distance
from nie.ops.shapes import expect_sizes

ROWS_AT_A_TIME = 4096


class MultiModalRotatE(nn.Module):
    r"""RotatE (Sun et al., ICLR 2019) whose entities are fused from a learned embedding and further channels.

    .. math:: e = s \, \mathrm{fusion}(E_e / s, \; W_1 x_{e1}, \; \ldots), \quad
              \mathrm{score} = \mathrm{margin} - \sum_d |h_d e^{i \theta_{rd}} - t_d|

    :math:`s` is the deviation of RotatE's initial embeddings: fusions work on tokens of unit variance, and distances
    begin near the margin all the same.

    An entity that no training triple names has no structural channel (``masks["structural"]``): its embedding is what
    it was initialised with, and noise. It is then placed by its other channels alone, for which a model is prepared by
    ``channel_drop``.

    With ``fusion="cross_modal_transformer"`` the channels read each other through the modal collaborative extractor. It
    begins as the identity, so that it can be switched on when the rest is trained: ``extract_after``.

    Args:
        num_entities: N.
        num_relations: R.
        channels: (N, d) features by name, standardised.
        masks: (N,) bool by name, the entities that have a channel; ``structural`` too. By default all.
        size: D, complex dimensions; a channel's vector has 2 D numbers.
        margin: the score of a perfect match.
        fusion: a key of :data:`nie.layers.FUSIONS`, or ``relation_guided``.
        fusion_settings: settings of the fusion.
        channel_drop: probability of hiding a channel of an entity in training.
        channel_lr: learning rate of all parts but RotatE's own, in shares of that of RotatE's: each embedding is met
            rarely, so that embeddings bear much larger steps than a network that all entities share. Your own
            optimiser heeds it if it is made as ``torch.optim.Adam(rate_groups(model, lr))``, of `nie.training.loop`.
        trainable_channels: learn the features, too, starting from the given ones.
        projection_size: P, of the projections for losses that align the channels.
        generator: make a :class:`ChannelGenerator`, for `imitated`.
        mixed_precision: fuse channels in bfloat16, which nearly halves the time of a step with the extractor on a CPU
            that multiplies in bfloat16; scores stay in float32.
        extract_after: training steps before the collaborative extractor takes part. They are counted with the weights,
            by `forward` and `contrast`, one of which every step of training calls.

    Raises:
        NieError: no channel, features of another number of rows, or an unknown fusion or mask.

    Example:
        >>> model = MultiModalRotatE(num_entities=5, num_relations=2, channels={"text": torch.randn(5, 3)}, size=8)
        >>> triples = torch.tensor([[0, 1, 4], [2, 0, 3]])  # head, relation, tail
        >>> model(triples).shape, model.against(triples, "head").shape
        (torch.Size([2]), torch.Size([2, 5]))
        >>> model.refined(torch.tensor([3, 4])).tokens.shape
        torch.Size([2, 2, 16])
    """

    steps: Tensor

    # Long because each parameter is a setting that recipes and studies name.
    def __init__(
        self, *, num_entities: int, num_relations: int, channels: Mapping[str, Tensor],
        masks: Mapping[str, Tensor] | None = None, size: int = 256, margin: float = 9.0, fusion: str = "attention",
        fusion_settings: Mapping[str, Any] | None = None, channel_drop: float = 0.0, channel_lr: float = 1.0,
        trainable_channels: bool = False, projection_size: int | None = None, generator: bool = False,
        mixed_precision: bool = False, extract_after: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        expect_sizes(num_entities=num_entities, num_relations=num_relations, size=size)
        expect_sizes(0, extract_after=extract_after)
        if fusion not in (*FUSIONS, RELATION_GUIDED):
            raise NieError(f"There is no fusion {fusion!r}{nearest(fusion, [*FUSIONS, RELATION_GUIDED])}.")
        if fusion == RELATION_GUIDED and fusion_settings:
            raise NieError(f"The fusion {fusion} has no settings; leave {', '.join(fusion_settings)} out.")
        self.margin, self.size, self.extract_after = margin, size, extract_after
        self.mixed_precision = mixed_precision
        self.scale = (margin + 2) / size / math.sqrt(3)
        self.entities = nn.Parameter(torch.empty(num_entities, 2 * size))  # real parts, then imaginary ones
        self.phases = nn.Parameter(torch.empty(num_relations, size))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.channels = ChannelTables(num_entities, channels, masks or {}, 2 * size, trainable=trainable_channels)
        count, needs_logvar = 1 + len(channels), fusion in FUSIONS and FUSIONS[fusion].needs_logvar
        self.logvars = nn.ModuleList(nn.Linear(2 * size, 2 * size) for _ in range(count) if needs_logvar)
        self.drop = ChannelDropout(channel_drop)
        self.fusion = (
            RelationGuidedFusion(2 * size, count, num_relations)
            if fusion == RELATION_GUIDED
            else ChannelFusion(fusion, 2 * size, count, **(fusion_settings or {}))
        )
        self.projections = nn.ModuleList(
            ModalityDecoder(2 * size, projection_size) for _ in range(count) if projection_size is not None
        )
        self.generator = ChannelGenerator(2 * size, len(channels)) if generator else None
        self.lr_scales = {name: channel_lr for name, _ in self.named_children()}
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset RotatE's parameters, log-variances to 0, and the parts. Learned features stay as they are."""
        self.steps.zero_()
        bound = (self.margin + 2) / self.size
        nn.init.uniform_(self.entities, -bound, bound)
        nn.init.uniform_(self.phases, -math.pi, math.pi)
        for logvar in self.logvars:
            assert isinstance(logvar, nn.Linear)
            nn.init.zeros_(logvar.weight)
            nn.init.zeros_(logvar.bias)
        for part in (self.channels, self.drop, self.fusion, *self.projections, self.generator):
            if part is not None:
                part.reset_parameters()

    def forward(self, triples: Tensor) -> Tensor:
        """(B,) scores of ``triples`` (B, 3): head, relation, tail.

        Raises:
            NieError: another shape, or an id that does not exist.
        """
        check_triples(triples, self.entities, self.phases)
        self._count_step()
        relations = triples[:, 1]
        heads, tails = (self._vectors(triples[:, end], relations) for end in (0, 2))
        return self.margin - moduli(rotated(heads, self.phases[relations], "tail") - tails)

    def against(self, triples: Tensor, side: Side, candidates: Tensor | None = None) -> Tensor:
        """(B, K) scores with each candidate in the place of the head or the tail; see :meth:`RotatE.against`."""
        query = self._query(triples, side)
        if candidates is not None:
            check_candidates(candidates, self.entities, triples)
        if candidates is not None and candidates.dim() == 2:
            if isinstance(self.fusion, RelationGuidedFusion):
                relations = triples[:, 1].repeat_interleave(candidates.shape[1])
                keys = self._vectors(candidates.flatten(), relations).view(*candidates.shape, 2 * self.size)
                return self.margin - moduli(query[:, None] - keys)
            ids, rows = torch.unique(candidates, return_inverse=True)
            return self.margin - complex_distance(query, self._fuse(*self._tokens(ids)), rows)
        ids = torch.arange(len(self.entities), device=triples.device) if candidates is None else candidates
        return self._scores(query, triples[:, 1], *self._tokens(ids))

    def contrast(self, triples: Tensor, candidates: Tensor) -> Contrast:
        """The scores of a training step; every entity is fused once, unless the fusion depends on the relation."""
        check_triples(triples, self.entities, self.phases)
        check_candidates(candidates, self.entities)
        self._count_step()
        ids, place = torch.unique(torch.cat([triples[:, 0], triples[:, 2], candidates]), return_inverse=True)
        tokens, mask = self._tokens(ids)
        of_heads, of_tails, of_candidates = torch.split(place, [len(triples), len(triples), len(candidates)])
        relations, phases = triples[:, 1], self.phases[triples[:, 1]]
        if isinstance(self.fusion, RelationGuidedFusion):
            heads, tails = (self._fuse(tokens[rows], mask[rows], relations) for rows in (of_heads, of_tails))
        else:
            vectors = self._fuse(tokens, mask)
            heads, tails, keys = vectors[of_heads], vectors[of_tails], vectors[of_candidates]
        turned, turned_back = rotated(heads, phases, "tail"), rotated(tails, phases, "head")
        if isinstance(self.fusion, RelationGuidedFusion):
            given = (tokens[of_candidates], mask[of_candidates])
            head, tail = (self._scores(query, relations, *given) for query in (turned_back, turned))
        else:
            head, tail = (self.margin - complex_distance(query, keys) for query in (turned_back, turned))
        return Contrast(self.margin - moduli(turned - tails), head, tail)

    def scorer(self) -> Scorer:
        """A function that scores all entities, for ranking: what does not depend on the triples is computed once."""
        parts = [
            self._tokens(ids)
            for ids in torch.split(torch.arange(len(self.entities), device=self.entities.device), ROWS_AT_A_TIME)
        ]
        if isinstance(self.fusion, RelationGuidedFusion):
            tokens, mask = (torch.cat(part) for part in zip(*parts, strict=True))
            return lambda triples, side: self._scores(self._query(triples, side), triples[:, 1], tokens, mask)
        vectors = torch.cat([self._fuse(*part) for part in parts])

        def score(triples: Tensor, side: Side) -> Tensor:
            query = rotated(
                vectors[known_end(triples, side, self.entities, self.phases)], self.phases[triples[:, 1]], side
            )
            return self.margin - complex_distance(query, vectors)

        return score

    def refined(self, ids: Tensor) -> EntityChannels:
        """The channels of the entities ``ids`` (n,), each after it has read the others if the fusion lets it do so."""
        tokens, mask = self._tokens(ids)
        vector = masked_mean(tokens, mask) if isinstance(self.fusion, ChannelFusion) else None
        if isinstance(self.fusion, ChannelFusion) and self._extracts:
            with self._precision():
                fused = self.fusion(tokens, mask, logvar=self._logvar(tokens))
            tokens, vector = fused.tokens.to(tokens), fused.vector.to(tokens)
        projected = [project(tokens[:, place]) for place, project in enumerate(self.projections)]
        of_all = torch.stack(projected, dim=1) if projected else None
        return EntityChannels(tokens, of_all, mask, None if vector is None else self.scale * vector)

    def rotations(self) -> Tensor:
        """(R, D) the phases of the relations."""
        return self.phases

    def imitated(self, triples: Tensor, generator: torch.Generator) -> Tensor:
        """(B, 3) scores of triples with made-up channels of the head, of the tail and of both.

        In adversarial training they are learned from as corrupted triples are; gradients of the generator are reversed.

        Raises:
            NieError: the model was made without a generator.
        """
        if self.generator is None:
            raise NieError("The model has no channel generator; make it with generator=True.")
        check_triples(triples, self.entities, self.phases)
        relations, phases = triples[:, 1], self.phases[triples[:, 1]]
        real, made = [], []
        for end in (0, 2):
            tokens, mask = self._tokens(triples[:, end])
            real.append(self._fuse(tokens, mask, relations))
            imitation = self.generator(tokens[:, 0], generator)
            # A made-up channel is there whether the entity has the real one or not.
            has_channel = torch.cat([mask[:, :1], torch.ones_like(mask[:, 1:])], dim=1)
            made.append(self._fuse(torch.cat([tokens[:, :1], imitation], dim=1), has_channel, relations))
        pairs = ((made[0], real[1]), (real[0], made[1]), (made[0], made[1]))
        return torch.stack([self.margin - moduli(rotated(h, phases, "tail") - t) for h, t in pairs], dim=1)

    def _count_step(self) -> None:
        if self.training:
            self.steps += 1

    @property
    def _extracts(self) -> bool:
        """Whether the fusion takes part: False for the extractor until ``extract_after`` steps are over."""
        waits = isinstance(self.fusion, ChannelFusion) and FUSIONS[self.fusion.method].starts_as_identity
        return not waits or self.extract_after == 0 or int(self.steps) > self.extract_after

    def _tokens(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """(n, M, 2D) tokens of unit variance, and (n, M) the channels that count: in training, some are hidden."""
        with self._precision():
            further = self.channels(ids)
        own = self.entities[ids] / self.scale
        return torch.cat([own[:, None], further.to(own)], dim=1), self.drop(self.channels.mask[ids])

    def _logvar(self, tokens: Tensor) -> Tensor | None:
        heads = [head(tokens[:, place]) for place, head in enumerate(self.logvars)]
        return torch.stack(heads, dim=1).clamp(-MOST_LOGVAR, MOST_LOGVAR) if heads else None

    def _fuse(self, tokens: Tensor, mask: Tensor, relations: Tensor | None = None) -> Tensor:
        """(n, 2D), on RotatE's scale."""
        if isinstance(self.fusion, RelationGuidedFusion):
            guided: Tensor = self.fusion(tokens, mask, relations)
            return self.scale * guided
        assert isinstance(self.fusion, ChannelFusion)
        if not self._extracts:
            return self.scale * masked_mean(tokens, mask)
        with self._precision():
            vector: Tensor = self.fusion(tokens, mask, logvar=self._logvar(tokens)).vector
        return self.scale * vector.to(tokens)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.entities.device.type, dtype=torch.bfloat16, enabled=self.mixed_precision)

    def _vectors(self, ids: Tensor, relations: Tensor) -> Tensor:
        return self._fuse(*self._tokens(ids), relations)

    def _query(self, triples: Tensor, side: Side) -> Tensor:
        known = self._vectors(known_end(triples, side, self.entities, self.phases), triples[:, 1])
        return rotated(known, self.phases[triples[:, 1]], side)

    def _scores(self, query: Tensor, relations: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, K) of queries against entities with tokens (K, M, 2D), fused for one relation after another."""
        if not isinstance(self.fusion, RelationGuidedFusion):
            return self.margin - complex_distance(query, self._fuse(tokens, mask))
        order = relations.argsort(stable=True)
        kinds, counts = torch.unique_consecutive(relations[order], return_counts=True)
        parts = [
            self.margin - complex_distance(part, self._fuse(tokens, mask, kind))
            for kind, part in zip(kinds, torch.split(query[order], counts.tolist()), strict=True)
        ]
        return torch.cat(parts)[order.argsort()]
