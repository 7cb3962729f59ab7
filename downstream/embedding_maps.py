"""Embeddings before and after LICAP pretraining: how near in them are nodes of like importance?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsRegressor
from tabulate import tabulate

from downstream import figures
from downstream.jobs import Runner
from nie.atomic import atomic_file
from nie.config import LicapConfig
from nie.progress import log
from pretrain.binning import finer_bins
from pretrain.embeddings import read_embeddings
from pretrain.inputs import standardized
from pretrain.licap import contrast_sets

Array = np.ndarray[Any, Any]
MOST_NODES = 1500
NEIGHBOURS = 10
PARTS = ("train", "test")
QUESTION = "What does LICAP pretraining do to the embeddings?"


def write_maps(folder: Path, command: str, licap: LicapConfig, runner: Runner) -> str:
    """Draw t-SNE maps of one fold's training and test nodes, and measure neighbourhoods; return the Markdown.

    The number beside a map is the Spearman correlation of a node's label with the mean label of its 10 nearest
    *training* nodes, in the full embedding: what a map can only suggest.

    Args:
        folder: where ``table.md``, ``train.*`` and ``test.*`` are written.
        command: what made it.
        licap: settings of the pretraining; its first fold is shown.
        runner: how it runs.
    """
    (run,) = runner.run([licap])
    inputs = runner.inputs(licap)
    fold = inputs.folds[licap.folds.run[0]]
    targets, border = inputs.kg.targets, contrast_sets(licap, inputs.kg.targets, fold).border
    spaces = {
        f"{name}, {when}": array
        for name, embedding in read_embeddings(run.path, inputs.kg, fold).items()
        for when, array in (("features", standardized(inputs.channels[name])), ("LICAP", embedding.features))
    }
    rows, drawn = [], {}
    for part in PARTS:
        ids = getattr(fold, part)
        shown = np.random.default_rng(licap.seed).permutation(ids)[:MOST_NODES]
        labels = targets[shown]
        bins = np.zeros(len(shown))
        bins[labels >= border] = 1 + finer_bins(labels[labels >= border], border, licap.loss.width)[0]
        maps = {}
        for name, space in spaces.items():
            log.info("t-SNE of %s, %d %s nodes", name, len(shown), part)
            maps[name] = _map(space[shown], licap.seed)
            rows.append([name, part, f"{_neighbour_agreement(space, targets, fold.train, ids):.4f}", len(ids)])
        drawn[part] = figures.embedding_maps(maps, labels, bins)
    figures.write_figures(folder, drawn)
    headers = ["space", "nodes", "SPEARMAN of label and 10 nearest training nodes", "n"]
    text = (
        f"# {QUESTION}\n\n{licap.dataset}, fold {fold.index}:\n\n```bash\n{command}\n```\n\n"
        f"{tabulate(rows, headers, tablefmt='github', disable_numparse=True)}\n\n"
        f"Maps (`train.png`, `test.png`): t-SNE of {MOST_NODES} nodes at most; bin 0 is below the top bin's border, "
        "the others are LICAP's finer bins.\n"
    )
    with atomic_file(folder / "table.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    return text


def _map(points: Array, seed: int) -> Array:
    """t-SNE (van der Maaten and Hinton, 2008) of the first 50 principal components."""
    reduced = PCA(min(50, *points.shape), random_state=seed).fit_transform(points)
    made: Array = TSNE(perplexity=min(30, len(points) / 4), init="pca", random_state=seed).fit_transform(reduced)
    return made


def _neighbour_agreement(space: Array, targets: Array, train: Array, ids: Array) -> float:
    """Spearman of the labels of ``ids`` and the mean label of their nearest other training nodes, by cosine."""
    model = KNeighborsRegressor(NEIGHBOURS + 1, metric="cosine").fit(space[train], targets[train])
    near = model.kneighbors(space[ids], return_distance=False)
    means = [float(np.mean(list(_others(targets, train[row], own)))) for own, row in zip(ids, near, strict=True)]
    return float(spearmanr(targets[ids], means).statistic)


def _others(targets: Array, neighbours: Array, own: int) -> Iterator[float]:
    """Labels of the nearest neighbours but the node itself."""
    yield from targets[neighbours[neighbours != own][:NEIGHBOURS]]
