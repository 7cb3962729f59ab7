"""Node importance estimation on knowledge graphs: graphs, layers and models.

The stages are in the packages `pretrain` (LICAP) and `downstream` (importance); the command is ``nie``.
"""

from nie.data import Channel, KnowledgeGraph, MessageGraph, features, load, message_graph, synthetic
from nie.errors import NieError
from nie.layers import CentralityScale, CoAttention, ImportanceHead, PreGATConv, RelGraphTransformerConv
from nie.models import RGTN, PreGAT

__version__ = "0.1.0"

__all__ = [
    "RGTN",
    "CentralityScale",
    "Channel",
    "CoAttention",
    "ImportanceHead",
    "KnowledgeGraph",
    "MessageGraph",
    "NieError",
    "PreGAT",
    "PreGATConv",
    "RelGraphTransformerConv",
    "features",
    "load",
    "message_graph",
    "synthetic",
]
