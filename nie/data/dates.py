"""The days of nodes and edges, and what was known of a graph on a day.

`nie.KnowledgeGraph` is made with this module, which therefore does not import it: ``kg`` is one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nie.arrays import Bools, Dates
from nie.errors import NieError, shown


def days(owner: str, key: str, values: Any) -> Dates | None:
    """A read-only array of days, of `datetime64`, `datetime.date` or strings; NaT and None are no day.

    Raises:
        NieError: a value that is no day; ``owner`` and ``key`` begin the message.

    >>> days("Graph g", "node_dates", ["2001-05-16", None])
    array(['2001-05-16',        'NaT'], dtype='datetime64[D]')
    """
    if values is None:
        return None
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "MUO" and array.size:
            raise ValueError("they are neither dates nor strings")
        made: Dates = array.astype("datetime64[D]")
    except (ValueError, TypeError) as error:
        raise NieError(f"{owner}: {key} must be days such as 2001-05-16, or None; got {shown(values)}.") from error
    kept = made if made is not values else made.copy()
    kept.flags.writeable = False
    return kept


def no_days(count: int) -> Dates:
    """So many NaT."""
    return np.full(count, "NaT", "datetime64[D]")


def dates_of_edges(kg: Any) -> Dates:
    """(E,) the day on which every edge came to be: its own, or the later one of its ends; NaT where none has a day.

    Raises:
        NieError: the graph has no dates.
    """
    if kg.node_dates is None and kg.edge_dates is None:
        raise NieError(
            f"Graph {kg.name} has no dates; give node_dates or edge_dates, or take a dataset that has them, as tmdb5k."
        )
    nodes = no_days(kg.num_nodes) if kg.node_dates is None else kg.node_dates
    later: Dates = np.fmax(nodes[kg.src], nodes[kg.dst])  # of a day and NaT, the day
    return later if kg.edge_dates is None else np.where(np.isnat(kg.edge_dates), later, kg.edge_dates)


def as_of(kg: Any, date: Any) -> dict[str, Any]:
    """The fields of `nie.KnowledgeGraph.until` that differ from those of ``kg``; errors as there."""
    try:
        day = np.datetime64(date, "D")
    except (ValueError, TypeError) as error:
        raise NieError(f"A graph is known until a day such as 2004-12-31; got {shown(date)}.") from error
    if np.isnat(day):
        raise NieError(f"A graph is known until a day such as 2004-12-31; got {shown(date)}.")
    edges = ~(dates_of_edges(kg) > day)  # a comparison with NaT is false
    nodes: Bools = np.ones(kg.num_nodes, bool) if kg.node_dates is None else ~(kg.node_dates > day)
    return {
        **{key: getattr(kg, key)[edges] for key in ("src", "dst", "etype")},
        "edge_dates": None if kg.edge_dates is None else kg.edge_dates[edges],
        "labels": np.where(nodes, kg.labels, np.nan),
        "label_mask": kg.label_mask & nodes,
        "signals": {name: np.where(nodes, values, np.nan) for name, values in kg.signals.items()},
        "text": [text if known else None for text, known in zip(kg.text, nodes.tolist(), strict=True)],
        "channels": {
            name: replace(channel, features=np.where(nodes[:, None], channel.features, 0), mask=channel.mask & nodes)
            for name, channel in kg.channels.items()
        },
    }
