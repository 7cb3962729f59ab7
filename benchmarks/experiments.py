"""What the table of contestants does not show: growth with sizes and threads, preparation, heads in one call."""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from case import Case, random_case
from contestants import automatic, operator
from measure import Step, interleave, ratio, run, seconds, summary
from torch import Tensor

from nie.dgl_compat import dgl
from nie.errors import NieError
from nie.ops import dot_attention

_MODES = ("additive", "mul")  # the operators whose scaling is measured
_DEGREE = 40


def scaling(case: Case, repeat: int, quick: bool) -> dict[str, list[dict[str, Any]]]:
    """Time of both operators, ours and on DGL's kernels, with one of E, H, D and the threads growing.

    The graphs of the growth with E are random ones of mean degree 40; else it is the case's own.
    """
    edges = (2_000, 4_000) if quick else (100_000, 400_000, 1_600_000, 6_400_000)
    heads = (1, case.heads) if quick else (1, 2, 4, 8, 16, 32)
    sizes = (case.size,) if quick else (4, 8, 16, 32, 64, 128)
    random = {count: random_case(count, case, _DEGREE) for count in edges}
    most = torch.get_num_threads()
    threads = sorted({*(2**k for k in range(most.bit_length())), most})
    return {
        "E": _sweep(random, repeat),
        "H": _sweep({count: case.shaped(count, case.size) for count in heads}, repeat),
        "D": _sweep({size: case.shaped(case.heads, size) for size in sizes}, repeat),
        "threads": _sweep(dict.fromkeys(threads, case), repeat, set_threads=True),
    }


def slopes(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The slope of log time against log size of each contestant, by least squares: 1 is linear."""
    found = {}
    for name in dict.fromkeys(row["name"] for row in rows):
        points = [(math.log(row["at"]), math.log(row["total_ms"])) for row in rows if row["name"] == name]
        found[name] = statistics.linear_regression(*zip(*points, strict=True)).slope
    return found


def _backends(case: Case) -> list[str]:
    """The automatic backend, and DGL's kernels where this DGL runs on the case's device."""
    found = [automatic(case)]
    with contextlib.suppress(NieError):
        case.graph_for_dgl()
        found.append("dgl")
    return list(dict.fromkeys(found))


def _sweep(cases: Mapping[int, Case], repeat: int, set_threads: bool = False) -> list[dict[str, Any]]:
    """Let both operators run on all cases in turn; a case's number is its size, or the number of threads."""
    all_threads = torch.get_num_threads()
    steps = {}
    for number, case in cases.items():
        for backend in _backends(case):
            for mode in _MODES:
                contestant = operator(mode, backend)
                step = contestant.build(case)
                steps[number, contestant.name] = _with_threads(step, number) if set_threads else step
    times = interleave(steps, repeat)
    torch.set_num_threads(all_threads)
    return [{"at": number, "name": name, **summary(times[number, name])} for number, name in times]


def _with_threads(step: Step, threads: int) -> Step:
    def forward() -> Sequence[Tensor]:
        torch.set_num_threads(threads)  # kept for the backward pass
        return step.forward()

    return Step(forward, step.inputs)


def preparation(case: Case, repeat: int, num_seeds: int = 1024, fanout: int = 15) -> list[dict[str, Any]]:
    """What preparing a graph costs, whole or a sampled block: the time of a first step less that of a later one."""
    rows = []
    for mode in _MODES:
        for backend in _backends(case):
            contestant = operator(mode, backend)
            # A new graph object on the same edges is one that nobody has prepared.
            whole = [_first_and_later(contestant.build(replace(case, graph=case.graph.local_var()))) for _ in range(3)]
            rows.append({"name": contestant.name, "graph": case.name, **_difference(whole)})
            sampled = [_block_case(case, turn, num_seeds, fanout) for turn in range(repeat)]
            blocks = [_first_and_later(contestant.build(block)) for block, *_ in sampled]
            costs = {
                "sample_ms": 1e3 * statistics.median(sampling for _, sampling, _ in sampled),
                "to_block_ms": 1e3 * statistics.median(blocking for _, _, blocking in sampled),
                "edges": int(statistics.median(block.num_edges for block, *_ in sampled)),
            }
            rows.append({"name": contestant.name, "graph": "block", **_difference(blocks), **costs})
    return rows


def _difference(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    # The least of both, since their difference is small against the noise of a shared machine.
    first, step = (min(values) for values in zip(*pairs, strict=True))
    prepare = max(first - step, 0.0)
    return {"prepare_ms": 1e3 * prepare, "step_ms": 1e3 * step, "ratio": prepare / step}


def _first_and_later(step: Step) -> tuple[float, float]:
    """Seconds of a first step, and the least of later ones."""
    first = sum(run(step))
    return first, min(sum(run(step)) for _ in range(5))


def _block_case(case: Case, turn: int, num_seeds: int, fanout: int) -> tuple[Case, float, float]:
    """A case on a sampled block, and the seconds that the sampling and the making of the block took."""
    generator = torch.Generator().manual_seed(turn)
    seeds = torch.randperm(case.num_nodes, generator=generator)[:num_seeds]
    made: list[dgl.DGLGraph] = []
    sampling = seconds(lambda: made.append(dgl.sampling.sample_neighbors(case.graph, seeds, fanout)))
    blocking = seconds(lambda: made.append(dgl.to_block(made[0], seeds)))
    # Edge ids of the block, of the sampled graph, of the whole graph.
    edges = made[0].edata[dgl.EID][made[1].edata[dgl.EID]]
    block = replace(case, name="block", graph=made[1], etype=case.etype[edges.to(case.device)])
    return block, sampling, blocking


def batching(case: Case, repeat: int, shapes: Sequence[tuple[int, int]] = ((8, 8), (4, 16))) -> list[dict[str, Any]]:
    """Whether attentions on one graph are faster as heads of one call: two channels, and five folds.

    Both are `dot_attention` in mode mul. "joined" also pays for laying the tensors of the attentions side by side and
    cutting the result apart, which a model does whose projections are separate.
    """
    rows = []
    for heads, size in shapes:
        for count in (2, 5):
            steps = _ways(case.shaped(heads, size), count)
            times = interleave(steps, repeat)
            for name, taken in times.items():
                against = ratio(taken.total, times["calls"].total)
                rows.append(
                    {"heads": heads, "size": size, "count": count, "way": name, **summary(taken), "ratio": against}
                )
    return rows


def _ways(case: Case, count: int) -> dict[str, Step]:
    def tensors(heads: int) -> list[Tensor]:
        node, relation = (case.num_nodes, heads, case.size), (case.num_relations, heads)
        return [torch.randn(shape, device=case.device).requires_grad_() for shape in (node, node, node, relation)]

    apart = [tensors(case.heads) for _ in range(count)]
    together = tensors(count * case.heads)

    def attend(parts: Sequence[Tensor]) -> Tensor:
        return dot_attention(case.graph, *parts, case.etype)

    def joined() -> Sequence[Tensor]:
        parts = [torch.cat(column, dim=1) for column in zip(*apart, strict=True)]
        return attend(parts).split(case.heads, dim=1)

    every = [tensor for parts in apart for tensor in parts]
    return {
        "calls": Step(lambda: [attend(parts) for parts in apart], every),
        "one call": Step(lambda: [attend(together)], together),
        "joined": Step(joined, every),
    }
