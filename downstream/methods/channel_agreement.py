"""How the channels of a trained network agree on nodes that they were not aligned on."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from downstream.losses.alignment import projection_spread
from downstream.metrics.channels import linear_cka, retrieval_metrics
from nie.arrays import Ints
from nie.models import ChannelStates

QUERY, KEYS = "semantic", "structural"


def agreement(states: ChannelStates, ids: Ints, masks: Mapping[str, Tensor]) -> dict[str, float]:
    """Retrieval of a node's structure by its text, the spread of projections, and the similarity of encodings.

    All are taken before the fusion, because a fused vector already contains the other channel. A model without one of
    the two channels has no such figures, and one without projections has the last alone.

    Args:
        states: of all nodes.
        ids: the nodes to judge by; those that lack a channel are left out.
        masks: by channel, the nodes that have features of it, which an encoder that reads the graph can do without.

    Returns:
        By name of the metric.
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
