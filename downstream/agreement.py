"""How the channels of a trained model agree on nodes that they were not aligned on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from downstream.alignment import projection_spread
from downstream.retrieval import RETRIEVAL_METRICS, retrieval_metrics
from nie.models import ChannelStates

Floats = npt.NDArray[np.float64]
QUERY, KEYS = "semantic", "structural"
AGREEMENT_METRICS: dict[str, bool | None] = {**RETRIEVAL_METRICS, "spread": True, "cka": None}
"""Whether higher is better; a similarity of channels is neither good nor bad."""


def linear_cka(one: Floats, other: Floats) -> float:
    """Linear centred kernel alignment (Kornblith et al., ICML 2019): 1 for encodings that are rotations of each other.

    ``|Y' X|^2 / (|X' X| |Y' Y|)``, Frobenius norms of centred (n, d) encodings; 0 where one of them is constant.

    >>> turned = np.array([[0.0, 2.0], [-1.0, 0.0], [3.0, 1.0]])
    >>> round(linear_cka(np.array([[2.0, 0.0], [0.0, 1.0], [1.0, -3.0]]), turned), 4)
    1.0
    """
    x, y = (part - part.mean(axis=0) for part in (one, other))
    scale = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    return float(np.linalg.norm(y.T @ x) ** 2 / scale) if scale > 0 else 0.0


def agreement(states: ChannelStates, ids: npt.NDArray[np.int64], masks: Mapping[str, Tensor]) -> dict[str, float]:
    """Retrieval of a node's structure by its text, the spread of projections, and the similarity of encodings.

    All of them before the fusion: a refined embedding already contains the other channel. Models without one of the two
    channels have no such figures, those without projections only the last.

    Args:
        states: of all nodes.
        ids: the nodes to judge by; those that lack a channel are left out.
        masks: by channel, the nodes that have features of it, which an encoder that reads the graph can do without.

    Returns:
        By key of `AGREEMENT_METRICS`.
    """
    names = list(states.encodings)
    if QUERY not in names or KEYS not in names:
        return {}
    columns = [names.index(name) for name in (QUERY, KEYS)]
    rows = torch.from_numpy(ids).to(states.mask.device)
    rows = rows[(masks[QUERY] & masks[KEYS])[rows]]
    if len(rows) < 2:
        return {}
    query, keys = (states.encodings[name].mean[rows].double().cpu().numpy() for name in (QUERY, KEYS))
    figures = {"cka": linear_cka(query, keys)}
    if states.projected is not None:
        projected = states.projected[rows][:, columns]
        query, keys = (part.double().cpu().numpy() for part in projected.unbind(1))
        figures |= retrieval_metrics(query, keys)
        figures["spread"] = float(projection_spread(projected, states.mask[rows][:, columns]))
    return figures
