"""Models: thin wiring of layers. Keyword sizes in, scores or embeddings out; no loss and no configuration inside.

Those of `MODELS` estimate importance: built with ``channel_sizes`` (features by channel), ``num_relations`` and their
own settings, called as ``model(graph, feats, etype)``, they give `ImportanceScores`.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from nie.models.convolutional import CONVOLUTIONS, ConvolutionalModel
from nie.models.geni import GENI
from nie.models.multi_channel import RGTN, MultiChannelNIE
from nie.models.pregat import PreGAT
from nie.models.scores import ChannelStates, ImportanceScores
from nie.models.sgc import SGC
from nie.models.vision_text import DualEncoding, VisionTextDualEncoder

MODELS: dict[str, Callable[..., nn.Module]] = {
    **{name: partial(ConvolutionalModel, name) for name in CONVOLUTIONS},
    "sgc": SGC,
    "geni": GENI,
    "rgtn": MultiChannelNIE,
}

__all__ = [
    "GENI",
    "MODELS",
    "RGTN",
    "SGC",
    "ChannelStates",
    "ConvolutionalModel",
    "DualEncoding",
    "ImportanceScores",
    "MultiChannelNIE",
    "PreGAT",
    "VisionTextDualEncoder",
]
