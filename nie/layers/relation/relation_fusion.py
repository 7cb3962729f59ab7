"""A table of relation vectors that is more than free parameters."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nie.errors import NieError
from nie.layers.relation.context import ContextEnhancer, RelationContext
from nie.layers.relation.similarity import SimilarityEnhancer
from nie.ops.shapes import expect_sizes


class RelationFusion(nn.Module):
    r"""Relation vectors :math:`r + w_1 d_1 + w_2 d_2`, for whatever reads a relation table ``rel`` (R, D).

    :math:`r` is learned, or a projection of text features, or the sum of both; :math:`d_1` is the
    :class:`SimilarityEnhancer`'s, :math:`d_2` the :class:`ContextEnhancer`'s. The weights are fixed, or learned as the
    softmax over {r, similarity, context} that begins with the weights given:

    .. math:: (w_0, w_1, w_2) = \mathrm{softmax}(a), \quad w_0 r + w_1 (r + d_1) + w_2 (r + d_2) = r + w_1 d_1 + w_2 d_2

    As they sum to 1, the coefficient of :math:`r` is 1 in either mode, and fixed and learned weights that begin alike
    give the same vectors: compare them so.

    Args:
        num_relations: R.
        size: D.
        text: (R, d) features of the relations' names, standardised.
        learned: whether every relation has a vector of free parameters; without text it must have one.
        context: surroundings of the relations in the graph, which the context enhancer reads.
        similarity_weight, context_weight: :math:`w_1` and :math:`w_2`, not negative; 0 leaves the enhancer out.
        learn_weights: learn them. Where their sum is 1 or more, so that nothing would be left for r, they begin with
            their shares of :math:`\{1, w_1, w_2\}`: the published 0.2 and 0.8 begin as 0.1 and 0.4.
        literal: the published form of the similarity.
        deviation: standard deviation of :math:`r` to begin with; free phases of RotatE begin with
            :math:`\pi / \sqrt 3`.
        text_lr: learning rate of the projection of text, in shares of the others'; see
            `nie.training.loop.rate_groups`. One step of
            Adam changes a projected number by up to lr times d times the features' size, a free one by lr.

    Raises:
        NieError: neither text nor parameters, text of another number of rows, or weights that do not fit.

    Example:
        >>> fusion = RelationFusion(3, 5, text=torch.randn(3, 8), similarity_weight=0.3)
        >>> fusion().shape, fusion.weights()
        (torch.Size([3, 5]), {'similarity': 0.3, 'context': 0.0})
    """

    text: Tensor | None

    def __init__(
        self, num_relations: int, size: int, *, text: Tensor | None = None, learned: bool = True,
        context: RelationContext | None = None, similarity_weight: float = 0.0, context_weight: float = 0.0,
        learn_weights: bool = False, literal: bool = False, deviation: float = 1.0, text_lr: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        expect_sizes(num_relations=num_relations, size=size)
        _check(num_relations, text, learned, context, similarity_weight, context_weight, learn_weights)
        self.fixed, self.deviation = (similarity_weight, context_weight), deviation
        self.free = nn.Parameter(torch.empty(num_relations, size)) if learned else None
        self.register_buffer("text", text, persistent=False)
        self.project = nn.Linear(text.shape[1], size) if text is not None else None
        self.lr_scales = {"project": text_lr} if text is not None else {}
        self.similarity = SimilarityEnhancer(literal=literal) if similarity_weight else None
        self.context = ContextEnhancer(context, size) if context_weight and context is not None else None
        self.logits = nn.Parameter(torch.empty(3)) if learn_weights else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw normal vectors, whose sum over both sources has the deviation given, and reset the weights."""
        share = self.deviation * (0.5**0.5 if self.free is not None and self.project is not None else 1.0)
        if self.free is not None:
            nn.init.normal_(self.free, std=share)
        if self.project is not None:
            nn.init.normal_(self.project.weight, std=share * self.project.in_features**-0.5)
            nn.init.zeros_(self.project.bias)
        for part in (self.similarity, self.context):
            if part is not None:
                part.reset_parameters()
        if self.logits is not None:
            similarity, context = self.fixed
            with torch.no_grad():
                given = (1 - similarity - context, similarity, context)
                if given[0] <= 0:
                    given = (1.0, similarity, context)
                self.logits[:] = torch.tensor([math.log(weight) if weight else 0.0 for weight in given])

    def forward(self) -> Tensor:
        """The table (R, D)."""
        rel: Tensor | None = self.free
        if self.project is not None:
            projected = self.project(self.text)
            rel = projected if rel is None else rel + projected
        assert rel is not None
        w1, w2 = self._weights()
        table = rel
        if self.similarity is not None:
            table = table + w1 * self.similarity(rel)
        if self.context is not None:
            table = table + w2 * self.context(rel)
        return table

    def weights(self) -> dict[str, float]:
        """The weights of both enhancers, as they are now."""
        with torch.no_grad():
            similarity, context = (float(weight) for weight in self._weights())
        return {"similarity": similarity, "context": context}

    def _weights(self) -> tuple[Tensor | float, Tensor | float]:
        if self.logits is None:
            return self.fixed
        # An enhancer that is left out stays without a weight.
        absent = torch.tensor([False, *(weight == 0 for weight in self.fixed)], device=self.logits.device)
        shares = self.logits.masked_fill(absent, -torch.inf).softmax(dim=0)
        return shares[1], shares[2]


def _check(
    num_relations: int, text: Tensor | None, learned: bool, context: RelationContext | None, similarity_weight: float,
    context_weight: float, learn_weights: bool,
) -> None:  # fmt: skip
    if text is None and not learned:
        raise NieError("Relation vectors come from text or from free parameters; give text, or learned=True.")
    if text is not None and (text.dim() != 2 or len(text) != num_relations):
        raise NieError(f"text must have the shape ({num_relations}, d); got {tuple(text.shape)}.")
    if min(similarity_weight, context_weight) < 0:
        raise NieError(
            f"similarity_weight and context_weight must not be negative; got {similarity_weight} and {context_weight}."
        )
    if context_weight and (context is None or context.relations.shape != (num_relations, num_relations)):
        raise NieError("context_weight needs the context of all relations, from relation_context.")
    if learn_weights and not (similarity_weight or context_weight):
        raise NieError("learn_weights learns similarity_weight and context_weight, which are both 0.")
