"""Fixed folds over the labelled nodes, and the digest that ties everything made from a fold to that fold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nie.arrays import Bools, Floats, Ints
from nie.data import KnowledgeGraph
from nie.disk.atomic import atomic_file
from nie.errors import NieError
from nie.runs.run import Run
from nie.settings.sections import FoldsConfig
from nie.vocabulary import RemovedLabels


@dataclass(frozen=True, eq=False)
class Fold:
    """One split of the labelled nodes into training, validation and test nodes.

    Attributes:
        index: which fold of its set this is, from 0.
        train, val, test: sorted node ids, int64; pairwise disjoint.
    """

    index: int
    train: Ints
    val: Ints
    test: Ints

    @property
    def digest(self) -> str:
        """Sha256 (hex) of the three id lists, each with its name and length.

        An embedding pretrained with this fold's training labels carries it; a downstream run on a fold with another
        digest refuses the embedding. Computed anew each time, so it always tells what the arrays now hold.
        """
        sha = hashlib.sha256()
        for kind, ids in (("train", self.train), ("val", self.val), ("test", self.test)):
            sha.update(f"{kind}:{len(ids)}:".encode())
            sha.update(np.ascontiguousarray(ids, dtype="<i8").tobytes())
        return sha.hexdigest()


def write_split(folder: Path, fold: Fold) -> None:
    """Write the node ids of ``fold`` to ``split.npz``."""
    with atomic_file(folder / "split.npz") as temporary:
        np.savez(temporary, train=fold.train, val=fold.val, test=fold.test)


def folds_of(kg: KnowledgeGraph, asked: FoldsConfig) -> list[Fold]:
    """All folds of a graph, as settings ask for them; see `make_folds`."""
    return make_folds(kg.label_mask, labels=kg.labels, **asked.model_dump(exclude={"run"}))


def make_folds(
    label_mask: Bools, *, num_folds: int = 5, seed: int = 0, train_share: float = 1.0, labels: Floats | None = None,
    removed: RemovedLabels = "none", removed_share: float = 0.1,
) -> list[Fold]:  # fmt: skip
    """Split the labelled nodes into ``num_folds`` folds whose test sets partition them.

    The published rule (RGTN, LICAP): the labelled nodes, in id order, get the values
    ``u = RandomState(seed).permutation(linspace(0, 1, n))``. With k folds, fold f tests on the nodes with u in
    [f/k, (f+1)/k), validates on the next half window (for the last fold: the first one, [0, 1/(2k))) and trains on
    the rest: 70 % / 10 % / 20 % for k = 5. The windows are half-open, the last one closed. The published program
    uses closed windows, so a node exactly on a border is in two of its test sets; here it is in the later one only.

    Args:
        label_mask: (N,) bool, True where a node has an importance.
        num_folds: k, at least 2.
        seed: seed of the permutation; 0 gives the published folds.
        train_share: share of the training nodes of each fold that keep their labels, drawn at random. The nodes of a
            smaller share are among those of a larger one; validation and test nodes are the same at any share.
        labels: (N,) importance of the labelled nodes; read where ``removed`` is ``head`` or ``tail`` alone.
        removed: which training nodes lose their labels: ``head``, a random half of those with the largest labels;
            ``tail``, a random half of those with the smallest; ``random``, as many of all: the control.
        removed_share: share of the training nodes that lose them, which is half of the head or the tail.

    Raises:
        NieError: fewer than ``2 * num_folds`` labelled nodes, so that a validation set would be empty, or a share that
            leaves fewer than two training nodes.

    Example:
        >>> folds = make_folds(np.ones(20, dtype=bool))
        >>> [(len(fold.train), len(fold.val), len(fold.test)) for fold in folds]
        [(14, 2, 4), (14, 2, 4), (14, 2, 4), (14, 2, 4), (14, 2, 4)]
        >>> sorted(int(node) for fold in folds for node in fold.test) == list(range(20))
        True
    """
    if num_folds < 2:
        raise NieError(f"num_folds must be at least 2; got {num_folds}.")
    labelled = np.flatnonzero(label_mask).astype(np.int64)
    count, halves = len(labelled), 2 * num_folds
    if count < halves:
        raise NieError(
            f"num_folds = {num_folds} must have at least {halves} labelled nodes; got {count}, so give the scores of "
            "more nodes, or ask for fewer folds (folds.num_folds)."
        )
    # The same draw as permutation(linspace(0, 1, count)), kept as the integers rank = u * (count - 1): floor(2k * u)
    # is then exact, and no node moves across a border because 3 * 0.2 is not 0.6.
    rank = np.random.RandomState(seed).permutation(count)
    half = np.minimum(rank * halves // (count - 1), halves - 1)

    def training(fold: int) -> Ints:
        given = _share(labelled[(half // 2 != fold) & (half != (2 * fold + 2) % halves)], train_share, (seed, fold))
        return given if removed == "none" else _without(given, removed, removed_share, labels, (seed, fold))

    return [
        Fold(
            index=fold,
            train=training(fold),
            val=labelled[half == (2 * fold + 2) % halves],
            test=labelled[half // 2 == fold],
        )
        for fold in range(num_folds)
    ]


def _share(train: Ints, share: float, seed: tuple[int, int]) -> Ints:
    if share == 1:
        return train
    count = round(share * len(train))
    if count < 2:
        raise NieError(
            f"folds.train_share {share:g} leaves {count} of {len(train)} training nodes of fold {seed[1]}; it must "
            "leave at least 2."
        )
    return np.sort(np.random.default_rng(seed).permutation(train)[:count])


def _without(
    train: Ints, removed: RemovedLabels, share: float, labels: Floats | None, seed: tuple[int, int]
) -> Ints:  # fmt: skip
    """The training nodes without a share of them, of one end of the labels or of all."""
    count = round(share * len(train))
    if len(train) - count < 2:
        raise NieError(
            f"folds.removed_share {share:g} leaves {len(train) - count} of {len(train)} training nodes of fold "
            f"{seed[1]}; it must leave at least 2."
        )
    among = train
    if removed != "random":
        if labels is None:
            raise NieError(f"To remove the {removed} of the training nodes, their labels must be given.")
        ascending = train[np.argsort(labels[train], kind="stable")]
        among = ascending[: 2 * count] if removed == "tail" else ascending[max(len(train) - 2 * count, 0) :]
    return np.setdiff1d(train, np.random.default_rng((*seed, 1)).permutation(np.sort(among))[:count])


def binding(kg: KnowledgeGraph, fold: Fold) -> dict[str, str]:
    """The digests that bind an embedding to its fold and dataset."""
    return {"dataset": kg.name, "dataset_sha256": kg.digest, "fold_sha256": fold.digest}


def fold_seed(seed: int, fold: int) -> int:
    """A seed for one fold that no other fold of a run of the same seed shares."""
    return seed * 1000 + fold


def check_finished(verb: str, run: Run, kg: KnowledgeGraph, fold: Fold) -> None:
    """Raise unless a run has finished a fold of this graph.

    Args:
        verb: what is done with what it predicts, for messages.
        run: of stage 2.
        kg: the graph.
        fold: the fold.

    Raises:
        NieError: it has not finished the fold, or is of another dataset or fold.
    """
    if not run.is_done(fold.index):
        raise NieError(f"{run.path} has no finished fold {fold.index} to {verb}; run it first.")
    if run.metrics(fold.index).get("binding") != binding(kg, fold):
        raise NieError(f"{run.path} is of another dataset or fold; {verb} only with runs of the same.")
