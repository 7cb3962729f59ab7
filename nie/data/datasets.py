"""Datasets by name: read the processed one, or build it."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from nie.arguments import a_path, of_kind, whole_number
from nie.data.builders.fb15k import fb15k, fb15k_lp
from nie.data.builders.geo import DEFAULT_POPULATION, geo, geo_name
from nie.data.builders.given_features import given_channels
from nie.data.builders.openke import db15k, mkg_w, openke
from nie.data.builders.own_graph import inputs_of, with_more
from nie.data.builders.synthetic_large import synthetic_large
from nie.data.builders.tmdb5k import tmdb5k
from nie.data.graph import KnowledgeGraph
from nie.data.graph_fields import check_name
from nie.data.raw import checksums, find_raw
from nie.data.store import is_stored, read, save
from nie.errors import NieError, nearest, shown
from nie.progress import log

BUILDERS: dict[str, Callable[..., KnowledgeGraph]] = {
    "geo": geo,
    "fb15k": fb15k,
    "fb15k-lp": fb15k_lp,
    "tmdb5k": tmdb5k,
    "db15k": db15k,
    "mkg-w": mkg_w,
    "synthetic-large": synthetic_large,
}
"""Builders by name. An argument ``raw`` is the folder of the raw files; all others are options of the dataset."""

LONGEST_NAME = 100
"""Bytes: a file name may have 255, and temporary names and those of runs are longer than the dataset's."""

_GEO = re.compile(r"geo(?:-(\d{1,18}))?", re.ASCII)


def is_own(name: str) -> bool:
    """Whether a name is that of a graph of one's own, and of no dataset that nie builds.

    >>> is_own("mykg"), is_own("geo-500"), is_own("fb15k")
    (True, False, False)
    """
    return name not in BUILDERS and not _GEO.fullmatch(name)


def load(
    name: str,
    root: str | os.PathLike[str] = "datasets",
    *,
    raw: str | os.PathLike[str] | None = None,
    **options: Any,
) -> KnowledgeGraph:
    """Return a dataset: ``<root>/<name>/processed`` when it is there, else built and saved there first.

    Args:
        name: of `BUILDERS`: "geo", "geo-500" (cities from a population of 500, 1000, 5000), "fb15k", "tmdb5k", and for
            link prediction "fb15k-lp", "db15k", "mkg-w"; "synthetic-large", of any size; or an own graph that
            ``nie data build`` made.
        root: folder of the datasets.
        raw: folder with the raw files, needed only to build (see `nie.data.raw.find_raw`).
        options: options of the builder; a processed dataset must have been built with the same ones.

    Raises:
        NieError: unknown name, raw files missing, or a processed dataset with other options.
    """
    name, options = _resolve(name, options)
    folder = a_path("root", root) / name / "processed"
    if not is_stored(folder):
        return build(name, root, raw=raw, **options)
    kg = read(folder)
    built = kg.meta.get("options", {})
    for key, value in options.items():
        if built.get(key) != value:
            raise NieError(
                f"{folder} was built with {key}={shown(built.get(key))}, not {shown(value)}; "
                f"build it again with that option (`nie data build {name}`) or use another root."
            )
    return kg


def build(
    name: str,
    root: str | os.PathLike[str] = "datasets",
    *,
    raw: str | os.PathLike[str] | None = None,
    published: bool = False,
    features: Mapping[str, str | os.PathLike[str]] | None = None,
    **options: Any,
) -> KnowledgeGraph:
    """Build a dataset from its source and save it to ``<root>/<name>/processed``, replacing what was there.

    Args:
        name: a dataset that nie knows, or a name of your own together with files.
        root: folder of the datasets.
        raw: folder with the raw files; under a name of your own, one in OpenKE's format.
        published: import the papers' pickles; options as `nie.data.builders.published.published`.
        features: further channels by name, each a file of `nie.data.channel_file.read_channel_file`.
        options: options of the builder; with ``triples``, those of `nie.KnowledgeGraph.from_file`.

    Raises:
        NieError: unknown name or option, raw files missing or malformed, or a full disk.
    """
    name, options, root = *_resolve(name, options), a_path("root", root)
    kind = "geo" if _GEO.fullmatch(name) else name
    own = "triples" in options or "scores" in options
    if (own or published) and not is_own(name):
        raise NieError(f"The name {name} belongs to a dataset of nie; give your own graph another name.")
    if own:
        for key in ("triples", "scores", "text"):
            if options.get(key) is not None:
                a_path(key, options[key])
        builder: Callable[..., KnowledgeGraph] = partial(KnowledgeGraph.from_file, name=name)
    elif published:
        from nie.data.builders.published import published as build_published  # loads torch

        builder = partial(build_published, name)
    elif kind in BUILDERS:
        builder = BUILDERS[kind]
    elif raw is not None:
        builder = partial(openke, name, raw)
    else:
        raise NieError(_unknown(name, root))
    _check_options(name, builder, options)
    if "raw" in inspect.signature(builder).parameters:
        options["raw"] = find_raw(kind.removesuffix("-lp"), raw=raw, root=root)
    log.info("building %s", name)
    folder = Path(root) / name / "processed"
    # Without a name for what was built, it is freed before the store is read.
    save(_with_files(builder(**options), {} if features is None else features, own=kind not in BUILDERS), folder)
    return read(folder)


def keep(kg: KnowledgeGraph, root: str | os.PathLike[str] = "datasets") -> KnowledgeGraph:
    """Keep a graph of one's own under ``root``, where runs and commands find it by its name; return it as it is there.

    A graph that is there with the same content stays as it is; another one of that name is replaced.

    Raises:
        NieError: the name belongs to a dataset of nie, and the graph is not that dataset.

    >>> import tempfile
    >>> from nie.data.synthetic_graph import synthetic
    >>> root = tempfile.mkdtemp()
    >>> keep(synthetic(0), root).name, load("synthetic", root).num_nodes
    ('synthetic', 300)
    """
    _check_file_name("dataset", kg.name)
    folder = a_path("root", root) / kg.name / "processed"
    if is_stored(folder):
        stored = read(folder)
        same_meta = all(stored.meta.get(key) == value for key, value in kg.meta.items())
        if stored.data_digest == kg.data_digest and same_meta:
            return stored
    if kg.name in BUILDERS or _GEO.fullmatch(kg.name):
        raise NieError(f"The name {kg.name} belongs to a dataset of nie; give your own graph another name.")
    save(kg, folder)
    return read(folder)


def _with_files(kg: KnowledgeGraph, files: Mapping[str, str | os.PathLike[str]], *, own: bool) -> KnowledgeGraph:
    """The graph with a channel from each file; one of a user's ``own`` is used with all of them."""
    of_kind("features", files, Mapping, "a dict of files by the name of a channel")
    if not files:
        return kg
    for name, path in files.items():
        _check_file_name("channel", name)
        a_path(f"the file of channel {name}", path)
    channels = given_channels(files, kg.node_names)
    raw = {**kg.meta.get("raw", {}), **checksums(*files.values())}
    if not own:
        return replace(kg.with_channels(channels), meta={**kg.meta, "raw": raw})
    channels = with_more(kg.channels, channels)
    return replace(kg, channels=channels, meta={**kg.meta, "raw": raw, "inputs": inputs_of(channels)})


def _check_options(name: str, builder: Callable[..., KnowledgeGraph], options: dict[str, Any]) -> None:
    """Raise for an option that the builder does not have, or for a file that it needs and was not given."""
    parameters = {key: value for key, value in inspect.signature(builder).parameters.items() if key != "raw"}
    for key in options:
        if key not in parameters:
            raise NieError(f"The dataset {name} has no option {shown(key)}{nearest(key, parameters)}.")
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and options.get(key) is None:
            raise NieError(f"Building {name} needs --{key.replace('_', '-')} FILE.")


def _resolve(name: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Give a geo of another population its own name, so that both can lie under one root."""
    _check_file_name("dataset", name)
    match = _GEO.fullmatch(name)
    if match is None:
        return name, dict(options)
    given = int(match[1]) if match[1] else options.get("min_population", DEFAULT_POPULATION)
    population = whole_number("min_population", given)
    return geo_name(population), {**options, "min_population": population}


def _check_file_name(kind: str, name: str) -> None:
    check_name(kind, name)
    if len(name.encode()) > LONGEST_NAME:
        raise NieError(f"The {kind} name {shown(name)} is too long for a folder; use at most {LONGEST_NAME} letters.")


def _unknown(name: str, root: str | os.PathLike[str]) -> str:
    own = [folder.parent.name for folder in Path(root).glob("*/processed")]
    known = sorted({*BUILDERS, *own})
    return (
        f"There is no dataset {shown(name)}{nearest(name, known)}; known are {', '.join(known)}, "
        "and `nie data build NAME --triples FILE [--scores FILE]` makes your own, or --raw FOLDER from OpenKE's files."
    )
