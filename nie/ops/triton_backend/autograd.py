"""In-edge attention on the GPU as fused kernels in Triton: nothing of size E x D is ever allocated.

A forward pass walks the destinations' in-edges (CSC). The backward pass walks the sources' out-edges (CSR) for the
gradients of the sources, and writes the gradients of the raw scores by edge, (E, H). Their sum over in-edges (in
`dot_attention`, weighed by the keys) is the gradient of the destinations; over the edges of a relation, the relation's.
No two programs write to one place and no atomic operation is used: results are the same bits every time.

Saved for backward are the inputs, the output and two numbers for each destination and head; weights are recomputed.
Both kinds of attention are one function here: ``own`` is the destination's part of an edge's score and ``other`` the
source's, which are query and key (N, H, D) or the two scores (N, H).

The graph may stay on the CPU, as it must with a DGL without CUDA: its edges are copied to the device once.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable

from nie.dgl_compat import dgl
from nie.ops.call import Call, make_call
from nie.ops.drop_pattern import split_seed, threshold
from nie.ops.edge_index import Rows
from nie.ops.row_pieces import Pieces
from nie.ops.triton_backend import kernels

_TILE_BYTES = 4096  # of a tile of vectors; a program holds up to four
_BYTES_PER_WARP = 2048  # 16 registers for each thread and tile
_WIDTH = 128  # values of a node's row that a program works on, unless a head is wider
_MOST_LANES = 32


def dot_attention(
    graph: dgl.DGLGraph, query: Tensor, key: Tensor, value: Tensor, rel: Tensor | None, etype: Tensor | None, mode: str,
    attn_drop: float, seed: int, return_attention: bool,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """See :func:`nie.ops.dot_attention`."""
    call = make_call(graph, etype, value.device, mode, 0.0, attn_drop, seed, return_attention)
    out, attention = _Attention.apply(query, key, value, rel, call)  # type: ignore[no-untyped-call]
    return out, attention


def additive_attention(
    graph: dgl.DGLGraph, value: Tensor, src_score: Tensor, dst_score: Tensor, rel_score: Tensor | None,
    etype: Tensor | None, negative_slope: float, attn_drop: float, seed: int, return_attention: bool,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """See :func:`nie.ops.additive_attention`."""
    call = make_call(graph, etype, value.device, "add", negative_slope, attn_drop, seed, return_attention)
    out, attention = _Attention.apply(dst_score, src_score, value, rel_score, call)  # type: ignore[no-untyped-call]
    return out, attention


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, own: Tensor, other: Tensor, value: Tensor, rel: Tensor | None, call: Call
    ) -> tuple[Tensor, Tensor | None]:
        own, other, value = own.contiguous(), other.contiguous(), value.contiguous()
        rel = None if rel is None else rel.contiguous()
        _, heads, size = value.shape
        edges, pieces = call.prepared.by_dst, call.prepared.dst_pieces
        out, state = value.new_empty(len(own), heads, size), value.new_empty(len(own), 2, heads)
        part = value.new_empty(pieces.num_parts, heads, size)
        part_state = value.new_empty(pieces.num_parts, 2, heads)
        relations = None if call.relations is None else call.relations.by_dst
        scoring = _scoring(call, own, size)
        tile = _tile(value)
        _launch(
            kernels.forward, pieces.table, tile, edges.ends, edges.ids, relations, own, other, value, rel,
            out, state, part, part_state, *_seed(call), **scoring, **_dropout(call),
        )  # fmt: skip
        _launch(kernels.merge_softmax, pieces.split, tile, part, part_state, out, state)
        attention = None
        if call.weights:
            attention = value.new_empty(len(edges.ids), heads)
            _launch(
                kernels.weights, pieces.table, tile, edges.ends, edges.ids, relations, own, other, rel, state,
                attention, **scoring,
            )  # fmt: skip
        ctx.save_for_backward(own, other, value, rel, out, state, attention)
        ctx.call = call
        ctx.set_materialize_grads(False)
        return out, attention

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor | None, grad_attention: Tensor | None) -> tuple[Tensor | None, ...]:
        own, other, value, rel, out, state, attention = ctx.saved_tensors
        call: Call = ctx.call
        grad = torch.zeros_like(out) if grad is None else grad.contiguous()
        mean = (grad * out).sum(dim=2)  # (N_dst, H), the mean gradient of a destination's weights
        if attention is not None and grad_attention is not None:
            grad_attention = grad_attention.contiguous()
            mean += _gather(call.prepared.by_dst, call.prepared.dst_pieces, attention * grad_attention, mean)
        grad_other, grad_value, grad_raw, grad_factor = _by_source(
            call, own, other, value, rel, grad, state, mean, grad_attention
        )
        rows, pieces = call.prepared.by_dst, call.prepared.dst_pieces
        if own.dim() == 2:
            grad_own = _gather(rows, pieces, grad_raw, own)
        else:
            # In the kind dot, a query is multiplied by the relation's vector as by the key.
            vectors = rel if call.kind == "dot" else None
            relations = None if vectors is None or call.relations is None else call.relations.by_dst
            grad_own = _gather(rows, pieces, grad_raw, own, table=other, w=vectors, relations=relations)
        grad_rel = None
        if rel is not None and call.relations is not None:
            queries = own if call.kind == "dot" else None
            grad_rel = _gather(
                call.relations.rows, call.relations.pieces, grad_raw if grad_factor is None else grad_factor, rel,
                table=queries,
            )  # fmt: skip
        return grad_own, grad_other, grad_value, grad_rel, None


def _by_source(
    call: Call, own: Tensor, other: Tensor, value: Tensor, rel: Tensor | None, grad: Tensor, state: Tensor,
    mean: Tensor, grad_attention: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:  # fmt: skip
    """The gradients of ``other``, of the values, of the raw scores (E, H) and of the relations' factors (E, H)."""
    _, heads, size = value.shape
    edges, pieces = call.prepared.by_src, call.prepared.src_pieces
    grad_other, grad_value = torch.empty_like(other), torch.empty_like(value)
    grad_raw = value.new_empty(len(edges.ids), heads)
    grad_factor = torch.empty_like(grad_raw) if call.kind == "mul" else None
    part_other = other.new_empty(pieces.num_parts, *other.shape[1:])
    part_value = value.new_empty(pieces.num_parts, heads, size)
    relations = None if call.relations is None else call.relations.by_src
    _launch(
        kernels.backward, pieces.table, _tile(value), edges.ends, edges.ids, relations, own, other, value, rel,
        grad, state, mean, grad_attention, grad_other, grad_value, grad_raw, grad_factor, part_other, part_value,
        *_seed(call), **_scoring(call, own, size), **_dropout(call),
    )  # fmt: skip
    _merge_sums(pieces, part_other, grad_other)
    _merge_sums(pieces, part_value, grad_value)
    return grad_other, grad_value, grad_raw, grad_factor


def _gather(
    rows: Rows, pieces: Pieces, by_edge: Tensor, like: Tensor, *, table: Tensor | None = None, w: Tensor | None = None,
    relations: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Sum ``by_edge`` (E, H) over the edges of every row, in the shape of ``like``; rows without edges are 0.

    With a ``table`` of vectors (N, H, D), each summand is multiplied by 1/sqrt(D) and by the vector of the edge's end,
    to which the vector of the edge's relation in ``w`` is added.
    """
    covered = len(rows.offsets) - 1
    out = torch.empty_like(like) if covered == len(like) else torch.zeros_like(like)
    part = out.new_empty(pieces.num_parts, *out.shape[1:])
    factor = 1.0 if table is None else 1 / math.sqrt(out.shape[2])
    _launch(
        kernels.gather, pieces.table, _tile(out), rows.ends, rows.ids, relations, by_edge, table, w, out, part,
        factor=factor,
    )  # fmt: skip
    _merge_sums(pieces, part, out)
    return out


def _merge_sums(pieces: Pieces, part: Tensor, out: Tensor) -> None:
    """Write the sums of the parts of every split row to its row of ``out``."""
    _launch(kernels.merge_sums, pieces.split, _tile(out), part, out)


class _Tile(NamedTuple):
    """How a program works on rows of vectors; see `triton_kernels` for the names in capitals."""

    heads: int
    size: int
    BLOCK: int
    HEADS: int
    SIZE: int
    num_warps: int


def _tile(array: Tensor) -> _Tile:
    """The tile for an array (N, H, D) or (N, H)."""
    heads, size = array.shape[1], array.shape[2] if array.dim() == 3 else 1
    tile_size = triton.next_power_of_2(size)
    tile_heads = min(triton.next_power_of_2(heads), max(1, _WIDTH // tile_size))
    row_bytes = tile_heads * tile_size * array.element_size()
    lanes = min(_MOST_LANES, max(1, _TILE_BYTES // row_bytes))
    return _Tile(heads, size, lanes, tile_heads, tile_size, min(8, max(1, lanes * row_bytes // _BYTES_PER_WARP)))


def _launch(kernel: Any, pieces: Tensor, tile: _Tile, *arguments: Any, **constants: Any) -> None:
    """Run a program for every piece and every group of heads, on the device of the pieces."""
    if len(pieces):
        grid = (len(pieces), triton.cdiv(tile.heads, tile.HEADS))
        with torch.cuda.device_of(pieces):  # type: ignore[no-untyped-call]
            kernel[grid](pieces, *arguments, **constants, **tile._asdict(), enable_fp_fusion=True)


def _scoring(call: Call, own: Tensor, size: int) -> dict[str, Any]:
    """The constants that say how a score is made."""
    additive = own.dim() == 2
    factor = 1.0 if additive else 1 / math.sqrt(size)
    return {"kind": call.kind, "additive": additive, "slope": call.slope, "factor": factor}


def _dropout(call: Call) -> dict[str, Any]:
    return {"threshold": threshold(call.attn_drop), "scale": 1 / (1 - call.attn_drop)}


def _seed(call: Call) -> tuple[int, ...]:
    """The halves of the seed as signed 32-bit integers, one type of argument whatever their values."""
    return tuple(half - 2**32 if half >= 2**31 else half for half in split_seed(call.seed))
