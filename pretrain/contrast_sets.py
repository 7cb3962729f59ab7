"""The nodes that LICAP contrasts on a fold: found from the labels that stage 1 learns, and drawn once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nie.arrays import Array
from nie.errors import NieError
from pretrain.binning import LabelBins, equal_count_bins, top_bins
from pretrain.contrast import num_steps
from pretrain.cross_validation import Fold, fold_seed
from pretrain.inputs import NodeInputs
from pretrain.licap_settings import ContrastConfig, LicapConfig
from pretrain.sampling import draw_non_top, random_bins
from pretrain.taught_labels import labels_to_learn


def contrast_sets(config: LicapConfig, inputs: NodeInputs, fold: Fold) -> LabelBins:
    """The top bin, the finer bins and the drawn non-top nodes of one fold, from the labels that are learned.

    Raises:
        NieError: the labels make no bins to contrast, or batches are too small for them.
    """
    loss, seed = config.loss, fold_seed(config.seed, fold.index)
    sets = (loss.sampling, loss.gamma, loss.width, loss.bins, loss.num_bins, config.learned_labels, config.teachers)

    def drawn() -> LabelBins:
        learned, labels = labels_to_learn(config, inputs, fold)
        return draw_sets(loss, labels, learned, seed)

    try:
        bins = inputs.once(("contrast sets", fold.digest, seed, *sets), drawn)
        if config.batch.size is not None:
            further = 0 if bins.ordered is bins.top else len(bins.ordered)
            num_steps(len(bins.top), len(bins.pool), config.batch.size, further)
    except NieError as error:
        raise NieError(f"Fold {fold.index} of {config.dataset}: {error}") from error
    return bins


def draw_sets(loss: ContrastConfig, targets: Array, fold: Fold, seed: int) -> LabelBins:
    """The same from the labels of all nodes, of which only those of the training nodes are read.

    Args:
        loss: LICAP's settings.
        targets: (N,) labels.
        fold: the nodes.
        seed: of the draws.

    Raises:
        NieError: the labels make no bins to contrast.
    """
    labels, rng = targets[fold.train], np.random.default_rng(seed)
    if loss.sampling == "random":
        bins = random_bins(labels, fold.train, rng, gamma=loss.gamma, width=loss.width)
    else:
        bins = top_bins(labels, fold.train, gamma=loss.gamma, width=loss.width)
    bins = replace(bins, pool=draw_non_top(bins.pool, rng))
    if loss.bins == "top":
        return bins
    ordered = bins.top if loss.bins == "top-quantiles" else fold.train
    return replace(bins, ordered=ordered, bin=equal_count_bins(targets[ordered], loss.num_bins), num_bins=loss.num_bins)
