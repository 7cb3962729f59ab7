"""A ridge regression on features: a baseline, and the probe of how well an embedding orders nodes by importance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nie.arrays import Array, Floats
from nie.errors import NieError
from nie.inputs.column_scale import deviations
from nie.rank_correlation import spearman
from pretrain.cross_validation import Fold

PENALTIES = 10.0 ** np.arange(-2, 7)  # on standardised features; the Gram matrix grows with the nodes


def ridge(features: Array, targets: Floats, fold: Fold) -> Floats:
    """What `ridge_weights` predict: (N,), features times weights, and the constant."""
    weights, constant = ridge_weights(features, targets, fold)
    predicted: Floats = features @ weights + constant
    return predicted


def ridge_weights(features: Array, targets: Floats, fold: Fold) -> tuple[Floats, float]:
    """Ridge regression on the features, standardised on the training nodes.

    ``w = (X'X + alpha I)^-1 X'y`` with alpha from 0.01 to 10^6, the one with the least squared error on the
    validation nodes. One eigendecomposition of X'X serves all penalties.

    Args:
        features: (N, d) of all nodes.
        targets: (N,) labels; read at the fold's training and validation nodes only.
        fold: which nodes are fitted and which choose.

    Returns:
        (d,) weights of the features as they are, and what is added to them.
    """
    train = features[fold.train].astype(np.float64)
    mean, deviation = train.mean(axis=0), deviations(train)
    train = (train - mean) / deviation
    centre = float(targets[fold.train].mean())
    values, vectors = np.linalg.eigh(train.T @ train)
    rotated = vectors.T @ (train.T @ (targets[fold.train] - centre))
    shrunk = rotated[:, None] / (values.clip(min=0)[:, None] + PENALTIES)  # (d, penalties)
    weights = (vectors @ shrunk) / deviation[:, None]
    val = (features[fold.val] - mean) @ weights + centre
    best = int(np.mean((val - targets[fold.val, None]) ** 2, axis=0).argmin())
    return weights[:, best], centre - mean @ weights[:, best]


def probe_of(targets: Floats, fold: Fold) -> Callable[[Array], float]:
    """The probe of a fold: ``(embedding) -> Spearman on its validation nodes`` of a `ridge` on its training nodes.

    Raises:
        NieError: the validation labels cannot order anything.

    Example:
        >>> from nie.data import synthetic
        >>> from pretrain.cross_validation import make_folds
        >>> kg = synthetic(0)
        >>> probe = probe_of(kg.targets, make_folds(kg.label_mask)[0])
        >>> -1 <= probe(kg.channels["semantic"].features) <= 1
        True
    """
    labels = targets[fold.val]
    if len(np.unique(labels)) < 2:
        raise NieError(
            f"The {len(labels)} validation labels of fold {fold.index} are all equal, so that no probe can choose an "
            "epoch; use select contrast, or give more labels."
        )
    return lambda embedding: spearman(labels, ridge(embedding, targets, fold)[fold.val])
