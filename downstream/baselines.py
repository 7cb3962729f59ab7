"""Baselines without a neural network: PageRank, ridge regression, and gradient boosting on features.

Each one in `BASELINES` has the signature ``(BaselineInput) -> Prediction`` and looks at the labels of the fold's
training and validation nodes only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.isotonic import IsotonicRegression

from nie.data.graph import KnowledgeGraph
from nie.errors import NieError
from pretrain.cross_validation import Fold

Floats: TypeAlias = npt.NDArray[np.float64]

RIDGE_PENALTIES = 10.0 ** np.arange(-2, 7)  # on standardised features; the Gram matrix grows with the nodes
BOOSTING_ROUNDS = 300


@dataclass(frozen=True, eq=False)
class BaselineInput:
    """What a baseline may use.

    Attributes:
        kg: the graph.
        features: (N, d) float32, the channels side by side.
        targets: (N,) labels on the scale of the metrics; nan where unlabelled.
        fold: which labels may be fitted (train) and which may choose settings (val).
        seed: for methods that draw at random.

    Raises:
        NieError: a row missing, a feature that is not finite, or a training or validation node without a label.

    Example:
        >>> from nie.data.synthetic import synthetic
        >>> from pretrain.cross_validation import make_folds
        >>> kg = synthetic(0)
        >>> given = BaselineInput(kg, kg.channels["semantic"].features, kg.targets, make_folds(kg.label_mask)[0])
        >>> ridge_baseline(given).prediction.shape
        (300,)
    """

    kg: KnowledgeGraph
    features: npt.NDArray[np.float32]
    targets: Floats
    fold: Fold
    seed: int = 0

    def __post_init__(self) -> None:
        nodes = self.kg.num_nodes
        if self.features.ndim != 2 or len(self.features) != nodes or len(self.targets) != nodes:
            raise NieError(
                f"features {self.features.shape} and targets {self.targets.shape} need one row for each of the "
                f"graph's {nodes} nodes."
            )
        if not np.isfinite(self.features).all():
            raise NieError("The features contain nan or infinity; every node needs a finite feature row.")
        for part in ("train", "val"):
            ids = getattr(self.fold, part)
            if len(ids) == 0 or not np.isfinite(self.targets[ids]).all():
                raise NieError(f"Fold {self.fold.index}: every {part} node needs a finite label, and at least one.")


@dataclass(frozen=True, eq=False)
class Prediction:
    """Importance of all nodes.

    Attributes:
        score: (N,) raw score, for the ranking metrics.
        prediction: (N,) on the label scale, for RMSE and MedianAE.
    """

    score: Floats
    prediction: Floats


def pagerank(kg: KnowledgeGraph, *, damping: float = 0.85, tol: float = 1e-12, max_iterations: int = 1000) -> Floats:
    """PageRank of every node by power iteration on the directed graph (Page et al., 1999).

    ``x <- damping (A D^-1 x + (rank on nodes without out-edges) / N) + (1 - damping) / N``; relations are ignored
    and parallel edges count as often as they occur. Agrees with ``networkx.pagerank`` on the same multigraph.

    Args:
        kg: the graph; only ``num_nodes``, ``src`` and ``dst`` are read.
        damping: probability of following an edge, 0 <= damping < 1.
        tol: stops when the sum of absolute changes is below it; the error is then at most
            ``tol * damping / (1 - damping)``.
        max_iterations: 0.85 needs about 170.

    Returns:
        (N,) float64, positive, sums to 1.

    Raises:
        NieError: damping out of range, or no convergence.

    Example:
        >>> from types import SimpleNamespace
        >>> star = SimpleNamespace(num_nodes=3, src=np.array([0, 1]), dst=np.array([2, 2]))
        >>> pagerank(star).round(4)
        array([0.2128, 0.2128, 0.5745])
    """
    if not 0 <= damping < 1:
        raise NieError(f"damping is {damping}; it lies in [0, 1).")
    nodes = kg.num_nodes
    out_degree = np.bincount(kg.src, minlength=nodes)
    # Duplicate (dst, src) entries are added up by the sparse product, which is what multiplicity as weight means.
    step = csr_array((1.0 / out_degree[kg.src], (kg.dst, kg.src)), shape=(nodes, nodes))
    dangling = out_degree == 0
    rank: Floats = np.full(nodes, 1.0 / nodes)
    for _ in range(max_iterations):
        previous = rank
        rank = damping * (step @ rank + rank[dangling].sum() / nodes) + (1.0 - damping) / nodes
        rank = rank / rank.sum()
        if np.abs(rank - previous).sum() < tol:
            return rank
    raise NieError(
        f"PageRank did not converge in {max_iterations} iterations; use a damping below {damping} or a larger tol."
    )


@dataclass(frozen=True, eq=False)
class MonotoneScale:
    """A non-decreasing map from raw scores to the label scale, by isotonic regression.

    Linear between the knots, constant beyond the first and the last.

    Example:
        >>> scale = MonotoneScale.fit(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 6.0, 4.0, 8.0]))
        >>> scale(np.array([0.0, 1.5, 2.5, 9.0]))
        array([0. , 2.5, 5. , 8. ])
    """

    knots: Floats
    values: Floats

    @classmethod
    def fit(cls, score: Floats, target: Floats) -> MonotoneScale:
        """Fit by least squares to the (n,) raw scores and labels of the training nodes."""
        fitted = IsotonicRegression().fit(score, target)
        return cls(fitted.X_thresholds_, fitted.y_thresholds_)

    def __call__(self, score: Floats) -> Floats:
        """Map raw scores of any shape."""
        return np.interp(score, self.knots, self.values)


def pagerank_baseline(given: BaselineInput) -> Prediction:
    """PageRank (damping 0.85), mapped to the label scale by a monotone fit on the training nodes."""
    score = pagerank(given.kg)
    train = given.fold.train
    return Prediction(score, MonotoneScale.fit(score[train], given.targets[train])(score))


def ridge_baseline(given: BaselineInput) -> Prediction:
    """Ridge regression on the features, standardised on the training nodes.

    ``w = (X'X + alpha I)^-1 X'y`` with alpha from 0.01 to 10^6, the one with the least squared error on the
    validation nodes. One eigendecomposition of X'X serves all penalties.
    """
    fold, targets = given.fold, given.targets
    train = given.features[fold.train].astype(np.float64)
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation[deviation == 0] = 1.0  # a constant feature becomes 0 and takes no part
    train = (train - mean) / deviation
    centre = float(targets[fold.train].mean())
    values, vectors = np.linalg.eigh(train.T @ train)
    rotated = vectors.T @ (train.T @ (targets[fold.train] - centre))
    shrunk = rotated[:, None] / (values.clip(min=0)[:, None] + RIDGE_PENALTIES)  # (d, penalties)
    weights = (vectors @ shrunk) / deviation[:, None]
    val = (given.features[fold.val] - mean) @ weights + centre
    best = int(np.mean((val - targets[fold.val, None]) ** 2, axis=0).argmin())
    score = given.features @ weights[:, best] + (centre - mean @ weights[:, best])
    return Prediction(score, score)


def boosting_baseline(given: BaselineInput) -> Prediction:
    """Gradient-boosted trees on the features: the sceptic's baseline.

    scikit-learn's histogram boosting with its default settings and at most 300 rounds; the number of rounds is the
    one with the least squared error on the validation nodes.
    """
    fold, targets = given.fold, given.targets
    table = given.features
    model = HistGradientBoostingRegressor(max_iter=BOOSTING_ROUNDS, early_stopping=False, random_state=given.seed)
    model.fit(table[fold.train], targets[fold.train])
    errors = [np.mean((val - targets[fold.val]) ** 2) for val in model.staged_predict(table[fold.val])]
    score: Floats = next(islice(model.staged_predict(table), int(np.argmin(errors)), None))
    return Prediction(score, score)


BASELINES: dict[str, Callable[[BaselineInput], Prediction]] = {
    "pagerank": pagerank_baseline,
    "ridge": ridge_baseline,
    "boosting": boosting_baseline,
}
