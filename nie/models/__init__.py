"""Models: thin wiring of layers. Keyword sizes in, scores or embeddings out; no loss and no configuration inside.

Those that estimate importance are built with ``channel_sizes`` (features by channel), ``num_relations`` and their own
settings, called as ``model(graph, feats, etype)``, and give `ImportanceScores`. RGTN with its heads is in
`downstream.methods.rgtn`; its body, which is here, is `MultiChannelEncoder`.
"""

from nie.models.convolutional import CONVOLUTIONS, ConvolutionalModel
from nie.models.geni import GENI
from nie.models.outputs import ChannelStates, ImportanceScores
from nie.models.pregat import PreGAT
from nie.models.rgtn import MultiChannelEncoder
from nie.models.sgc import SGC
from nie.models.vision_text import DualEncoding, VisionTextDualEncoder

__all__ = [
    "CONVOLUTIONS",
    "GENI",
    "SGC",
    "ChannelStates",
    "ConvolutionalModel",
    "DualEncoding",
    "ImportanceScores",
    "MultiChannelEncoder",
    "PreGAT",
    "VisionTextDualEncoder",
]
