"""What a dataset holds, in words."""

from __future__ import annotations

import numpy as np

from nie.data.graph import KnowledgeGraph
from nie.data.store import counts


def info(kg: KnowledgeGraph) -> str:
    """Return a few lines on a graph: counts, labels, text, channels, origin and digest.

    >>> from nie.data.synthetic_graph import synthetic
    >>> print(info(synthetic(0)).splitlines()[0])
    synthetic: 300 nodes, 3 relations, 1,832 edges, 267 labelled
    """
    figures = counts(kg)
    known = kg.labels[kg.label_mask]
    labels = "none, a graph for link prediction"
    if len(known):
        used = kg.label_transform
        labels = f"{kg.meta.get('label', 'importance')}, {known.min():,.10g} to {known.max():,.10g}, used as {used}"
    lines = [
        f"{kg.name}: {figures['nodes']:,} nodes, {figures['relations']:,} relations, {figures['edges']:,} edges, "
        f"{figures['labelled']:,} labelled",
        f"labels: {labels}",
        f"text: {figures['with_text']:,} nodes",
        f"channels: {', '.join(sorted(kg.channels)) or 'none ready; they are computed when they are needed'}",
    ]
    if kg.signals:
        known_at = (f"{name} {int(np.isfinite(values).sum()):,}" for name, values in kg.signals.items())
        lines.append(f"signals: {', '.join(known_at)} nodes")
    if kg.node_dates is not None and not np.isnat(kg.node_dates).all():
        day = kg.node_dates[~np.isnat(kg.node_dates)]
        lines.append(f"days: {len(day):,} nodes, {day.min()} to {day.max()}")
    if kg.held_out:
        lines.append(f"held out: {', '.join(f'{name} {len(triples):,}' for name, triples in kg.held_out.items())}")
    for key in ("options", "notes"):
        if kg.meta.get(key):
            lines.append(f"{key}: {', '.join(f'{name} {value}' for name, value in kg.meta[key].items())}")
    for key in ("licence", "attribution"):
        if kg.meta.get(key):
            lines.append(f"{key}: {kg.meta[key]}")
    lines.append(f"digest: {kg.digest}")
    return "\n".join(lines)
