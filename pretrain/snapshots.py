"""Stage 1 on what was known of a graph on earlier days, and what the encoder of one day leaves to that of the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from nie.arrays import Array, Ints
from nie.errors import NieError
from nie.models import PreGAT
from pretrain.cross_validation import Fold
from pretrain.inputs import NodeInputs
from pretrain.licap_settings import LicapConfig


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What was known on a day.

    Attributes:
        date: the day.
        inputs: the graph at its end, with the features that nodes have today.
        fold: the fold's nodes that had a label then.
        known: (n,) the nodes that had a fact or a label then.
    """

    date: str
    inputs: NodeInputs
    fold: Fold
    known: Ints


@dataclass(frozen=True, eq=False)
class Earlier:
    """What was trained on the snapshot before: the encoder, its (N, d) embedding, and the (n,) nodes known then."""

    model: PreGAT
    embedding: Array
    known: Ints


def snapshots_of(config: LicapConfig, inputs: NodeInputs, fold: Fold) -> Iterator[Snapshot]:
    """The snapshots that ``config.snapshots`` names, the earliest first.

    Raises:
        NieError: the graph has no dates, or no training node of the fold had a label on such a day.
    """
    for date in config.snapshots.dates:
        then = inputs.kg.until(date)
        labelled = then.label_mask
        known = Fold(fold.index, *(nodes[labelled[nodes]] for nodes in (fold.train, fold.val, fold.test)))
        if not len(known.train):
            raise NieError(
                f"No training node of fold {fold.index} had a label on {date}, the day of snapshots.dates; name a "
                "later one."
            )
        of_facts = np.union1d(then.src, then.dst)
        yield Snapshot(
            date, replace(inputs, kg=then, _made={}), known, np.union1d(of_facts, np.flatnonzero(labelled)),
        )  # fmt: skip
