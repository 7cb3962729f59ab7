"""How much of a score is owed to each fact and each feature of a node, by the methods of `ATTRIBUTIONS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from downstream.answers.scored_node import ScoredNode
from nie.arrays import Floats
from nie.vocabulary import EXPLANATIONS

STEPS = (16, 64, 256)
"""Points of the integration rule: few first, and more where the contributions of few do not add up."""
ADDS_UP = 0.05
"""Contributions add up where they miss no more than this share of what they explain."""
POWER = 3
"""Points lie at powers of those of the rule, and so close together at 0: where a node has its first hundredth of each
fact, a mean over its facts changes most."""


@dataclass(frozen=True)
class Attribution:
    """What a score is owed to, in units of the label scale.

    Attributes:
        facts: (F,) by fact.
        features: by channel (d,) by column.
        base: the score without all of them; None where contributions do not add up.
        heads: by attention (F, H), what each of its heads pays to each fact; empty of any other method.
    """

    facts: Floats
    features: Mapping[str, Floats] = field(default_factory=dict)
    base: float | None = None
    heads: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Base and contributions together."""
        owed = [self.facts, *self.features.values()]
        return (self.base or 0.0) + sum(float(each.sum()) for each in owed)


def integrated_gradients(scored: ScoredNode) -> Attribution:
    r"""Integrated gradients from a node of mean features without facts (Sundararajan et al., ICML 2017).

    All weights and features go from there to what they are on a straight line, and each contributes

    .. math:: (x_i - x_i') \int_0^1 \frac{\partial f}{\partial x_i}(x' + t (x - x')) \, dt.

    The contributions add up to the score less the base, but for the error of the integration rule: Gauss-Legendre, with
    more points where fewer miss more than 5 % of that difference.
    """
    with torch.no_grad():
        base = float(scored(torch.zeros_like(scored.whole), scored.usual))
    for steps in STEPS:
        found = _integrated(scored, base, steps)
        if abs(scored.score - found.total) <= ADDS_UP * abs(scored.score - base):
            break
    return found


def _integrated(scored: ScoredNode, base: float, steps: int) -> Attribution:
    whole, usual = scored.whole, scored.usual
    differences = {name: feat - usual[name] for name, feat in scored.features.items()}
    facts, features = torch.zeros_like(whole), {name: torch.zeros_like(feat) for name, feat in differences.items()}
    places, shares = np.polynomial.legendre.leggauss(steps)
    places = (places + 1) / 2
    for place, share in zip(places**POWER, shares / 2 * POWER * places ** (POWER - 1), strict=True):
        weight = (whole * place).requires_grad_()
        feats = {name: (usual[name] + place * step).requires_grad_() for name, step in differences.items()}
        slopes = torch.autograd.grad(scored(weight, feats), [weight, *feats.values()], allow_unused=True)
        for total, slope in zip((facts, *features.values()), slopes, strict=True):
            if slope is not None:
                total += share * slope
    owed = {name: (total * differences[name]).double().cpu().numpy() for name, total in features.items()}
    return Attribution(facts.double().cpu().numpy(), owed, base)


def leave_one_out(scored: ScoredNode) -> Attribution:
    """By how much the score falls when a fact is removed, exactly; such differences do not add up to the score."""
    whole = scored.whole
    found = np.empty(len(whole))
    with torch.no_grad():
        for place in range(len(whole)):
            weight = whole.clone()
            weight[place] = 0
            found[place] = scored.score - float(scored(weight))
    return Attribution(found)


def attention(scored: ScoredNode) -> Attribution:
    """The attention paid to each fact, the mean over all heads and attentions.

    It is what the network looks at, which is not what its score is owed to.
    """
    heads = scored.attention()
    return Attribution(np.mean([one.mean(axis=1) for one in heads.values()], axis=0), heads=heads)


ATTRIBUTIONS: dict[str, Callable[[ScoredNode], Attribution]] = dict(
    zip(EXPLANATIONS, (integrated_gradients, leave_one_out, attention), strict=True)
)
"""By name."""
