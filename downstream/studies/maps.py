"""Embeddings before and after LICAP pretraining: how near to each other are nodes of like importance?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

from downstream.metrics.registry import title
from downstream.reports import figure_files, figures
from downstream.reports.page import Table, write_markdown, write_page, write_text
from downstream.reports.tables import csv_text
from downstream.stages.runner import Runner
from downstream.studies.settings import Settings
from nie.arrays import Array
from nie.progress import log
from pretrain.binning import finer_bins
from pretrain.contrast_sets import contrast_sets
from pretrain.embeddings import read_embeddings

MOST_NODES = 1500
NEIGHBOURS = 10
PARTS = ("train", "test")


def write_maps(
    settings: Settings, *, question: str, runner: Runner, folder: Path, command: str, report_only: bool
) -> str:
    """Draw t-SNE maps of one fold's training and test nodes, and measure neighbourhoods; return the Markdown.

    The number beside a map is the Spearman correlation of a node's label with the mean label of its 10 nearest
    *training* nodes, in the full embedding: what a map can only suggest.

    Args:
        settings: of the dataset; the first fold of its pretraining is run and shown.
        question: of the study.
        runner: how it runs.
        folder: where ``table.md``, ``table.csv``, ``report.html``, ``train.*`` and ``test.*`` are written.
        command: what made it.
        report_only: run no pretraining.

    Raises:
        NieError: with ``report_only``, the pretraining is not finished.
    """
    licap = settings.licap()
    licap = licap.on_folds(licap.folds.run[0])
    if not report_only:
        runner.run([licap])
    inputs = runner.inputs(licap)
    fold, targets = inputs.folds[licap.folds.run[0]], inputs.kg.targets
    border = contrast_sets(licap, inputs, fold).border
    spaces: dict[str, Array] = {}
    for name, embedding in read_embeddings(runner.path(licap), inputs.kg, fold).items():
        given = inputs.tensor(inputs.channels[name])
        spaces |= {f"{name}, features": given.cpu().numpy(), f"{name}, LICAP": embedding.features}
    rows, drawn = [], {}
    for part in PARTS:
        ids = getattr(fold, part)
        shown = np.random.default_rng(licap.seed).permutation(ids)[:MOST_NODES]
        maps = {}
        for name, space in spaces.items():
            log.info("t-SNE of %s, %d %s nodes", name, len(shown), part)
            maps[name] = _map(space[shown], licap.seed)
            rows.append([name, part, f"{_neighbour_agreement(space, targets, fold.train, ids):.4f}", str(len(ids))])
        drawn[part] = figures.embedding_maps(maps, targets[shown], _bins(targets[shown], border, licap.loss.width))
    note = (
        f"Maps: t-SNE of {MOST_NODES} nodes at most; bin 0 is below the top bin's border, the others are LICAP's finer "
        f"bins. Fold {fold.index}; LICAP has seen the labels of the training nodes."
    )
    headers = ["space", "nodes", f"{title('spearman')} of label and 10 nearest training nodes", "n"]
    tables = [Table("Neighbourhoods", headers, rows, note)]
    write_text(folder / "table.csv", csv_text(["space", "nodes", "spearman", "n"], rows))
    write_page(folder, question, licap.dataset, command, tables, figure_files.write_figures(folder, drawn))
    return write_markdown(folder, question, licap.dataset, command, tables)


def _bins(labels: Array, border: float, width: float) -> Array:
    """0 below the border, 1 + the finer bin above it."""
    bins, top = np.zeros(len(labels)), labels >= border
    if top.any():
        bins[top] = 1 + finer_bins(labels[top], border, width)[0]
    return bins


def _map(points: Array, seed: int) -> Array:
    """t-SNE (van der Maaten and Hinton, 2008) of the first 50 principal components; a point where all are the same."""
    if np.ptp(points, axis=0).max() == 0:  # t-SNE would crash the process
        return np.zeros((len(points), 2))
    reduced = PCA(min(50, *points.shape), random_state=seed).fit_transform(points)
    made: Array = TSNE(perplexity=min(30, len(points) / 4), init="pca", random_state=seed).fit_transform(reduced)
    return made


def _neighbour_agreement(space: Array, targets: Array, train: Array, ids: Array) -> float:
    """Spearman of the labels of ``ids`` and the mean label of their nearest other training nodes, by cosine."""
    index = NearestNeighbors(n_neighbors=min(NEIGHBOURS + 1, len(train)), metric="cosine").fit(space[train])
    near = train[index.kneighbors(space[ids], return_distance=False)]
    means = [targets[row[row != own][:NEIGHBOURS]].mean() for own, row in zip(ids, near, strict=True)]
    return float(spearmanr(targets[ids], means).statistic)
