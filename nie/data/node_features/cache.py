"""Features by name, computed once and kept on disk."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nie.atomic import atomic_file
from nie.data.graph import Channel, KnowledgeGraph
from nie.data.node_features.degrees import degree_features
from nie.data.node_features.node2vec import node2vec
from nie.data.node_features.relations import relation_profile
from nie.data.node_features.text import sentence_embeddings, tfidf_svd
from nie.data.store import read_array
from nie.errors import NieError, nearest
from nie.progress import log

# Raised when the same settings begin to mean other numbers, so that older files are not taken for new ones.
VERSION = 1


@dataclass(frozen=True)
class Feature:
    """How a feature is computed and what part of a graph it reads; labels are never read."""

    compute: Callable[..., Channel]
    reads: Literal["structure", "text"]


FEATURES: dict[str, Feature] = {
    "node2vec": Feature(node2vec, "structure"),
    "degrees": Feature(degree_features, "structure"),
    "relations": Feature(relation_profile, "structure"),
    "minilm": Feature(sentence_embeddings, "text"),
    "tfidf": Feature(tfidf_svd, "text"),
}


def features(
    kg: KnowledgeGraph,
    name: str,
    *,
    root: str | os.PathLike[str] = "datasets",
    seed: int = 0,
    **settings: Any,
) -> Channel:
    """Return the feature ``name`` of ``kg``: a channel that the graph carries, a cached one, or a computed one.

    The cache is ``<root>/<kg.name>/features/<name>-<8 hex>.npy`` with a ``.mask.npy`` beside it; the hex digits stand
    for the structure (or the text), the settings and the seed.

    Args:
        kg: the graph.
        name: "node2vec", "degrees", "relations", "minilm", "tfidf", or a channel of ``kg``.
        root: folder of the datasets.
        seed: seed of the features that draw at random; the others ignore it.
        settings: keyword arguments of the feature function.

    Raises:
        NieError: unknown name or setting, or the extra that the feature needs is not installed.

    >>> import tempfile
    >>> from nie.data.synthetic_graph import synthetic
    >>> features(synthetic(0), "degrees", root=tempfile.mkdtemp()).features.shape
    (300, 2)
    """
    if name in kg.channels:
        return kg.channels[name]
    if name not in FEATURES:
        known = [*FEATURES, *kg.channels]
        raise NieError(f"There is no feature {name!r}{nearest(name, known)}; known are {', '.join(known)}.")
    feature = FEATURES[name]
    full = _resolved(name, feature, seed, settings)
    path = cache_path(kg, name, feature, full, Path(root))
    mask_path = path.with_suffix(".mask.npy")
    if path.exists() and mask_path.exists():
        try:
            return Channel(read_array(path), read_array(mask_path))
        except NieError as error:
            log.warning("computing %s again: %s", name, error)
    log.info("computing %s features of %s", name, kg.name)
    channel = feature.compute(kg, **full)
    # The mask first: a cached feature counts as complete only when both files exist.
    for target, array in ((mask_path, channel.mask), (path, channel.features)):
        with atomic_file(target) as temporary:
            np.save(temporary, array, allow_pickle=False)
    return channel


def cache_path(kg: KnowledgeGraph, name: str, feature: Feature, settings: dict[str, Any], root: Path) -> Path:
    """Return where the feature with exactly these settings is kept."""
    source = kg.structure_digest if feature.reads == "structure" else kg.text_digest
    key = json.dumps([VERSION, name, source, settings], sort_keys=True)
    return root / kg.name / "features" / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:8]}.npy"


def _resolved(name: str, feature: Feature, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with defaults filled in, so that naming a default finds the same file."""
    parameters = inspect.signature(feature.compute).parameters
    known = {key: parameter.default for key, parameter in parameters.items() if key != "kg"}
    for key in settings:
        if key not in known:
            raise NieError(f"The feature {name} has no setting {key!r}{nearest(key, known)}.")
    full = {**known, **settings}
    if "seed" in known:
        full["seed"] = seed
    return full
