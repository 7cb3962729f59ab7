"""Which version of a graph it is, as runs know it: new triples, labels, texts or features are another one."""

from __future__ import annotations

import os
from pathlib import Path

from nie.data.datasets import is_own
from nie.data.graph import KnowledgeGraph
from nie.data.store import is_stored, kept_digests


def version_of(kg: KnowledgeGraph) -> dict[str, str]:
    """What tells versions of a graph apart, sha256 by name as a run's provenance has them.

    A graph of one's own is known by all its data, ``data_sha256``. A dataset of nie is known by structure and labels,
    ``dataset_sha256``, and its runs are named without either, because its raw files are the same for everybody.

    >>> from nie.data.synthetic_graph import synthetic
    >>> list(version_of(synthetic(0)))
    ['data_sha256']
    """
    return {"data_sha256": kg.data_digest} if is_own(kg.name) else {"dataset_sha256": kg.digest}


def stored_version(name: str, root: str | os.PathLike[str] = "datasets") -> dict[str, str] | None:
    """`version_of` the graph of that name as it is on the disk now; None where it is not there.

    Raises:
        NieError: its store is damaged.
    """
    folder = Path(root) / name / "processed"
    if not is_stored(folder):
        return None
    kept = kept_digests(folder)
    return {"data_sha256": kept["data_digest"]} if is_own(name) else {"dataset_sha256": kept["digest"]}
