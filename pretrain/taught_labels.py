"""The labels that stage 1 learns: those of a fold's training nodes, and at all others what finished runs predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from nie.arrays import Floats
from nie.runs.run import read_run
from pretrain.cross_validation import Fold, check_finished
from pretrain.inputs import NodeInputs
from pretrain.label_scale import label_scale, learned_labels
from pretrain.licap_settings import LicapConfig

STAGE_OF_TEACHERS = "downstream"


def labels_to_learn(config: LicapConfig, inputs: NodeInputs, fold: Fold) -> tuple[Fold, Floats]:
    """The nodes whose labels an encoder learns, as the training nodes of a fold, and (N,) labels on the learned scale.

    Without ``teachers`` these are the fold and its labels. With teachers every node is learned: a training node has its
    label, any other the mean of what the teachers predict, a pseudo-label (Lee, "Pseudo-Label: The Simple and Efficient
    Semi-Supervised Learning Method", 2013). Teachers were trained on the same fold, so that no label of a validation or
    test node is learned by way of them.

    Raises:
        NieError: a run is no stage-2 run, has not finished the fold, or is of another dataset or fold.
    """
    given = learned_labels(config.learned_labels, inputs, fold)
    if not config.teachers:
        return fold, given

    def made() -> Floats:
        scale = label_scale(config.learned_labels, inputs, fold)
        taught = scale.forward(np.mean(_predictions(config.teachers, inputs, fold), axis=0))
        taught[fold.train] = given[fold.train]
        return taught

    labels = inputs.once(("taught labels", config.teachers, config.learned_labels, fold.digest), made)
    return replace(fold, train=np.arange(len(labels))), labels


def _predictions(folders: Sequence[str], inputs: NodeInputs, fold: Fold) -> list[Floats]:
    """(N,) of each run."""
    predictions = []
    for folder in folders:
        run = read_run(Path(folder), STAGE_OF_TEACHERS)
        check_finished("teach", run, inputs.kg, fold)
        predictions.append(run.predictions(fold.index, inputs.kg.num_nodes))
    return predictions
