"""Which files of a dataset are damaged: its store, and the features that are kept beside it."""

from __future__ import annotations

from pathlib import Path

from nie.data.node_features.cache import check_cached
from nie.data.store import check
from nie.findings import Findings

STORE = "processed"


def is_dataset(folder: Path) -> bool:
    """Whether a folder is that of a dataset that was built."""
    return (folder / STORE).is_dir()


def check_dataset(folder: Path) -> Findings:
    """Compare every file of a dataset with the digest that it was written with.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> check_dataset(folder).damaged[0].endswith("meta.json is missing; build the dataset first.")
    True
    """
    store, cached = check(folder / STORE), check_cached(folder / "features")
    return Findings(store.whole + cached.whole, store.damaged + cached.damaged, store.notes + cached.notes)
