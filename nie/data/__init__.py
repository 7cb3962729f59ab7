"""Knowledge graphs: the type, the store, the datasets and their features.

Names are imported when they are first used: graphs and features are read without torch and DGL, which only the message
graph needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nie.later import names_later

if TYPE_CHECKING:
    from nie.data.channel import Channel
    from nie.data.datasets import BUILDERS, build, load
    from nie.data.download import fetch
    from nie.data.graph import KnowledgeGraph
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

__getattr__, __dir__ = names_later(__name__, {
    "nie.data.datasets": ("BUILDERS", "build", "load"),
    "nie.data.download": ("fetch",),
    "nie.data.node_features.cache": ("FEATURES", "features"),
    "nie.data.channel": ("Channel",),
    "nie.data.graph": ("KnowledgeGraph",),
    "nie.data.message_passing": ("MessageGraph", "message_graph"),
    "nie.data.store": ("counts", "read", "save"),
    "nie.data.summary": ("info",),
    "nie.data.synthetic_graph": ("synthetic",),
})  # fmt: skip
