"""Knowledge graphs: the type, the store, the datasets and their features."""

from nie.data.datasets import BUILDERS, build, load
from nie.data.download import fetch
from nie.data.graph import Channel, KnowledgeGraph
from nie.data.message_passing import MessageGraph, message_graph
from nie.data.node_features.cache import FEATURES, features
from nie.data.store import counts, read, save
from nie.data.summary import info
from nie.data.synthetic_graph import synthetic

__all__ = [
    "BUILDERS",
    "FEATURES",
    "Channel",
    "KnowledgeGraph",
    "MessageGraph",
    "build",
    "counts",
    "features",
    "fetch",
    "info",
    "load",
    "message_graph",
    "read",
    "save",
    "synthetic",
]
