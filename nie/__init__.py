"""Node importance estimation on knowledge graphs: graphs, layers and models.

The stages are in the packages `pretrain` (LICAP) and `downstream` (importance); the command is ``nie``.

Names are imported when they are first used, so that ``from nie.layers import PreGATConv`` in another project loads
torch and DGL and nothing of the data side.
"""

from __future__ import annotations

TYPE_CHECKING = False
"""As in `typing`, which ``python -m nie`` would take from the working folder; so nothing is imported up here."""

if TYPE_CHECKING:
    from downstream.answers.estimate import Estimate, load_run
    from downstream.api import Result, compare, fit, run, search
    from downstream.heads.importance import ImportanceHead
    from downstream.methods.registration import register_feature, register_loss, register_method, register_metric
    from downstream.methods.rgtn import RGTN
    from nie.data import Channel, KnowledgeGraph, MessageGraph, features, load, message_graph, synthetic
    from nie.errors import NieError
    from nie.layers import CentralityScale, CoAttention, GENIConv, PreGATConv, RelGraphTransformerConv, RGCNConv
    from nie.models import GENI, PreGAT

__version__ = "0.1.0"

_HOMES = {
    "downstream.api": ("Result", "compare", "fit", "run", "search"),
    "downstream.answers.estimate": ("Estimate", "load_run"),
    "nie.data": ("Channel", "KnowledgeGraph", "MessageGraph", "features", "load", "message_graph", "synthetic"),
    "nie.errors": ("NieError",),
    "nie.layers": (
        "CentralityScale",
        "CoAttention",
        "GENIConv",
        "PreGATConv",
        "RGCNConv",
        "RelGraphTransformerConv",
    ),
    "nie.models": ("GENI", "PreGAT"),
    "downstream.methods.registration": ("register_feature", "register_loss", "register_method", "register_metric"),
    "downstream.methods.rgtn": ("RGTN",),
    "downstream.heads.importance": ("ImportanceHead",),
}
__all__ = [
    "GENI",
    "RGTN",
    "CentralityScale",
    "Channel",
    "CoAttention",
    "Estimate",
    "GENIConv",
    "ImportanceHead",
    "KnowledgeGraph",
    "MessageGraph",
    "NieError",
    "PreGAT",
    "PreGATConv",
    "RGCNConv",
    "RelGraphTransformerConv",
    "Result",
    "compare",
    "features",
    "fit",
    "load",
    "load_run",
    "message_graph",
    "register_feature",
    "register_loss",
    "register_method",
    "register_metric",
    "run",
    "search",
    "synthetic",
]


def __getattr__(name: str) -> object:
    from nie.later import names_later

    return names_later(__name__, _HOMES)[0](name)


def __dir__() -> list[str]:
    return sorted(__all__)
