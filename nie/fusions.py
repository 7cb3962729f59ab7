"""How the channels of a node become one vector: the fusions by name, each with where its class is.

The table stands apart from the layers that it names, because settings are read where nothing may load torch.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fusion:
    """A way in which the channels of a node become one vector; ``layer(size, num_channels, **settings)`` builds it.

    Attributes:
        home: its class, or ``"package.module:Class"``, which is imported when the fusion is built.
        needs_logvar: it weighs channels by their uncertainty, so that it needs the log-variances of their vectors.
        starts_as_identity: at first it leaves the channels as they are, so that it can take part later than the rest.
    """

    home: str | Callable[..., Any]
    needs_logvar: bool = False
    starts_as_identity: bool = False

    @property
    def layer(self) -> Callable[..., Any]:
        """Its class."""
        layer: Callable[..., Any] = pkgutil.resolve_name(self.home) if isinstance(self.home, str) else self.home
        return layer


FUSIONS: dict[str, Fusion] = {
    "concat": Fusion("nie.layers.fusion.projected:ConcatFusion"),
    "sum": Fusion("nie.layers.fusion.projected:SumFusion"),
    "softmax": Fusion("nie.layers.fusion.attention:SoftmaxFusion"),
    "attention": Fusion("nie.layers.fusion.attention:AttentionFusion"),
    "co_attention": Fusion("nie.layers.fusion.attention:CoAttentionFusion"),
    "uncertainty": Fusion("nie.layers.fusion.uncertainty:UncertaintyFusion", needs_logvar=True),
    "inverse_variance": Fusion("nie.layers.fusion.uncertainty:InverseVarianceFusion", needs_logvar=True),
    "gated_uncertainty": Fusion("nie.layers.fusion.uncertainty:GatedUncertaintyFusion", needs_logvar=True),
    "proxy_attention": Fusion("nie.layers.fusion.proxy_attention:ProxyAttentionFusion"),
    "cross_modal_transformer": Fusion(
        "nie.layers.fusion.cross_modal_transformer:CrossModalTransformer", starts_as_identity=True
    ),
}
"""How the channels of a node become one vector, by name. A new fusion is a class and an entry here."""
RELATION_GUIDED = "relation_guided"
"""The fusion that link prediction alone has, as it reads a relation: `nie.models.kge.relation_guided`."""
