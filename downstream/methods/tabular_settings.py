"""The settings of methods that read a table of features: trees, and ridge regression by a kernel."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from downstream.methods.importance_settings import FeatureConfig, SearchedConfig
from nie.settings.sections import NEIGHBOUR_LABELS, NEIGHBOURS, FeaturesConfig, Section, features_in


class BoostingModel(Section):
    """Gradient-boosted trees; the defaults are scikit-learn's, but for the rounds."""

    learning_rate: float = Field(0.1, gt=0, le=1, description="how much each round adds")
    rounds: int = Field(300, ge=1, le=100_000, description="rounds at most; validation nodes choose how many count")
    leaves: int = Field(31, ge=2, le=65_536, description="leaves of a tree at most")
    min_samples: int = Field(20, ge=1, description="training nodes in a leaf at least")
    l2: float = Field(0.0, ge=0, description="penalty on the squared values of leaves")


class BoostingConfig(SearchedConfig):
    """Stage 2 by gradient boosting."""

    model: BoostingModel = BoostingModel()


def _looking_around(given: FeaturesConfig) -> FeaturesConfig:
    """The same, where every channel has ``neighbours``, and the first ``neighbour-labels`` and ``centrality``."""
    named = {"structural": given.structural, "semantic": given.semantic, **given.more}
    once = [name for name in (NEIGHBOUR_LABELS, "centrality") if name not in features_in("+".join(named.values()))]
    made = {}
    for channel, names in named.items():
        if names != "none":
            around = [NEIGHBOURS] if NEIGHBOURS not in features_in(names) else []
            made[channel], once = "+".join([names, *once, *around]), []
    more = {channel: made.pop(channel) for channel in given.more if channel in made}
    return given.model_copy(update={**made, "more": {**given.more, **more}})


class AroundConfig(FeatureConfig):
    """Stage 2 by a method that reads what stands around a node besides.

    The names of its features tell all that it reads: every channel has ``neighbours``, and the first one
    ``neighbour-labels`` and ``centrality``.
    """

    features: Annotated[FeaturesConfig, AfterValidator(_looking_around)] = Field(
        FeaturesConfig(), validate_default=True
    )


class NeighbourBoostingConfig(AroundConfig, BoostingConfig):
    """Stage 2 by gradient boosting on what stands around a node besides."""


class LightGBMModel(Section):
    """Gradient-boosted trees of LightGBM."""

    learning_rate: float = Field(0.05, gt=0, le=1, description="how much each round adds")
    rounds: int = Field(3000, ge=1, le=100_000, description="rounds at most")
    patience: int = Field(100, ge=1, description="stop after so many rounds without a better validation error")
    leaves: int = Field(31, ge=2, le=65_536, description="leaves of a tree at most")
    min_samples: int = Field(20, ge=1, description="training nodes in a leaf at least")
    l2: float = Field(1.0, ge=0, description="penalty on the squared values of leaves")
    split_share: float = Field(0.3, gt=0, le=1, description="share of the features that a tree is made of")
    node_share: float = Field(0.8, gt=0, le=1, description="share of the training nodes that a tree is made of")


class LightGBMConfig(SearchedConfig):
    """Stage 2 by LightGBM."""

    model: LightGBMModel = LightGBMModel()


class ForestModel(Section):
    """A random forest; the defaults are scikit-learn's, but for the features of a split."""

    trees: int = Field(100, ge=1, le=100_000, description="number of trees")
    min_samples: int = Field(1, ge=1, description="training nodes in a leaf at least")
    split_share: float | None = Field(
        None, gt=0, le=1, description="share of the features that a split tries; by default the root of their number"
    )


class ForestConfig(SearchedConfig):
    """Stage 2 by a random forest."""

    model: ForestModel = ForestModel()


class KernelRidgeModel(Section):
    """Ridge regression on similarity to landmarks."""

    landmarks: int = Field(2000, ge=1, le=20_000, description="training nodes that others are compared with, at most")


class KernelRidgeConfig(FeatureConfig):
    """Stage 2 by ridge regression on similarity to landmarks."""

    model: KernelRidgeModel = KernelRidgeModel()


class NeighbourKernelRidgeConfig(AroundConfig, KernelRidgeConfig):
    """Stage 2 by ridge regression on similarity to landmarks, of what stands around a node besides."""
