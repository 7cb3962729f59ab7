"""Models: thin wiring of layers, without losses or settings. Sizes go in by keyword, scores or embeddings come out.

Those that estimate importance are built with ``channel_sizes`` (features by channel), ``num_relations``,
``tier_outputs`` (size of a head for tiers, by default 0 for none) and their own settings, and are called as
``model(graph, feats, etype, degrees=None)``. They give `ImportanceScores`. One graph is computed as a whole; a sequence
of ``model.num_hops`` blocks, with the relations of each and the `Degrees` of the first one's nodes, gives the nodes of
the last. RGTN with its heads is in `downstream.methods.rgtn`; its body, which is here, is `MultiChannelEncoder`.
"""

from nie.models.blocks import Degrees
from nie.models.convolutional import CONVOLUTIONS, ConvolutionalModel
from nie.models.geni import GENI
from nie.models.multi_import import MultiImport
from nie.models.outputs import ChannelStates, ImportanceScores, SignalMeans
from nie.models.pregat import PreGAT
from nie.models.residual import ResidualModel
from nie.models.rgtn import MultiChannelEncoder
from nie.models.sgc import SGC
from nie.models.vision_text import DualEncoding, VisionTextDualEncoder

__all__ = [
    "CONVOLUTIONS",
    "GENI",
    "SGC",
    "ChannelStates",
    "ConvolutionalModel",
    "Degrees",
    "DualEncoding",
    "ImportanceScores",
    "MultiChannelEncoder",
    "MultiImport",
    "PreGAT",
    "ResidualModel",
    "SignalMeans",
    "VisionTextDualEncoder",
]
