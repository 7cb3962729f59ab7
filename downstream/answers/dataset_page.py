"""The statistics of a dataset as tables: in Markdown, or as one page that opens from disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from downstream.answers.dataset_facts import bars
from downstream.answers.node_scores import number_text
from downstream.answers.styled_page import styled_page
from downstream.reports.figure_files import in_any_light, inside_a_page, svg_text
from downstream.reports.figures import histograms
from downstream.reports.page import Table
from downstream.reports.tables import markdown_grid
from nie.foreign import markdown_text

MOST_RELATIONS = 20
"""Relations that are shown; JSON has all of them."""
PARTS = {"train": "training", "val": "validation", "test": "test"}


def dataset_text(facts: Mapping[str, Any]) -> str:
    """What `downstream.answers.dataset_facts.dataset_facts` found, in Markdown; histograms are bars of blocks."""
    paragraphs = [markdown_text(f"{facts['name']}: {_sentence(facts)}")]
    for table in (*_tables(facts), *_histograms(facts)):
        note = [markdown_text(table.note)] if table.note else []
        paragraphs += [f"## {markdown_text(table.heading)}", markdown_grid(table.headers, table.rows), *note]
    return "\n\n".join([*paragraphs, f"digest: {facts['digest']}"])


def dataset_page(facts: Mapping[str, Any]) -> str:
    """The same as a page of HTML with the histograms as pictures; names may hold anything, and are shown as text.

    Raises:
        NieError: the extra ``report`` is not installed.
    """
    drawn = histograms(facts["histograms"], _what(facts)) if facts["histograms"] else None
    return styled_page(
        "dataset_page.html.jinja",
        name=facts["name"],
        digest=facts["digest"],
        sentence=_sentence(facts),
        tables=list(_tables(facts)),
        figure="" if drawn is None else in_any_light(inside_a_page(svg_text(drawn))),
    )


def _sentence(facts: Mapping[str, Any]) -> str:
    labels = facts["labels"]
    labelled = f"{labels['nodes']:,} nodes ({labels['share']:.1%}) have their {labels['what']}" if labels else (
        "no node is labelled"
    )  # fmt: skip
    return (
        f"{facts['nodes']:,} nodes, {facts['edges']:,} edges ({facts['repeated_edges']:,} repeated, "
        f"{facts['loops']:,} from a node to itself), {len(facts['relations']):,} relations; {labelled}."
    )


def _tables(facts: Mapping[str, Any]) -> Iterator[Table]:
    if facts["labels"]:
        yield _labels(facts["labels"])
    columns = list(facts["degrees"]["in"])
    degrees = [[name, *(number_text(of[column]) for column in columns)] for name, of in facts["degrees"].items()]
    yield Table(
        "Edges at a node", ["edges", *columns], degrees, "The number of nodes with none, and of edges at a node."
    )
    found = [
        [name, f"{of['count']:,}", f"{of['largest']:,}", f"{of['single_nodes']:,}"]
        for name, of in facts["components"].items()
    ]
    yield Table("Components", ["connected", "components", "nodes of the largest", "of one node"], found)
    yield _channels(facts)
    if facts["signals"]:
        rows = [
            [name, f"{of['nodes']:,}", f"{of['missing']:,}", "—" if of["spearman"] is None else f"{of['spearman']:.3f}"]
            for name, of in facts["signals"].items()
        ]
        yield Table("Signals", ["signal", "nodes", "missing", "SPEARMAN with the label"], rows)
    if facts["held_out"]:
        splits = [[name, f"{count:,}"] for name, count in facts["held_out"].items()]
        yield Table("Held-out triples", ["split", "triples"], splits)
    if facts["labels"]:
        yield _folds(facts)
    yield _relations(facts["relations"])


def _labels(labels: Mapping[str, Any]) -> Table:
    scales = labels["statistics"]
    columns = list(next(iter(scales.values())))
    rows = [
        [name, *("—" if of[column] is None else number_text(of[column]) for column in columns)]
        for name, of in scales.items()
    ]
    note = f"{labels['different']:,} different labels, {labels['zero']:,} nodes with 0; used as {labels['used_as']}."
    if labels["top_1_percent_have"] is not None:
        note += f" The top 1 % of the nodes have {labels['top_1_percent_have']:.1%} of all {labels['what']}."
    return Table("Labels", ["scale", *columns], rows, note)


def _channels(facts: Mapping[str, Any]) -> Table:
    rows = [["text", "words", f"{facts['text']['nodes']:,}", f"{facts['text']['missing']:,}"]]
    for name, of in facts["channels"].items():
        steps = "" if of["steps"] is None else f", up to {of['steps']} steps"
        rows.append([name, f"{of['columns']:,} columns{steps}", f"{of['nodes']:,}", f"{of['missing']:,}"])
    note = (
        "Channels that the graph brings; others, such as node2vec, are computed when they are needed, for every node."
    )
    return Table("Text and channels", ["channel", "size", "nodes", "missing"], rows, note)


def _folds(facts: Mapping[str, Any]) -> Table:
    rows = [[str(fold["fold"]), *(cell for part in PARTS for cell in _cells(fold[part]))] for fold in facts["folds"]]
    headers = [f"{words} {what}" for words in PARTS.values() for what in ("nodes", "top 1 %", "mean")]
    note = facts["no_folds"] or (
        "Nodes of each part, how many of them are in the top 1 % of all labelled nodes, and the mean of what models "
        "learn."
    )
    return Table("Folds", ["fold", *headers], rows, note)


def _cells(part: Mapping[str, Any]) -> Sequence[str]:
    return f"{part['nodes']:,}", f"{part['top']:,}", f"{part['mean']:.3f}"


def _relations(relations: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        [one["relation"], *(f"{one[what]:,}" for what in ("edges", "heads", "tails"))]
        for one in relations[:MOST_RELATIONS]
    ]
    rest = relations[MOST_RELATIONS:]
    edges = sum(one["edges"] for one in rest)
    return Table(
        "Relations", ["relation", "edges", "different heads", "different tails"], rows,
        f"and {len(rest):,} more with {edges:,} edges" if rest else "",
    )  # fmt: skip


def _histograms(facts: Mapping[str, Any]) -> Iterator[Table]:
    for name, rows in facts["histograms"].items():
        drawn = bars([count for *_, count in rows])
        yield Table(
            f"Histogram of {name.replace('label', _what(facts))}",
            ["from", "to", "nodes", ""],
            [
                [number_text(low), number_text(high), f"{count:,}", bar]
                for (low, high, count), bar in zip(rows, drawn, strict=True)
            ],
        )


def _what(facts: Mapping[str, Any]) -> str:
    return str(facts["labels"]["what"])
