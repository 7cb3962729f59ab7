"""Cross-fitted embeddings: each training node is embedded by an encoder that has not seen its label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nie.arrays import Array, Floats, Ints
from nie.errors import NieError
from pretrain.cross_validation import Fold, fold_seed
from pretrain.licap_settings import LicapConfig


def parts_of(config: LicapConfig, fold: Fold) -> list[tuple[Fold, Ints]]:
    """For each of ``cross_fit`` parts of the training nodes the fold without them, and the part; none without it.

    Raises:
        NieError: more parts than training nodes.

    >>> fold = Fold(0, np.arange(4), np.array([4]), np.array([5]))
    >>> [len(rest.train) for rest, _ in parts_of(LicapConfig(dataset="geo", cross_fit=2), fold)]
    [2, 2]
    """
    if config.cross_fit is None:
        return []
    if config.cross_fit > len(fold.train):
        raise NieError(
            f"cross_fit must be at most {len(fold.train)}, the number of training nodes of fold {fold.index}; got "
            f"{config.cross_fit}."
        )
    order = np.random.default_rng(fold_seed(config.seed, fold.index)).permutation(fold.train)
    parts = [np.sort(part) for part in np.array_split(order, config.cross_fit)]
    return [(replace(fold, train=np.setdiff1d(fold.train, part)), part) for part in parts]


def cross_fitted(
    whole: Array, parts: list[tuple[Fold, Ints]], embed: Callable[[Fold, int], Array], fold: Fold
) -> Array:  # fmt: skip
    """The embedding ``whole`` with each part's rows from the encoder that was trained without the part's labels.

    Two encoders give embeddings that differ by more than labels, because nothing fixes their axes. So each part's
    embedding is turned onto ``whole`` first, by the rotation that fits best on the nodes that no encoder has learned
    from (`rotation`).

    Args:
        whole: (N, d) of the encoder that was trained on all training nodes.
        parts: of `parts_of`.
        embed: ``(fold, number of the part) -> (N, d)`` of an encoder trained on that fold.
        fold: the whole fold.
    """
    made, unseen = whole.copy(), np.setdiff1d(np.arange(len(whole)), fold.train)
    for number, (rest, part) in enumerate(parts):
        own = embed(rest, number)
        made[part] = own[part] @ rotation(own[unseen], whole[unseen])
    return made


def rotation(source: Array, target: Array) -> Floats:
    """The orthogonal matrix Q of least ``||source Q - target||`` (orthogonal Procrustes, Schönemann, 1966).

    >>> turned = np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> np.allclose(rotation(np.eye(2), turned), turned)
    True
    """
    left, _, right = np.linalg.svd(source.T.astype(np.float64) @ target.astype(np.float64))
    return np.asarray(left @ right)
