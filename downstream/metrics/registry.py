"""Every metric once: its name, title and direction, and how and where it is defined.

Nothing here needs torch, and scipy is loaded when a metric is computed: settings, tables and ``nie --help`` read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy.typing as npt

from downstream.metrics.importance import median_ae, ndcg_at_k, over_at_k, rmse
from nie.errors import NieError, nearest
from nie.rank_correlation import checked_pair, spearman


@dataclass(frozen=True)
class Metric:
    """A metric and how to read it.

    Attributes:
        title: its name in reports.
        higher_is_better: direction, for early stopping and for tables; None where neither is better.
        function: (target, prediction) -> float; None for those that come in a group, as the figures of tiers do.
        ranks: whether it depends on the order of the predictions alone, so that a raw score serves as well.
        min_nodes: fewest nodes it is defined on.
        needs_different_labels: whether it is undefined where all labels are equal, as metrics that compare ranks are.
        of_tiers: a figure of the tiers of importance; undefined where the training labels are too few, or too equal, to
            make tiers.
        selectable: whether epochs and settings may be chosen by it.
    """

    title: str
    higher_is_better: bool | None
    function: Callable[[npt.ArrayLike, npt.ArrayLike], float] | None = None
    ranks: bool = False
    min_nodes: int = 1
    needs_different_labels: bool = False
    of_tiers: bool = False
    selectable: bool = False


_ranking = partial(Metric, ranks=True, selectable=True)
_of_tiers = partial(Metric, of_tiers=True)

TOP_K = (20, 50, 100, 200)
"""The k of NDCG@k, which k nodes suffice for, and of OVER@k, which is 1 for any order of k nodes and needs one more."""
RETRIEVAL_KS = (1, 10, 50)
"""The k of recall@k, when one channel of an entity looks for another."""

METRICS: dict[str, Metric] = {
    "rmse": Metric("RMSE", False, rmse, selectable=True),
    "medianae": Metric("MedianAE", False, median_ae, selectable=True),
    "spearman": _ranking("SPEARMAN", True, spearman, needs_different_labels=True),
    **{f"ndcg@{k}": _ranking(f"NDCG@{k}", True, partial(ndcg_at_k, k=k), min_nodes=k) for k in TOP_K},
    **{f"over@{k}": _ranking(f"OVER@{k}", True, partial(over_at_k, k=k), min_nodes=k + 1) for k in TOP_K},
    # Tiers of importance: `downstream.metrics.tiers`.
    "macro_f1": _of_tiers("macro-F1", True, selectable=True),
    "balanced_accuracy": _of_tiers("balanced accuracy", True, selectable=True),
    "top_precision": _of_tiers("top precision", True),
    "top_recall": _of_tiers("top recall", True),
    "calibration_error": _of_tiers("calibration error", False),
    # How the channels of a network agree: `downstream.metrics.channels`.
    **{f"recall@{k}": Metric(f"recall@{k}", True) for k in RETRIEVAL_KS},
    "mrr": Metric("MRR", True),
    "mrr over chance": Metric("MRR over chance", True),
    "median rank": Metric("median rank", False),
    "spread": Metric("spread", True),
    "cka": Metric("CKA", None),  # a similarity of channels is neither good nor bad
    # Link prediction: `downstream.stages.links.ranking`.
    **{f"hits@{k}": Metric(f"Hits@{k}", True) for k in (1, 3, 10)},
    "mrr, unseen entity": Metric("MRR, unseen entity", True),
    # Rotations that know nothing of their relation are there to compare with.
    **{f"mrr, {kind} rotation": Metric(f"MRR, {kind} rotation", None) for kind in ("random", "mean")},
}
"""Every figure that a finished run may have."""


def node_metrics() -> tuple[str, ...]:
    """The metrics that compare predictions of nodes with their labels; every run of stage 2 has those that are defined.

    >>> node_metrics()[:3]
    ('rmse', 'medianae', 'spearman')
    """
    return tuple(name for name, metric in METRICS.items() if metric.function is not None)


def title(name: str) -> str:
    """The title of a metric in a report; an unknown name is its own title.

    >>> title("macro_f1"), title("chance mrr")
    ('macro-F1', 'chance mrr')
    """
    return METRICS[name].title if name in METRICS else name


def evaluate(
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    names: Iterable[str] | None = None,
    *,
    ranking: npt.ArrayLike | None = None,
) -> dict[str, float]:
    """Compute the metrics ``names``; those whose k exceeds the number of nodes are absent from the result.

    Args:
        target: (n,) labels.
        prediction: (n,) predictions on the label scale.
        names: of `node_metrics`; default all.
        ranking: (n,) what the ranking metrics are computed on instead of ``prediction``: the raw score of a method
            whose predictions are a monotone fit, which ties nodes that the raw score tells apart.

    Raises:
        NieError: unknown name, lengths that differ, an empty list, nan or infinity.

    >>> evaluate([1.0, 2.0, 4.0], [1.0, 2.0, 3.0], ["spearman", "ndcg@100", "medianae"])
    {'spearman': 1.0, 'medianae': 0.0}
    """
    true, predicted = checked_pair(target, prediction)
    order = predicted if ranking is None else checked_pair(target, ranking)[1]
    result = {}
    for name in node_metrics() if names is None else names:
        function = METRICS[name].function if name in METRICS else None
        if function is None:
            known = node_metrics()
            raise NieError(f"There is no metric {name!r} of nodes{nearest(name, known)}; known: {', '.join(known)}.")
        if METRICS[name].min_nodes <= len(true):
            result[name] = function(true, order if METRICS[name].ranks else predicted)
    return result
