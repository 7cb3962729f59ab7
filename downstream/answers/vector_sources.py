"""Vectors of entities, for `downstream.answers.entity_alignment`: a file of ``nie export``, or features of a graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from downstream.answers.entity_alignment import NamedVectors
from nie.data import load
from nie.data.builders.table_file import table_rows
from nie.disk.array_file import read_npz
from nie.errors import NieError, nearest, shown
from nie.inputs.channels import named_features
from nie.settings.sections import FeaturesConfig

DRAWN = ("features", "fused", "structural")
"""The arrays of a file whose vectors may have begun with a random draw of their own."""


def vectors_from(source: str, channel: str | None = None, *, data_root: str | Path = "datasets") -> NamedVectors:
    """Read vectors.

    Args:
        source: an ``.npz`` file with ``names``, as ``nie export`` writes it; or ``DATASET:FEATURES``, such as
            ``fb15k:minilm``.
        channel: which array of the file; by default ``features``.
        data_root: folder of the datasets.

    Raises:
        NieError: the file or the features cannot be read.
    """
    if source.endswith(".npz"):
        arrays = read_npz(source)
        wanted = channel or "features"
        if "names" not in arrays or wanted not in arrays:
            tables = [name for name, array in arrays.items() if array.ndim == 2]
            known = ", ".join(arrays)
            raise NieError(
                f"{shown(source)} must hold names and {wanted!r}{nearest(wanted, tables)}; it holds {known}."
            )
        names, rows = arrays["names"], arrays[wanted]
        numbers = np.issubdtype(rows.dtype, np.floating) and not np.isinf(rows).any()
        if names.ndim != 1 or rows.ndim != 2 or len(rows) != len(names) or not numbers:
            raise NieError(
                f"{shown(source)}: {wanted} must have a row of finite numbers, or of nan, for each of the names; got "
                f"{rows.dtype} {rows.shape} and {len(names) if names.ndim else 'no'} names."
            )
        seed = arrays.get("seed") if wanted in DRAWN else None
        begun = int(seed) if seed is not None and seed.ndim == 0 and np.issubdtype(seed.dtype, np.integer) else None
        return NamedVectors(source, names.astype(str).tolist(), rows, begun)
    dataset, colon, wanted = source.partition(":")
    if not colon or not wanted or channel is not None:
        raise NieError(
            f"Vectors are a file that ends in .npz or DATASET:FEATURES, such as fb15k:minilm; got {shown(source)}"
            f"{'' if channel is None else ' with a channel, which only a file has'}."
        )
    kg = load(dataset, data_root)
    found = named_features(kg, wanted, FeaturesConfig(), data_root)
    rows = np.concatenate([np.where(part.mask[:, None], part.features, np.nan) for part in found], axis=1)
    return NamedVectors(source, kg.node_names, rows.astype(np.float32))


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Pairs of names, one a line, from a table of two columns.

    Raises:
        NieError: the file is missing, or a line has not two fields.
    """
    return [(fields[0], fields[1]) for _, fields in table_rows(path, 2)]
