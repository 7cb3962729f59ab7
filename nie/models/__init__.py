"""Models: thin wiring of layers. Keyword sizes in, scores or embeddings out; no loss and no configuration inside."""

from nie.models.pregat import PreGAT
from nie.models.rgtn import RGTN, ImportanceScores

MODELS = {"rgtn": RGTN, "pregat": PreGAT}

__all__ = ["MODELS", "RGTN", "ImportanceScores", "PreGAT"]
