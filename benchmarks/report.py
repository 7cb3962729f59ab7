"""The results as tables, on the screen and as Markdown, and what they say about the targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tabulate import tabulate


class Table(NamedTuple):
    """A table with its title and an explanation."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""

    def text(self, markdown: bool) -> str:
        """For the screen, or in Markdown."""
        body = tabulate(self.rows, self.headers, tablefmt="github" if markdown else "simple", disable_numparse=True)
        title = f"## {self.title}" if markdown else f"=== {self.title}"
        return "\n\n".join(part for part in (title, self.note, body) if part) + "\n"


class Target(NamedTuple):
    """A promise about two contestants of one family, "best of ours" against another.

    Args:
        family: of both.
        ours: the operator, without its backend.
        other: whom it is compared with.
        key: of a row, whose ratio other / ours is promised.
        least: the promised ratio.
        our_layer: a layer of ours, with which a layer is compared fairly.
    """

    family: str
    ours: str
    other: str
    key: str
    least: float
    our_layer: str | None = None


TARGETS = (
    Target("additive", "additive_attention", "additive_attention [dgl]", "total_ms", 5),
    Target("additive", "additive_attention", "PyG GATConv(edge_dim)", "total_ms", 15, "PreGATConv"),
    Target("dot", "dot_attention mul", "dot_attention mul [dgl]", "total_ms", 6),
    Target("dot", "dot_attention mul", "PyG TransformerConv(edge_dim)", "total_ms", 20, "RelGraphTransformerConv mul"),
    Target("additive", "additive_attention", "additive_attention [dgl]", "peak_mb", 3),
    Target("dot", "dot_attention mul", "dot_attention mul [dgl]", "peak_mb", 3),
    Target("dot", "dot_attention dot", "dot_attention dot [dgl]", "peak_mb", 3),
)


def targets(dataset: str, rows: Sequence[Mapping[str, Any]], backend: str) -> list[dict[str, Any]]:
    """The achieved figure of every target whose contestants ran."""
    by_name = {(row["family"], row["name"]): row for row in rows}
    found = []
    for target in TARGETS:
        other = by_name.get((target.family, target.other), {})
        names = [f"{target.ours} [{backend}]", *([target.our_layer] if target.our_layer else [])]
        for name in names:
            achieved = _quotient(other, by_name.get((target.family, name), {}), target.key)
            if achieved is not None and name != target.other:
                what = "time" if target.key == "total_ms" else "peak extra memory"
                found.append(
                    {"dataset": dataset, "what": what, "ours": name, "other": target.other,
                     "target": target.least if name == names[0] else None, "achieved": achieved}
                )  # fmt: skip
    return found


def _quotient(other: Mapping[str, Any], ours: Mapping[str, Any], key: str) -> float | None:
    """How many times the other's figure is ours; of times the median over the turns, as `measure.ratio` takes it."""
    if key == "total_ms":
        found: float | None = other.get("ratio_to", {}).get(ours.get("name"))
        return found
    return other[key] / ours[key] if other.get(key) and ours.get(key) else None


def targets_table(found: Sequence[Mapping[str, Any]], slopes: Mapping[str, float]) -> Table:
    """The promises of this toolkit next to what was measured now."""
    rows = [
        [one["dataset"], f"{one['what']}: {one['other']} / {one['ours']}",
         "(layer with layer)" if one["target"] is None else f"≥ {one['target']:g}", f"{one['achieved']:.1f}"]
        for one in found
    ]  # fmt: skip
    rows += [
        ["random graphs", f"{name}: slope of log time on log E", "1", f"{slope:.2f}"] for name, slope in slopes.items()
    ]
    return Table("Targets", ["graph", "what", "target", "achieved"], rows)


def contestants_table(result: Mapping[str, Any], family: str) -> Table:
    """Who took how long and how much memory on one graph."""
    reference = result["reference"][family]
    rows = [
        [row["name"], row["kind"], *(_number(row.get(key)) for key in (
            "forward_ms", "backward_ms", "total_ms", "total_min_ms", "ns_per_edge", "ratio", "ratio_to_layer",
            "forward_mb", "saved_mb", "peak_mb", "kept_mb")), row["repeats"], row["includes"]]
        for row in result["contestants"] if row["family"] == family
    ]  # fmt: skip
    headers = [
        "", "", "forward ms", "backward ms", "total ms", "least ms", "ns/edge", "x ours", "x our layer",
        "forward MB", "saved MB", "peak MB", "kept MB", "runs", "includes",
    ]  # fmt: skip
    note = (
        f"{result['num_nodes']:,} nodes, {result['num_edges']:,} edges, {result['num_relations']} relations, "
        f"{result['heads']} heads x {result['size']}. Times are medians (and the least total); x ours is the median "
        f"over the turns of total / total of {reference}, x our layer the same against our layer. MB are extra memory: "
        "the peak of the forward pass, what it leaves (output included), the peak of both passes; kept is what the "
        "first step prepares for good."
    )
    if result["notes"]:
        note += "\n\n" + "\n".join(f"Left out: {line}" for line in result["notes"])
    return Table(f"{family.capitalize()} attention on {result['name']}", headers, rows, note)


def roofline_table(results: Sequence[Mapping[str, Any]], stream: Mapping[str, float]) -> Table:
    """What the memory's speed would allow, against what was measured."""
    rows = [
        [result["name"], mode, part, *(_number(figures[key] / 1e6) for key in ("gathered", "streamed")),
         _number(figures["least_ms"]), _number(figures["measured_ms"]), f"{figures['fraction']:.0%}"]
        for result in results for mode, parts in result.get("roofline", {}).items() for part, figures in parts.items()
    ]  # fmt: skip
    gather = ", ".join(f"{r['name']} {r['gather_gb_per_s']:.1f} GB/s" for r in results if "gather_gb_per_s" in r)
    note = (
        f"Copy of arrays of {stream['array_bytes'] / 1e6:.0f} MB: {stream['bytes_per_second'] / 1e9:.1f} GB/s. Rows of "
        f"the sources of all in-edges added up: {gather}. The bytes are derived in benchmarks/roofline.py."
    )
    headers = ["graph", "operator", "pass", "gathered MB", "streamed MB", "least ms", "measured ms", "achieved"]
    return Table("Roofline", headers, rows, note)


def scaling_tables(result: Mapping[str, Any]) -> list[Table]:
    """A table for each size that grows, a column for each contestant."""
    tables = []
    for what, rows in result["sweeps"].items():
        names = list(dict.fromkeys(row["name"] for row in rows))
        total = {(row["at"], row["name"]): row["total_ms"] for row in rows}
        lines = [
            [f"{at:,}", *(_number(total[at, name]) for name in names)] for at in dict.fromkeys(r["at"] for r in rows)
        ]
        where = "random graphs of mean degree 40" if what == "E" else result["graph"]
        note = f"Forward and backward, median ms, on {where}."
        if what == "E":
            note += " Slopes of log time on log E: " + ", ".join(f"{k} {v:.2f}" for k, v in result["slopes"].items())
        tables.append(Table(f"Scaling with {what}", [what, *names], lines, note + ("" if note.endswith(".") else ".")))
    return tables


def preparation_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The first step on a graph against later ones."""
    keys = ("edges", "sample_ms", "to_block_ms", "prepare_ms", "step_ms", "ratio")
    lines = [[row["name"], row["graph"], *(_number(row.get(key)) for key in keys)] for row in rows]
    headers = ["", "graph", "edges", "sample ms", "to_block ms", "prepare ms", "step ms", "prepare / step"]
    note = (
        "Prepare is what the first forward and backward pass on a graph takes longer than a later one (step), the "
        "least of several tries. Blocks: in-edges sampled for a batch of nodes."
    )
    return Table("Preparing a graph", headers, lines, note)


def batching_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Several attentions on one graph, as calls or as heads."""
    lines = [
        [row["count"], f"{row['heads']} x {row['size']}", row["way"],
         *(_number(row[key]) for key in ("forward_ms", "backward_ms", "total_ms")), f"{row['ratio']:.2f}"]
        for row in rows
    ]  # fmt: skip
    note = "2 are the channels of RGTN, 5 are folds; x calls below 1 means that one call with all heads is faster."
    headers = ["attentions", "heads each", "way", "forward ms", "backward ms", "total ms", "x calls"]
    return Table("Attentions as heads of one call", headers, lines, note)


def _number(value: float | None) -> str:
    """Three figures or whole numbers, whatever are more; "n/a" for what was not measured."""
    if value is None:
        return "n/a"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
