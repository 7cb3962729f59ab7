"""The processed form of a knowledge graph on disk: plain .npy arrays that can be memory-mapped, and JSON.

A store is a folder::

    meta.json       format version, name, counts, the graph's meta (licence, attribution, sha256 of raw files, ...)
    seal.json       sha256 of every other file: a changed byte is found when the store is read
    names.json      node and relation names
    text.json       one string or null for each node
    src.npy dst.npy etype.npy labels.npy label_mask.npy
    channels/       <name>.features.npy, in three dimensions of sequences, and <name>.mask.npy of every ready channel
    held_out/       <name>.npy, the triples of every split of link prediction, where there are any
    signals/        <name>.npy of every signal of importance, where there are any
    node_dates.npy  days since 1970-01-01 as int64, the least int64 for no day, where nodes have days
    edge_dates.npy  the same of edges
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from nie.arguments import a_path, of_kind
from nie.data.channel import Channel
from nie.data.graph import KnowledgeGraph
from nie.disk.array_file import read_npy
from nie.disk.atomic import atomic_folder
from nie.disk.leftovers import sweep
from nie.disk.seal import broken, seal
from nie.errors import NieError, shown
from nie.findings import Findings

FORMAT = "nie-graph"
VERSION = 2
UNSEALED = 1
"""The version before `VERSION`, which has no seal; its stores are read all the same."""
META, SEAL = "meta.json", "seal.json"
ARRAYS = ("src", "dst", "etype", "labels", "label_mask")
DATES = ("node_dates", "edge_dates")


def counts(kg: KnowledgeGraph) -> dict[str, int]:
    """Return the figures by which a store is recognised as whole."""
    of_kind("kg", kg, KnowledgeGraph, "a KnowledgeGraph")
    return {
        "nodes": kg.num_nodes,
        "relations": kg.num_relations,
        "edges": kg.num_edges,
        "labelled": int(kg.label_mask.sum()),
        "with_text": sum(text is not None for text in kg.text),
    }


def save(kg: KnowledgeGraph, folder: str | os.PathLike[str]) -> None:
    """Write ``kg`` to ``folder``, which appears whole or not at all and replaces an older one.

    >>> import tempfile
    >>> from nie.data.synthetic_graph import synthetic
    >>> folder = Path(tempfile.mkdtemp()) / "processed"
    >>> kg = synthetic(0)
    >>> save(kg, folder)
    >>> read(folder).digest == kg.digest
    True
    """
    of_kind("kg", kg, KnowledgeGraph, "a KnowledgeGraph")
    with atomic_folder(a_path("folder", folder)) as temporary:
        for key in ARRAYS:
            np.save(temporary / f"{key}.npy", getattr(kg, key), allow_pickle=False)
        (temporary / "channels").mkdir()
        for name, channel in kg.channels.items():
            rows = channel.features
            if channel.steps is not None:
                rows = rows.reshape(len(rows), channel.steps, -1)
            np.save(temporary / "channels" / f"{name}.features.npy", rows, allow_pickle=False)
            np.save(temporary / "channels" / f"{name}.mask.npy", channel.mask, allow_pickle=False)
        for folder_of, columns in (("held_out", kg.held_out), ("signals", kg.signals)):
            if columns:
                (temporary / folder_of).mkdir()
            for name, values in columns.items():
                np.save(temporary / folder_of / f"{name}.npy", values, allow_pickle=False)
        dates = {key: value for key in DATES if (value := getattr(kg, key)) is not None}
        for key, value in dates.items():
            np.save(temporary / f"{key}.npy", value.view(np.int64), allow_pickle=False)
        _write_json(temporary / "names.json", {"nodes": list(kg.node_names), "relations": list(kg.relation_names)})
        _write_json(temporary / "text.json", list(kg.text))
        document = {
            "format": FORMAT,
            "version": VERSION,
            "name": kg.name,
            "counts": counts(kg),
            "digest": kg.digest,
            "data_digest": kg.data_digest,
            "channels": sorted(kg.channels),
            **({"held_out": sorted(kg.held_out)} if kg.held_out else {}),
            **({"signals": list(kg.signals)} if kg.signals else {}),
            **({"dates": list(dates)} if dates else {}),
            "meta": dict(kg.meta),
        }
        _write_json(temporary / META, document, indent=2)
        _write_json(temporary / SEAL, seal(temporary), indent=2)


def is_stored(folder: str | os.PathLike[str]) -> bool:
    """Whether there is a store; an older one that a killed writer had moved aside is put back first."""
    path = Path(folder)
    if not (path / META).exists():
        sweep(path.parent, path.name)
    return path.exists()


def read(folder: str | os.PathLike[str]) -> KnowledgeGraph:
    """Read a store; arrays stay on disk and are memory-mapped.

    Raises:
        NieError: no store there, another format version, or a file that is missing, damaged, changed or does not fit.
    """
    path = a_path("folder", folder)
    is_stored(path)
    document = _read_json(path / META, dict)
    if document.get("format") != FORMAT or document.get("version") not in (VERSION, UNSEALED):
        raise NieError(
            f"{path / META}: format {shown(document.get('format'))} version {shown(document.get('version'))} "
            f"cannot be read; this nie reads {FORMAT!r} version {VERSION}, so build the dataset again."
        )
    if document["version"] == VERSION or (path / SEAL).exists():
        for name, whole in _seen_by_seal(path).items():
            if not whole:
                raise NieError(_advice(path, name))
    names = _read_json(path / "names.json", dict)
    try:
        for key in ("channels", "held_out", "signals", "dates"):
            if not isinstance(document.get(key, []), list):
                raise NieError(f"{key} must be a list of names.")
        kg = KnowledgeGraph(
            name=document["name"],
            **{key: read_npy(path / f"{key}.npy") for key in ARRAYS},
            node_names=names["nodes"],
            relation_names=names["relations"],
            text=_read_json(path / "text.json", list),
            channels={name: _read_channel(path / "channels", name) for name in document["channels"]},
            held_out={name: read_npy(path / "held_out" / f"{name}.npy") for name in document.get("held_out", [])},
            signals={name: read_npy(path / "signals" / f"{name}.npy") for name in document.get("signals", [])},
            **{key: read_npy(path / f"{key}.npy").view("datetime64[D]") for key in document.get("dates", [])},
            meta=document["meta"],
        )
        expected, digest = document["counts"], document["digest"]
    except KeyError as error:
        raise NieError(f"The store {path} lacks the key {error}; build the dataset again.") from error
    except (NieError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise NieError(f"The store {path} is damaged, so build the dataset again: {error}") from error
    if counts(kg) != expected:
        raise NieError(f"The store {path} holds {counts(kg)}, but its meta.json says {expected}; build it again.")
    if kg.digest != digest:
        raise NieError(f"The store {path} is damaged, so build the dataset again: its content has another digest.")
    if isinstance(known := document.get("data_digest"), str) and (path / SEAL).exists():
        vars(kg)["data_digest"] = known  # the seal has just covered every byte that it is made from
    return kg


def kept_digests(folder: str | os.PathLike[str]) -> dict[str, str]:
    """``digest`` and ``data_digest`` of the stored graph, without reading it where the store keeps both.

    Raises:
        NieError: as `read`.

    >>> import tempfile
    >>> from nie.data.synthetic_graph import synthetic
    >>> folder = Path(tempfile.mkdtemp()) / "processed"
    >>> save(synthetic(0), folder)
    >>> kept_digests(folder)["digest"] == synthetic(0).digest
    True
    """
    document = _read_json(a_path("folder", folder) / META, dict)
    kept = {name: document.get(name) for name in ("digest", "data_digest")}
    if all(isinstance(value, str) for value in kept.values()):
        return kept
    kg = read(folder)  # the store is from before stores kept the second
    return {"digest": kg.digest, "data_digest": kg.data_digest}


def check(folder: str | os.PathLike[str]) -> Findings:
    """Find the damaged files of a store; one without a seal is read, which finds less.

    >>> import tempfile
    >>> from nie.data.synthetic_graph import synthetic
    >>> folder = Path(tempfile.mkdtemp()) / "processed"
    >>> save(synthetic(0), folder)
    >>> _ = (folder / "text.json").write_text("[]")
    >>> [sentence.partition(": ")[2] for sentence in check(folder).damaged]
    ['text.json is missing or changed.']
    """
    path, found = Path(folder), Findings()
    try:
        if (path / SEAL).exists() or _read_json(path / META, dict).get("version") != UNSEALED:
            for name, whole in _seen_by_seal(path).items():
                found.file(whole, _advice(path, name))
        else:
            read(path)
            found.notes.append(f"{path} was built before stores had a seal; it can be read, and a change is not seen.")
    except NieError as error:
        found.damaged.append(str(error))
    return found


def _seen_by_seal(path: Path) -> dict[str, bool]:
    """Whether each file is as it was written; one that could be read and that the seal does not name is not."""
    known = _read_json(path / SEAL, dict)
    there = {found.relative_to(path).as_posix() for kind in ("*.npy", "*.json") for found in path.rglob(kind)}
    wrong = {*broken(path, known), *(there - known.keys() - {SEAL})}
    return {name: name not in wrong for name in sorted({*known, *wrong})}


def _advice(path: Path, name: str) -> str:
    return f"The store {path} is damaged, so build the dataset again: {shown(name)[1:-1]} is missing or changed."


def _read_channel(folder: Path, name: str) -> Channel:
    rows, mask = read_npy(folder / f"{name}.features.npy"), read_npy(folder / f"{name}.mask.npy")
    return Channel(rows.reshape(len(rows), -1), mask, rows.shape[1]) if rows.ndim == 3 else Channel(rows, mask)


def _write_json(path: Path, document: Any, indent: int | None = None) -> None:
    try:
        with path.open("w", encoding="utf-8") as stream:
            json.dump(document, stream, ensure_ascii=False, indent=indent)
    except (TypeError, ValueError, RecursionError) as error:  # an object, a circle, or half a letter of UTF-16
        raise NieError(
            f"What {path.name} is to hold cannot be written as JSON in UTF-8: {shown(str(error))}."
        ) from error


def _read_json(path: Path, kind: type) -> Any:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NieError(f"The file {path} is missing; build the dataset first.") from error
    except (ValueError, OSError, RecursionError) as error:
        raise NieError(f"The file {path} is truncated or not JSON; build the dataset again.") from error
    if not isinstance(document, kind):
        raise NieError(f"The file {path} holds a {type(document).__name__}, not a {kind.__name__}; build it again.")
    return document
