"""What the report page of a job says, as plain data: no plotting library and no template is needed for it."""

from __future__ import annotations

import datetime
import math
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from downstream.answers.coverage import coverage_table
from downstream.answers.node_scores import NodeScores, number_text
from downstream.metrics.importance import median_ae
from downstream.metrics.registry import METRICS, title
from downstream.reports.page import Table
from downstream.reports.results import Results
from downstream.reports.tables import cell, measured_rows
from nie.arrays import Bools, Floats, Ints
from nie.data import KnowledgeGraph
from nie.extras import installed_version
from nie.foreign import one_line, without_password
from nie.rank_correlation import spearman
from nie.runs.run import Run

MOST_RANKED = 5_000
"""Nodes in the ranking of the page, so that it opens at once."""
MOST_ROWS = 15
"""Rows of tables of types and relations."""
LEAST_TO_RANK = 20
"""Nodes of a group from which a rank correlation says something."""
DEGREES = (0, 1, 3, 10, 30, 100, 300, 1000)
"""The least number of edges of each group of nodes."""

PACKAGES = {"nie": "nie", "torch": "torch", "DGL": "dgl"}
"""Whose versions the page names, by what they are called."""

IN_WORDS = {
    "rmse": "RMSE is the root of the mean squared error on the scale of the labels; large errors count most.",
    "medianae": "MedianAE is the error that half of the nodes stay below, on the scale of the labels.",
    "spearman": "SPEARMAN compares the predicted order with the true one: 1 is the same order, 0 is chance.",
    "ndcg": "NDCG@k is the importance found at the top k, as a share of what could be there: 1 is all of it.",
    "over": "OVER@k is the share of the k nodes at the top that belong there.",
}
"""Metrics for whoever has not met them, by what their names begin with."""


def report_facts(
    *, command: str, kg: KnowledgeGraph, runs: Mapping[str, Run], chosen: Run, scores: NodeScores,
    remarks: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Collect what the report page says.

    Args:
        command: that made the runs, as it was typed.
        kg: the graph.
        runs: the runs of the job by the name of their row, ``chosen`` among them.
        chosen: the run whose scores are shown.
        scores: what `downstream.answers.node_scores.score_nodes` made of it.
        remarks: sentences on the job, such as which methods were not run for want of time.

    Returns:
        ``name``, ``summary`` (three sentences), ``ranking`` (what the page's list is made of), ``interval`` (its
        coverage in words; "" where there is none), ``coverage`` (a table; None where there are no intervals),
        ``errors``, ``methods``, ``graph`` and ``holdings`` (tables), ``warnings`` (sentences), and ``made`` (where the
        page comes from).
    """
    results = Results.of(runs)
    row = next(name for name, run in runs.items() if run.path == chosen.path)
    tested = np.flatnonzero(scores.held_out & kg.label_mask)
    covered = None if scores.intervals is None else coverage_table(scores.intervals, scores.coverage)
    return {
        "name": kg.name,
        "chosen": row,
        "summary": [_asked(kg), _came_out(results, row, kg), _score_in_words(kg, len(tested))],
        "ranking": _ranking(scores, kg),
        "interval": f"{100 * scores.coverage:.4g} % interval" if covered else "",
        "coverage": covered,
        "errors": [errors_by_type(scores, kg, tested), errors_by_degree(scores, kg, tested)],
        "methods": _methods(results),
        "graph": _graph(kg),
        "holdings": [_types(scores, kg), _relations(kg)],
        "warnings": [*scores.remarks().values(), *remarks],
        "made": _made(command, chosen),
    }


def _asked(kg: KnowledgeGraph) -> str:
    return (
        f"{kg.name} has {kg.num_nodes:,} nodes and {kg.num_edges:,} edges of {kg.num_relations:,} relations; "
        f"{kg.label_mask.sum():,} nodes came with their {_label(kg)}, from which the importance of all was learned."
    )


def _came_out(results: Results, row: str, kg: KnowledgeGraph) -> str:
    """The chosen method and what its test figures mean."""
    figures = []
    if results.summary(row, "spearman")["mean"] is not None:
        figures.append(
            f"its order agrees with the true one to SPEARMAN {cell(results, row, 'spearman')} (1 is the true order, "
            "0 is chance; higher is better)"
        )
    if (error := results.summary(row, "medianae")["mean"]) is not None:
        half = f"off by less than {error:.2g}"
        if kg.label_transform == "log1p":
            half = f"within a factor of {math.exp(error):.2g} of the truth"
        figures.append(
            f"half of its predictions are {half} (MedianAE {cell(results, row, 'medianae')}; lower is better)"
        )
    best = f"was chosen from {len(results.rows)} methods on validation nodes" if len(results.rows) > 1 else "was run"
    folds = len(results.folds(row))
    mean = f", as mean ± standard deviation over {folds} folds" if folds > 1 else ""
    found = ", and ".join(figures) or "no figure is defined"
    return f"The method {row} {best}; on test nodes, which it had not seen, {found}{mean}."


def _score_in_words(kg: KnowledgeGraph, tested: int) -> str:
    return (
        f"The score of a node is the {_label(kg)} that the method predicts for it, on the scale of what was given; "
        f"for {tested:,} nodes whose own is known it comes from a model that was not shown it, and they alone tell how "
        "good it is."
    )


def _label(kg: KnowledgeGraph) -> str:
    return str(kg.meta.get("label", "importance"))


def _ranking(scores: NodeScores, kg: KnowledgeGraph) -> dict[str, Any]:
    """The nodes at the top, each as a list in the order of ``columns``, with its type as a number among ``types``."""
    order = scores.order[:MOST_RANKED]
    types = [name for name, _ in Counter(scores.type[node] for node in order).most_common()]
    number = {name: place for place, name in enumerate(types)}
    lower, upper = scores.interval
    rows = [
        [
            one_line(scores.name[node], 200), _other_words(kg, node), number[scores.type[node]],
            _short(scores.score[node]), _short(lower[node]), _short(upper[node]),
            None if scores.extrapolated[node] else int(scores.rank[node]),
            int(scores.rank_in_type[node]), float(scores.known[node]) if kg.label_mask[node] else None,
            bool(scores.held_out[node]),
        ]
        for node in order
    ]  # fmt: skip
    return {
        "columns": ["node", "text", "type", "score", "lower", "upper", "rank", "rank_in_type", "known", "held_out"],
        "rows": rows,
        "types": [one_line(name, 100) for name in types],
        "total": len(scores.name),
    }


def _short(value: float) -> float | None:
    """A number with as many digits as the page needs; None for nan."""
    return None if math.isnan(value) else float(f"{value:.9g}")


def _other_words(kg: KnowledgeGraph, node: int) -> str:
    """The beginning of a node's text where it says more than its name."""
    text = kg.text[node] or ""
    return "" if text == kg.node_names[node] else one_line(text, 120)


def errors_by_type(scores: NodeScores, kg: KnowledgeGraph, tested: Ints) -> Table:
    """The errors of the tested nodes by their type, of the most frequent types."""
    types = np.array([scores.type[node] for node in tested], dtype=object)
    names = [name for name, _ in Counter(types.tolist()).most_common()]
    groups = {name: types == name for name in names[:MOST_ROWS]}
    if len(names) > MOST_ROWS:
        groups["all other types"] = ~np.isin(types, names[:MOST_ROWS])
    return _errors("Error by type", "type", groups, scores, kg, tested)


def errors_by_degree(scores: NodeScores, kg: KnowledgeGraph, tested: Ints) -> Table:
    """The errors of the tested nodes by how many edges they have."""
    degree = np.bincount(np.concatenate([kg.src, kg.dst]), minlength=kg.num_nodes)[tested]
    groups: dict[str, Bools] = {}
    for low, high in zip(DEGREES, [*DEGREES[1:], None], strict=True):
        last = "or more" if high is None else f"to {high - 1:,}"
        name = f"{low:,}" if high == low + 1 else f"{low:,} {last}"
        groups[name] = (degree >= low) & (True if high is None else degree < high)
    return _errors("Error by number of edges", "edges at the node", groups, scores, kg, tested)


def _errors(
    heading: str, what: str, groups: Mapping[str, Bools], scores: NodeScores, kg: KnowledgeGraph, tested: Ints
) -> Table:
    """Errors of groups of the tested nodes; empty groups are left out."""
    logarithmic = kg.label_transform == "log1p"
    predicted: Floats = np.log1p(scores.score[tested]) if logarithmic else scores.score[tested]
    truth, rows = kg.targets[tested], []
    for name, inside in groups.items():
        if not inside.any():
            continue
        error = median_ae(truth[inside], predicted[inside])
        order = spearman(truth[inside], predicted[inside]) if inside.sum() >= LEAST_TO_RANK else math.nan
        factor = [f"{math.exp(error):.2f}"] if logarithmic else []
        rows.append([name, f"{inside.sum():,}", f"{error:.3f}", *factor, "—" if math.isnan(order) else f"{order:.3f}"])
    scale = f"log(1 + {_label(kg)})" if logarithmic else _label(kg)
    headers = [
        what,
        "nodes",
        "median error ↓",
        *(["half are within a factor of ↓"] if logarithmic else []),
        "SPEARMAN ↑",
    ]
    return Table(
        heading, headers, rows,
        f"Nodes whose label the model had not seen; errors on the scale of {scale}. SPEARMAN is given from "
        f"{LEAST_TO_RANK} nodes on.",
    )  # fmt: skip


def _methods(results: Results) -> Table:
    """The table of all rows, with what is good and what the metrics are."""
    arrow = {True: " ↑", False: " ↓", None: ""}
    headers = [f"{title(metric)}{arrow[METRICS[metric].higher_is_better]}" for metric in results.metrics]
    places = {metric: results.places(metric) for metric in results.metrics}
    marks = {
        (line, column): place
        for line, name in enumerate(results.rows)
        for column, metric in enumerate(results.metrics, start=1)
        if (place := places[metric].get(name, 0)) in (1, 2)
    }
    known = [words for start, words in IN_WORDS.items() if any(name.startswith(start) for name in results.metrics)]
    note = "Test nodes; mean ± standard deviation over the folds. ↑ higher is better, ↓ lower is better. "
    return Table("Methods", ["method", *headers, "folds"], measured_rows(results), note + " ".join(known), marks)


def _graph(kg: KnowledgeGraph) -> list[tuple[str, str]]:
    """What the graph holds, in pairs of words and figures."""
    known = kg.labels[kg.label_mask]
    return [
        ("nodes", f"{kg.num_nodes:,}"),
        ("edges", f"{kg.num_edges:,}"),
        ("relations", f"{kg.num_relations:,}"),
        (f"nodes with {_label(kg)}", f"{len(known):,}, from {number_text(known.min())} to {number_text(known.max())}"),
        ("nodes with text", f"{sum(text is not None for text in kg.text):,}"),
        ("given features", ", ".join(sorted(kg.channels)) or "none"),
    ]


def _types(scores: NodeScores, kg: KnowledgeGraph) -> Table:
    count = Counter(scores.type)
    labelled = Counter(scores.type[node] for node in np.flatnonzero(kg.label_mask).tolist())
    rows = [[name, f"{number:,}", f"{labelled[name]:,}"] for name, number in count.most_common(MOST_ROWS)]
    return Table("Types", ["type", "nodes", f"with {_label(kg)}"], rows, _more(count))


def _relations(kg: KnowledgeGraph) -> Table:
    count = Counter(dict(enumerate(np.bincount(kg.etype, minlength=kg.num_relations).tolist())))
    rows = [[kg.relation_names[relation], f"{number:,}"] for relation, number in count.most_common(MOST_ROWS)]
    return Table("Relations", ["relation", "edges"], rows, _more(count))


def _more(shown: Iterable[object]) -> str:
    rest = len(list(shown)) - MOST_ROWS
    return f"and {rest:,} more" if rest > 0 else ""


def _made(command: str, chosen: Run) -> list[tuple[str, str]]:
    """Where the page comes from, in pairs of words and values."""
    versions = {"Python": platform.python_version()}
    versions |= {name: installed_version(package) or "unknown" for name, package in PACKAGES.items()}
    return [
        ("command", without_password(command)),
        ("date", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")),
        ("run", str(chosen.path)),
        ("seed", f"{chosen.config['seed']}; folds {chosen.config['folds']['seed']}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
