"""Models that complete knowledge graphs: they score triples."""

from nie.models.kge.multi_modal_rotate import MultiModalRotatE
from nie.models.kge.rotate import RotatE

__all__ = ["MultiModalRotatE", "RotatE"]
