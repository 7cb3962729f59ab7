"""Methods without a neural network: PageRank on the graph; linear models and trees on the features.

Each is a function of a `FoldData` and looks at the labels of the fold's training and validation nodes only;
``ppr-published`` alone does as its paper did and looks at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression

from downstream.methods.fitted import Fitted
from downstream.methods.fold_work import FoldWork
from downstream.methods.signal_settings import LABEL
from downstream.methods.tabular_settings import BoostingModel, ForestModel
from nie.arrays import Floats, Floats32, Ints
from nie.data.graph import KnowledgeGraph
from nie.data.har import RESTART, har_scores
from nie.data.pagerank import pagerank
from nie.errors import NieError
from pretrain.cross_validation import Fold, fold_seed
from pretrain.probe import ridge, ridge_weights

Predictor: TypeAlias = Callable[[Floats32], Floats]
"""From the rows (M, d) of a table to scores (M,)."""


@dataclass(frozen=True, eq=False)
class FoldData:
    """What a baseline may use.

    Attributes:
        kg: the graph.
        features: (N, d) float32, the channels side by side.
        targets: (N,) labels on the scale that is learned; nan where unlabelled.
        fold: which labels may be fitted (train) and which may choose settings (val).
        seed: for methods that draw at random.
        widths: how many of the d columns each feature has; by default they are one feature.

    Raises:
        NieError: a row missing, a feature that is not finite, or a training or validation node without a label.

    Example:
        >>> from nie.data.synthetic_graph import synthetic
        >>> from pretrain.cross_validation import make_folds
        >>> kg = synthetic(0)
        >>> given = FoldData(kg, kg.channels["semantic"].features, kg.targets, make_folds(kg.label_mask)[0])
        >>> ridge_baseline(given).prediction.shape
        (300,)
    """

    kg: KnowledgeGraph
    features: Floats32
    targets: Floats
    fold: Fold
    seed: int = 0
    widths: tuple[int, ...] = ()

    @classmethod
    def of(cls, work: FoldWork) -> FoldData:
        """The input for a fold; for a method that reads no features, these have 0 columns."""
        kg, fold = work.inputs.kg, work.fold
        columns = [feature.features for features in work.channels.values() for feature in features]
        features = np.concatenate(columns, axis=1) if columns else np.empty((kg.num_nodes, 0), dtype=np.float32)
        widths = tuple(one.shape[1] for one in columns)
        return cls(kg, features, work.learned, fold, fold_seed(work.config.seed, fold.index), widths)

    def without_test_labels(self) -> FoldData:
        """The same, with the labels of training and validation nodes alone, in the graph and its signals, too.

        A function of a user's own is given this: what it cannot see, it cannot learn by mistake.
        """
        kg, told = self.kg, np.zeros(self.kg.num_nodes, dtype=bool)
        told[np.concatenate([self.fold.train, self.fold.val])] = True
        of_label = (LABEL, kg.meta.get("label"))
        signals = {
            name: np.where(told, values, np.nan) if name in of_label else values for name, values in kg.signals.items()
        }
        shown = replace(kg, labels=np.where(told, kg.labels, np.nan), label_mask=kg.label_mask & told, signals=signals)
        return replace(self, kg=shown, targets=np.where(told, self.targets, np.nan))

    def __post_init__(self) -> None:
        nodes = self.kg.num_nodes
        if self.features.ndim != 2 or len(self.features) != nodes or len(self.targets) != nodes:
            raise NieError(
                f"features and targets must have a row for each of the graph's {nodes} nodes; got "
                f"{self.features.shape} and {self.targets.shape}."
            )
        if not np.isfinite(self.features).all():
            raise NieError("The features must be finite in every row; they contain nan or infinity.")
        if self.widths and sum(self.widths) != self.features.shape[1]:
            raise NieError(f"The widths {self.widths} of features must add up to {self.features.shape[1]} columns.")
        for part in ("train", "val"):
            ids = getattr(self.fold, part)
            if len(ids) == 0 or not np.isfinite(self.targets[ids]).all():
                raise NieError(f"Fold {self.fold.index} must have at least one {part} node, and each a finite label.")


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


def pagerank_baseline(given: FoldData) -> Fitted:
    """PageRank (damping 0.85), mapped to the label scale by a monotone fit on the training nodes."""
    return _on_label_scale(pagerank(given.kg), given)


def degree_baseline(given: FoldData) -> Fitted:
    """The number of edges of a node, whatever their direction, mapped to the label scale as PageRank is."""
    return _on_label_scale(_edges(given, given.kg.src) + _edges(given, given.kg.dst), given)


def in_degree_baseline(given: FoldData) -> Fitted:
    """The number of edges that end in a node, mapped to the label scale as PageRank is."""
    return _on_label_scale(_edges(given, given.kg.dst), given)


def _edges(given: FoldData, ends: Ints) -> Floats:
    return np.bincount(ends, minlength=given.kg.num_nodes).astype(np.float64)


def ppr_baseline(given: FoldData) -> Fitted:
    """Personalised PageRank that restarts at the *training* nodes, in proportion to their importance."""
    return _on_label_scale(pagerank(given.kg, personalization=_training_importance(given)), given)


def ppr_published_baseline(given: FoldData) -> Fitted:
    """Personalised PageRank as published: it restarts at the validation and test nodes too.

    It looks at the labels that it is tested on. It is here to show what that is worth, not to compare with.
    """
    return _on_label_scale(pagerank(given.kg, personalization=np.nan_to_num(given.kg.labels)), given)


def har_baseline(given: FoldData) -> Fitted:
    """The larger of a node's hub and authority scores (`nie.data.har.har_scores`), mapped as PageRank is.

    Its walks restart at the *training* nodes, in proportion to their importance. What restarts at a node itself is
    taken off its scores: else the map would learn from nodes that see their own labels, for nodes that have none.
    """
    known = _training_importance(given)
    scores = har_scores(given.kg, query=known)
    walked = np.maximum(scores.hub, scores.authority) - RESTART * known / known.sum()
    return _on_label_scale(walked, given)


def _training_importance(given: FoldData) -> Floats:
    """(N,) the importance of the training nodes, and 0 of all others."""
    known = np.zeros(given.kg.num_nodes)
    known[given.fold.train] = given.kg.labels[given.fold.train]
    return known


def _on_label_scale(score: Floats, given: FoldData) -> Fitted:
    train = given.fold.train
    return Fitted(score, MonotoneScale.fit(score[train], given.targets[train])(score))


def linear_baseline(given: FoldData) -> Fitted:
    """Least squares on the features, without a penalty: the LR of the papers."""
    score: Floats = _least_squares(given).predict(given.features.astype(np.float64))
    return Fitted(score, score)


def weights_of_linear(given: FoldData) -> tuple[Floats, float]:
    """The weights (d,) of `linear_baseline`, and what is added to them."""
    model = _least_squares(given)
    return model.coef_, float(model.intercept_)


def _least_squares(given: FoldData) -> Any:
    train = given.fold.train
    return LinearRegression().fit(given.features[train].astype(np.float64), given.targets[train])


def forest_baseline(given: FoldData, settings: ForestModel) -> Fitted:
    """Random forest on the features; by default each split tries sqrt(d) of the d features."""
    score = fitted_forest(given, settings)(given.features)
    return Fitted(score, score)


def fitted_forest(given: FoldData, settings: ForestModel) -> Predictor:
    """The forest of `forest_baseline`."""
    train = given.fold.train
    model = RandomForestRegressor(
        n_estimators=settings.trees,
        min_samples_leaf=settings.min_samples,
        max_features=settings.split_share or "sqrt",
        n_jobs=torch.get_num_threads(),
        random_state=given.seed,
    )
    model.fit(given.features[train], given.targets[train])
    model.set_params(n_jobs=1)  # threads would add the trees up in any order, which changes the last bits
    predict: Predictor = model.predict
    return predict


def ridge_baseline(given: FoldData) -> Fitted:
    """Ridge regression on the features; validation nodes choose the penalty (`pretrain.probe.ridge`)."""
    score = ridge(given.features, given.targets, given.fold)
    return Fitted(score, score)


def weights_of_ridge(given: FoldData) -> tuple[Floats, float]:
    """The weights (d,) of `ridge_baseline`, and what is added to them."""
    return ridge_weights(given.features, given.targets, given.fold)


def boosting_baseline(given: FoldData, settings: BoostingModel) -> Fitted:
    """Gradient-boosted trees on the features: the sceptic's baseline.

    scikit-learn's histogram boosting; the number of rounds is the one with the least squared error on the validation
    nodes.
    """
    score = fitted_boosting(given, settings)(given.features)
    return Fitted(score, score)


def fitted_boosting(given: FoldData, settings: BoostingModel) -> Predictor:
    """The trees of `boosting_baseline`."""
    fold, targets, features = given.fold, given.targets, given.features
    model = HistGradientBoostingRegressor(
        learning_rate=settings.learning_rate,
        max_iter=settings.rounds,
        max_leaf_nodes=settings.leaves,
        min_samples_leaf=settings.min_samples,
        l2_regularization=settings.l2,
        early_stopping=False,
        random_state=given.seed,
    )
    model.fit(features[fold.train], targets[fold.train])
    errors = [np.mean((val - targets[fold.val]) ** 2) for val in model.staged_predict(features[fold.val])]
    best = int(np.argmin(errors))
    return lambda rows: next(islice(model.staged_predict(rows), best, None))
