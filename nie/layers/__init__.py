"""Layers that take a graph at call time; they need torch and DGL only and fit into any DGL model."""

from nie.layers.centrality_scale import CentralityScale
from nie.layers.channel_dropout import ChannelDropout
from nie.layers.co_attention import CoAttention
from nie.layers.dropout import Dropout
from nie.layers.fusion import FUSIONS, ChannelFusion, CrossModalTransformer, Fused
from nie.layers.geni_conv import GENIConv
from nie.layers.global_attention import GlobalAttention
from nie.layers.graph_conv import GraphConv
from nie.layers.pregat_conv import PreGATConv
from nie.layers.rel_graph_transformer_conv import RelGraphTransformerConv
from nie.layers.rgcn_conv import RGCNConv
from nie.layers.sage_conv import SAGEConv
from nie.layers.variational import Encoding, ModalityDecoder, VariationalEncoder, VariationalLSTMEncoder

__all__ = [
    "FUSIONS",
    "CentralityScale",
    "ChannelDropout",
    "ChannelFusion",
    "CoAttention",
    "CrossModalTransformer",
    "Dropout",
    "Encoding",
    "Fused",
    "GENIConv",
    "GlobalAttention",
    "GraphConv",
    "ModalityDecoder",
    "PreGATConv",
    "RGCNConv",
    "RelGraphTransformerConv",
    "SAGEConv",
    "VariationalEncoder",
    "VariationalLSTMEncoder",
]
