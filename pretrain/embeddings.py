"""Pretrained embeddings and the fold that they are bound to.

An embedding that was trained with the labels of fold k may only ever meet fold k downstream: it carries the digest of
its fold and of its dataset, and reading it for any other is refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nie.data import Channel, KnowledgeGraph
from nie.disk.array_file import read_npy
from nie.errors import NieError
from nie.runs.run import Run, read_run
from pretrain.cross_validation import Fold, binding
from pretrain.licap_settings import LicapConfig


def read_embeddings(path: str | Path, kg: KnowledgeGraph, fold: Fold) -> dict[str, Channel]:
    """Read the embeddings by channel that a run of LICAP pretraining made for ``fold`` of ``kg``.

    Raises:
        NieError: there are none, or they belong to another dataset or fold.
    """
    run = read_run(path, LicapConfig.stage)
    if not run.is_done(fold.index):
        raise NieError(
            f"The pretrained run {path} has no finished fold {fold.index}; run 'nie pretrain' with --folds.run "
            f"{fold.index} first."
        )
    metrics = run.metrics(fold.index)
    found, wanted = metrics.get("binding", {}), binding(kg, fold)
    for key, what in (("dataset", "dataset"), ("dataset_sha256", "version of the dataset"), ("fold_sha256", "fold")):
        if found.get(key) != wanted[key]:
            raise NieError(
                f"The pretrained run {path} belongs to another {what} "
                f"({str(found.get(key))[:12]}, not {wanted[key][:12]}), so that its embeddings would leak labels here; "
                f"'nie pretrain --recipe {run.path / 'config.yaml'}' on this graph and these folds makes one that fits."
            )
    channels = metrics.get("channels")
    if not channels:  # without any, the raw features would be read in their place
        raise run.damaged(run.fold_path(fold.index) / "metrics.json", fold.index)
    return {name: _read_embedding(run, fold.index, name, kg.num_nodes) for name in channels}


def _read_embedding(run: Run, fold: int, name: str, num_nodes: int) -> Channel:
    path = run.file(fold, f"{name}/embeddings.npy")
    try:
        array = read_npy(path)
    except NieError as error:
        raise run.damaged(path, fold) from error
    if array.ndim != 2 or len(array) != num_nodes:
        raise NieError(f"{path} must have {num_nodes} rows, one for each node; got the shape {array.shape}.")
    return Channel(array, np.ones(num_nodes, dtype=bool))
