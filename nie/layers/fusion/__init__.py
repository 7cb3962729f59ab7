"""Fusion of the channels of a node (structural, semantic, numeric, ...), some of which may be missing."""

from nie.fusions import FUSIONS
from nie.layers.fusion.attention import AttentionFusion, CoAttentionFusion, SoftmaxFusion
from nie.layers.fusion.channel_fusion import ChannelFusion
from nie.layers.fusion.cross_modal_transformer import CrossModalTransformer
from nie.layers.fusion.projected import ConcatFusion, SumFusion
from nie.layers.fusion.proxy_attention import ProxyAttentionFusion
from nie.layers.fusion.uncertainty import GatedUncertaintyFusion, InverseVarianceFusion, UncertaintyFusion
from nie.layers.masked import Fused

__all__ = [
    "FUSIONS",
    "AttentionFusion",
    "ChannelFusion",
    "CoAttentionFusion",
    "ConcatFusion",
    "CrossModalTransformer",
    "Fused",
    "GatedUncertaintyFusion",
    "InverseVarianceFusion",
    "ProxyAttentionFusion",
    "SoftmaxFusion",
    "SumFusion",
    "UncertaintyFusion",
]
