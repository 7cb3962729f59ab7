"""The settings of link prediction."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nie.config import OptimConfig, RunConfig
from nie.model_config import Section


class RotatEConfig(Section):
    """RotatE (Sun et al., ICLR 2019)."""

    size: int = Field(256, ge=1, description="complex dimensions of an entity")
    margin: float = Field(9.0, gt=0, description="score of a perfect match")


class NegativesConfig(Section):
    """The corrupted triples that a model learns from."""

    count: int = Field(
        256, ge=1, description="entities a batch, in the place of the head and of the tail of each triple"
    )
    temperature: float = Field(1.0, ge=0, description="how much a model's own opinion weighs them; 0: all alike")
    corruption: Literal["uniform", "bernoulli"] = Field(
        "uniform", description="bernoulli: the side with fewer true answers counts more"
    )


class LinkConfig(RunConfig):
    """Link prediction by a model of embeddings."""

    model: RotatEConfig = RotatEConfig()
    negatives: NegativesConfig = NegativesConfig()
    batch_size: int = Field(1024, ge=1, description="triples a step")
    optim: OptimConfig = OptimConfig(lr=0.001, weight_decay=0.0, max_epochs=100, eval_every=5, patience=20)
    repeats: tuple[int, ...] = Field(
        (0,), min_length=1, description="numbers of the repetitions to run, each with a seed of its own"
    )

    def run_label(self) -> str:
        """The label that was given, or the model."""
        return self.label or "rotate"
