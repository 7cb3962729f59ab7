"""The papers' own files: a pickled graph with node2vec features, and pickled text features."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from nie.data.channel import Channel
from nie.data.graph import KnowledgeGraph
from nie.data.pickle_file import load_pickle
from nie.data.raw import checksums
from nie.errors import NieError

VERSION = 1
MOST_UNUSED = 10_000
"""Relations that may be counted though the file has fewer edges."""
KEYS = ("edges", "edge_types", "labels", "invalid_masks")
Path_ = str | os.PathLike[str]


def published(
    name: str,
    rel_pk: Path_,
    lang_pk: Path_ | None = None,
    *,
    node2vec_pk: Path_ | None = None,
    num_relations: int | None = None,
    label_transform: Literal["log1p", "none"] = "log1p",
) -> KnowledgeGraph:
    """Import the files of the RGTN and LICAP papers (``fb15k_rel.pk``, ``ga16k_rel.pk``, ``tmdb_lang.pk``, ...).

    The channels are "structural" (``features`` of ``rel_pk``, or ``node2vec_pk``) and "semantic" (``lang_pk``). The
    files hold no names and no text. Nothing in them is run (see `nie.data.restricted_pickle`).

    Args:
        name: name of the dataset.
        rel_pk: pickled dict of ``edges`` (two int vectors), ``edge_types``, ``labels`` (raw importance),
            ``invalid_masks`` (1 = unlabelled), and mostly ``features`` (N x 64).
        lang_pk: pickled N x d float array of text features.
        node2vec_pk: pickled N x d float array that replaces ``features`` (IMDB_S).
        num_relations: R; the largest edge type + 1 when not given. The papers fix 34 for TMDB and 30 for IMDB_S.
        label_transform: "log1p" as in the papers, or "none" where the labels are logarithms already.

    Raises:
        NieError: a file that is damaged or tries to run code, a missing key, or sizes that disagree.

    Example::

        kg = published("ga16k", "ga16k_rel.pk", "ga_lang.pk")
    """
    shown = Path(rel_pk)
    content = load_pickle(rel_pk)
    if not isinstance(content, dict):
        raise NieError(f"{shown} must hold a dict with the keys {', '.join(KEYS)}; got a {type(content).__name__}.")
    for key in KEYS:
        if key not in content:
            raise NieError(f"{shown} must have the keys {', '.join(KEYS)}; it lacks {key!r}.")
    labels = _vector(shown, content, "labels").astype(np.float64)
    num_nodes = len(labels)
    src, dst = _edges(shown, content["edges"])
    etype = _integers(shown, "edge_types", _vector(shown, content, "edge_types"))
    valid = _vector(shown, content, "invalid_masks") == 0
    if len(valid) != num_nodes:
        raise NieError(f"{shown}: invalid_masks must be as long as labels, {num_nodes}; got {len(valid)}.")
    if num_relations is None:
        num_relations = int(etype.max(initial=-1)) + 1
    most = max(len(etype), MOST_UNUSED)
    if not 0 <= num_relations <= most:  # each has a name, and names of a thousand million would fill the memory
        raise NieError(
            f"{shown}: the number of relations must be in 0..{most:,}, as the file has {len(etype):,} edges; got "
            f"{num_relations:,}."
        )
    channels = _channels(content, shown, lang_pk, node2vec_pk, num_nodes)
    try:
        return KnowledgeGraph(
            name=name,
            src=src,
            dst=dst,
            etype=etype,
            labels=labels,
            label_mask=valid,
            node_names=[f"node {node}" for node in range(num_nodes)],
            relation_names=[f"relation {relation}" for relation in range(num_relations)],
            text=[None] * num_nodes,
            channels=channels,
            meta={
                "label_transform": label_transform,
                "licence": "as published with the papers",
                "attribution": "files of RGTN (Huang et al., 2021) and LICAP (Zhang et al., 2024)",
                "raw": checksums(*(path for path in (rel_pk, lang_pk, node2vec_pk) if path is not None)),
                "builder": {"name": "published", "version": VERSION},
            },
        )
    except NieError as error:
        raise NieError(f"{shown}: {error}") from error


def _channels(
    content: Mapping[str, Any], shown: Path, lang_pk: Path_ | None, node2vec_pk: Path_ | None, num_nodes: int
) -> dict[str, Channel]:
    found: dict[str, tuple[Path, Any]] = {}
    if node2vec_pk is not None:
        found["structural"] = Path(node2vec_pk), load_pickle(node2vec_pk)
    elif "features" in content:
        found["structural"] = shown, content["features"]
    if lang_pk is not None:
        found["semantic"] = Path(lang_pk), load_pickle(lang_pk)
    channels = {}
    for key, (path, value) in found.items():
        array = _array(path, f"the {key} features", value)
        if array.ndim != 2 or len(array) != num_nodes:
            raise NieError(f"{path}: the {key} features must have {num_nodes} rows; got the shape {array.shape}.")
        try:
            channels[key] = Channel(array, np.ones(num_nodes, bool))
        except NieError as error:
            raise NieError(f"{path}: {error}") from error
    return channels


def _array(shown: Path, key: str, value: Any) -> np.ndarray:
    """A tensor, array or flat list of numbers as an array; nothing else is handed to numpy."""
    if isinstance(value, torch.Tensor):
        try:
            array = value.detach().numpy()
        except (TypeError, RuntimeError) as error:
            raise NieError(f"{shown}: {key} must be an array of numbers; got {value.dtype}.") from error
    elif type(value) is np.ndarray:
        array = value
    elif type(value) in (list, tuple) and all(isinstance(item, (int, float, np.number, np.bool_)) for item in value):
        array = np.array(value)
    else:
        raise NieError(f"{shown}: {key} must be a tensor, array or flat list; got a {type(value).__name__}.")
    if array.dtype.kind not in "fiub":
        raise NieError(f"{shown}: {key} must be an array of numbers; got {array.dtype}.")
    return array


def _vector(shown: Path, content: Mapping[str, Any], key: str) -> np.ndarray:
    """A vector; the papers' files also store one as a column."""
    array = _array(shown, key, content[key])
    if array.size != len(array.reshape(-1)) or array.ndim == 0 or array.size != max(array.shape, default=0):
        raise NieError(f"{shown}: {key} must be a vector; got the shape {array.shape}.")
    return array.reshape(-1)


def _integers(shown: Path, key: str, array: np.ndarray) -> np.ndarray:
    # Casting nan or inf gives some integer, which is not equal to it.
    with np.errstate(invalid="ignore"):
        whole = array.astype(np.int64)
    if not np.array_equal(array, whole):
        raise NieError(f"{shown}: {key} must hold whole numbers.")
    return whole


def _edges(shown: Path, edges: Any) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(edges, (tuple, list, np.ndarray, torch.Tensor)) or len(edges) != 2:
        raise NieError(f"{shown}: edges must be two vectors of node ids, sources and targets.")
    src, dst = (_integers(shown, "edges", _array(shown, "edges", ends).reshape(-1)) for ends in edges)
    return src, dst
