"""What rows on pretrained features are called."""

from __future__ import annotations

from pathlib import Path

from nie.settings.run import DIGEST_DIGITS

LICAP = "+licap"
"""What the name of a row on features pretrained by LICAP ends in."""


def licap_label(method: str) -> str:
    """What a run of a method on features pretrained by LICAP is called, and its row.

    >>> licap_label("rgtn")
    'rgtn+licap'
    """
    return f"{method}{LICAP}"


def pretrained_label(method: str, folder: str) -> str:
    """What a run of a method on the embeddings of a stage-1 run is called, by the label in the name of its folder.

    >>> pretrained_label("rgtn", "checkpoints/pretrain/fb15k/untrained-0a1b2c3d")
    'rgtn+untrained'
    """
    label, _, digest = Path(folder).name.rpartition("-")
    return f"{method}+{label}" if label and len(digest) == DIGEST_DIGITS else licap_label(method)
