"""Gradient boosting by LightGBM, which the extra ``boosting`` installs."""

from __future__ import annotations

from typing import Any

import torch

from downstream.methods.baselines import FoldData, Predictor
from downstream.methods.fitted import Fitted
from downstream.methods.fold_work import FoldWork
from downstream.methods.tabular_settings import LightGBMModel
from nie.extras import Package, require, require_all

LIGHTGBM = Package("lightgbm", "boosting")


def check_lightgbm(_work: FoldWork) -> None:
    """Raise unless LightGBM is installed.

    Raises:
        NieError: it is not.
    """
    require_all([LIGHTGBM])


def lightgbm_baseline(given: FoldData, settings: LightGBMModel) -> Fitted:
    """Gradient-boosted trees by LightGBM (Ke et al., NeurIPS 2017) on the features.

    It stops when the squared error on the validation nodes has not become smaller for ``settings.patience`` rounds, and
    keeps the rounds up to its least value. The same seed and number of threads give the same trees.

    Raises:
        NieError: the extra ``boosting`` is not installed.
    """
    model = _trained(given, settings)
    score = model.predict(given.features, num_iteration=model.best_iteration)
    return Fitted(score, score, facts={"rounds": int(model.best_iteration)})


def fitted_lightgbm(given: FoldData, settings: LightGBMModel) -> Predictor:
    """The trees of `lightgbm_baseline`."""
    model = _trained(given, settings)
    return lambda rows: model.predict(rows, num_iteration=model.best_iteration)


def _trained(given: FoldData, settings: LightGBMModel) -> Any:
    lightgbm = require(LIGHTGBM.module, LIGHTGBM.extra)
    fold, targets = given.fold, given.targets
    train = lightgbm.Dataset(given.features[fold.train], targets[fold.train])
    val = train.create_valid(given.features[fold.val], targets[fold.val])
    parameters = {
        "objective": "regression",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.min_samples,
        "lambda_l2": settings.l2,
        "feature_fraction": settings.split_share,
        "bagging_fraction": settings.node_share,
        "bagging_freq": 1,
        "seed": given.seed,
        "num_threads": torch.get_num_threads(),
        "deterministic": True,
        "force_col_wise": True,  # what deterministic asks for; else the faster layout is found by trying
        "verbosity": -1,
    }
    stop = lightgbm.early_stopping(settings.patience, verbose=False)
    return lightgbm.train(parameters, train, settings.rounds, valid_sets=[val], callbacks=[stop])
