"""Models that complete knowledge graphs: they score triples."""

from nie.models.kge.rotate import RotatE

__all__ = ["RotatE"]
