"""The fused attention kernels on the GPU, in Triton: softmax, aggregation and their gradients, a piece of a row each.

Edges are grouped by rows (destinations, sources or relations). A program works on one *piece* of a row
(:mod:`nie.ops.row_pieces`) and on ``HEADS`` heads of it, and takes ``BLOCK`` edges at a time, one in each lane. Every
lane keeps its own running softmax and its own sums, so that lanes meet only once, after the last edge. What a program
finds goes to its row, or, where the row is in several pieces, to a *part* that a merging kernel adds up in a fixed
order: no atomic operations, the same bits every time.

An edge's two ends are ``own``, of its destination, and ``other``, of its source: query and key (N, heads, size), or in
additive attention their scores (N, heads). A destination's *softmax state* (N, 2, heads) are the maximum of its
scores and the inverse of its sum of exponentials; the backward pass recomputes the weights of the edges from it.
All arrays are contiguous. Constants in capitals are the powers of two that Triton's tiles need.
"""

from __future__ import annotations

import triton
import triton.language as tl

from nie.ops.drop_pattern import FIRST, SECOND

_FIRST, _SECOND = tl.constexpr(FIRST), tl.constexpr(SECOND)
_LOWEST = tl.constexpr(-3e38)  # a maximum before any score; finite, because infinities would subtract to NaN


@triton.jit
def _piece(pieces):
    """Row, first edge, edge after the last, and place of the part (negative for a whole row), of this program."""
    at = pieces + 4 * tl.program_id(0).to(tl.int64)
    return tl.load(at).to(tl.int64), tl.load(at + 1), tl.load(at + 2), tl.load(at + 3).to(tl.int64)


@triton.jit
def _by_head(pointer, row, head, inside, heads: tl.constexpr):
    """The values (lanes, HEADS) of an array (rows, heads); 0 where there is none."""
    at = row.to(tl.int64)[:, None] * heads + head[None, :]
    return tl.load(pointer + at, mask=inside[:, None] & (head < heads)[None, :], other=0.0)


@triton.jit
def _vectors(pointer, row, head, dim, inside, heads: tl.constexpr, size: tl.constexpr):
    """The values (lanes, HEADS, SIZE) of an array (rows, heads, size); 0 where there is none."""
    at = row.to(tl.int64)[:, None, None] * (heads * size) + (head[:, None] * size + dim[None, :])[None, :, :]
    within = (head < heads)[:, None] & (dim < size)[None, :]
    return tl.load(pointer + at, mask=inside[:, None, None] & within[None, :, :], other=0.0)


@triton.jit
def _end(x, node, head, dim, inside, heads: tl.constexpr, size: tl.constexpr, additive: tl.constexpr):
    """The part of one end of every lane's edge in the score: its score by head, or its vector."""
    return _by_head(x, node, head, inside, heads) if additive else _vectors(x, node, head, dim, inside, heads, size)


@triton.jit
def _store(whole, part, row, place, values, head, dim, heads: tl.constexpr, size: tl.constexpr):
    """Write (HEADS, SIZE) to the row of ``whole`` (rows, heads, size), or to the place in ``part``."""
    at = head[:, None] * size + dim[None, :]
    within = (head < heads)[:, None] & (dim < size)[None, :]
    if place < 0:
        tl.store(whole + row * (heads * size) + at, values, mask=within)
    else:
        tl.store(part + place * (heads * size) + at, values, mask=within)


@triton.jit
def _mix(x):
    """One round of the hash of `nie.ops.drop_pattern`."""
    x = (x ^ (x >> 16)) * _FIRST
    x = (x ^ (x >> 15)) * _SECOND
    return x ^ (x >> 16)


@triton.jit
def _keep(like, ids, head, low, high, heads: tl.constexpr, threshold: tl.constexpr, scale: tl.constexpr):
    """The factors (lanes, HEADS) that dropout puts on the weights, as `nie.ops.drop_pattern.dropout_scale`."""
    x = ids.to(tl.uint32)[:, None] * heads + head.to(tl.uint32)[None, :]
    x = _mix(_mix(x ^ low.to(tl.uint32)) ^ high.to(tl.uint32))
    return tl.where(x >= threshold, tl.full(like.shape, scale, like.dtype), 0.0)


@triton.jit
def _scores(
    own, other, w, relation, head, dim, inside,
    heads: tl.constexpr, size: tl.constexpr, kind: tl.constexpr, additive: tl.constexpr, slope: tl.constexpr,
):  # fmt: skip
    """The raw scores (lanes, HEADS), the scores made from them, and the derivative of the latter by the former."""
    if additive:
        raw = own + other
    else:
        if kind == "dot":
            other = other + _vectors(w, relation, head, dim, inside, heads, size)
        raw = tl.sum(own * other, axis=2)
    if kind == "add":
        raw = raw + _by_head(w, relation, head, inside, heads)
    steepness = tl.full(raw.shape, 1.0, raw.dtype)
    if additive:
        steepness = tl.where(raw > 0, steepness, slope)
    elif kind == "mul":
        steepness = _by_head(w, relation, head, inside, heads)
    return raw, raw * steepness, steepness


@triton.jit
def _fold(top, total, mixed, score, inside, mass, kept, value):
    """Take one more score and value of every lane into the running softmax; ``mass`` is how often it counts."""
    score = tl.where(inside[:, None], score, _LOWEST)
    new_top = tl.maximum(top, score)
    shrink = tl.exp(top - new_top)
    weight = tl.where(inside[:, None], tl.exp(score - new_top) * mass, 0.0)
    return new_top, total * shrink + weight, mixed * shrink[:, :, None] + (weight * kept)[:, :, None] * value


@triton.jit
def _store_softmax(
    top, total, mixed, out, state, part, part_state, row, place, head, dim, heads: tl.constexpr, size: tl.constexpr
):
    """Bring the lanes' softmaxes together, and write the mean value and the softmax state of the row or part."""
    best = tl.max(top, axis=0)
    shrink = tl.exp(top - best[None, :])
    sum_ = tl.sum(total * shrink, axis=0)
    # Without edges the sum is 0, and so is all that is written.
    inverse = tl.where(sum_ == 0, 0.0, 1 / tl.where(sum_ == 0, 1.0, sum_))
    mean = tl.sum(mixed * shrink[:, :, None], axis=0) * inverse[:, None]
    one = tl.arange(0, 1)
    _store(out, part, row, place, mean, head, dim, heads, size)
    _store(state, part_state, 2 * row, 2 * place, best[:, None], head, one, heads, 1)
    _store(state, part_state, 2 * row + 1, 2 * place + 1, inverse[:, None], head, one, heads, 1)


@triton.jit(do_not_specialize=["low", "high"])
def forward(
    pieces, ends, ids, relations, own, other, v, w, out, state, part, part_state, low, high,
    kind: tl.constexpr, additive: tl.constexpr, slope: tl.constexpr, factor: tl.constexpr, threshold: tl.constexpr,
    scale: tl.constexpr, heads: tl.constexpr, size: tl.constexpr,
    BLOCK: tl.constexpr, HEADS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Softmax over the in-edges of a destination and the weighted mean of the values, for rows of destinations."""
    row, first, last, place = _piece(pieces)
    head, dim = tl.program_id(1) * HEADS + tl.arange(0, HEADS), tl.arange(0, SIZE)
    mine = _end(own, row + tl.arange(0, 1), head, dim, tl.arange(0, 1) == 0, heads, size, additive) * factor
    top = tl.full((BLOCK, HEADS), _LOWEST, v.dtype.element_ty)
    total = tl.zeros((BLOCK, HEADS), v.dtype.element_ty)
    mixed = tl.zeros((BLOCK, HEADS, SIZE), v.dtype.element_ty)
    for start in range(first, last, BLOCK):
        edge = start + tl.arange(0, BLOCK)
        inside = edge < last
        source = tl.load(ends + edge, mask=inside, other=0)
        relation = source if kind == "plain" else tl.load(relations + edge, mask=inside, other=0)
        theirs = _end(other, source, head, dim, inside, heads, size, additive)
        _, score, _ = _scores(mine, theirs, w, relation, head, dim, inside, heads, size, kind, additive, slope)
        kept = 1.0
        if threshold:
            kept = _keep(score, tl.load(ids + edge, mask=inside, other=0), head, low, high, heads, threshold, scale)
        value = _vectors(v, source, head, dim, inside, heads, size)
        top, total, mixed = _fold(top, total, mixed, score, inside, 1.0, kept, value)
    _store_softmax(top, total, mixed, out, state, part, part_state, row, place, head, dim, heads, size)


@triton.jit
def merge_softmax(
    split, part, part_state, out, state, heads: tl.constexpr, size: tl.constexpr,
    BLOCK: tl.constexpr, HEADS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """The softmax over all parts of a row: a part counts as an edge with its maximum as score, as often as its sum."""
    row, first, last, place = _piece(split)
    head, dim = tl.program_id(1) * HEADS + tl.arange(0, HEADS), tl.arange(0, SIZE)
    top = tl.full((BLOCK, HEADS), _LOWEST, part.dtype.element_ty)
    total = tl.zeros((BLOCK, HEADS), part.dtype.element_ty)
    mixed = tl.zeros((BLOCK, HEADS, SIZE), part.dtype.element_ty)
    for start in range(first, last, BLOCK):
        lane = start + tl.arange(0, BLOCK)
        inside = lane < last
        score = _by_head(part_state, 2 * lane, head, inside, heads)
        inverse = _by_head(part_state, 2 * lane + 1, head, inside, heads)
        mass = 1 / tl.where(inverse == 0, 1.0, inverse)
        value = _vectors(part, lane, head, dim, inside, heads, size)
        top, total, mixed = _fold(top, total, mixed, score, inside, mass, 1.0, value)
    _store_softmax(top, total, mixed, out, state, out, state, row, place, head, dim, heads, size)


@triton.jit
def weights(
    pieces, ends, ids, relations, own, other, w, state, attention,
    kind: tl.constexpr, additive: tl.constexpr, slope: tl.constexpr, factor: tl.constexpr, heads: tl.constexpr,
    size: tl.constexpr, BLOCK: tl.constexpr, HEADS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """The softmax weights (E, heads) by edge id, for rows of destinations."""
    row, first, last, _place = _piece(pieces)
    head, dim = tl.program_id(1) * HEADS + tl.arange(0, HEADS), tl.arange(0, SIZE)
    one = tl.arange(0, 1)
    mine = _end(own, row + one, head, dim, one == 0, heads, size, additive) * factor
    top = _by_head(state, 2 * row + one, head, one == 0, heads)
    inverse = _by_head(state, 2 * row + 1 + one, head, one == 0, heads)
    for start in range(first, last, BLOCK):
        edge = start + tl.arange(0, BLOCK)
        inside = edge < last
        source = tl.load(ends + edge, mask=inside, other=0)
        relation = source if kind == "plain" else tl.load(relations + edge, mask=inside, other=0)
        theirs = _end(other, source, head, dim, inside, heads, size, additive)
        _, score, _ = _scores(mine, theirs, w, relation, head, dim, inside, heads, size, kind, additive, slope)
        weight = tl.exp(tl.where(inside[:, None], score - top, 0.0)) * inverse
        at = tl.load(ids + edge, mask=inside, other=0).to(tl.int64)[:, None] * heads + head[None, :]
        tl.store(attention + at, weight, mask=inside[:, None] & (head < heads)[None, :])


@triton.jit(do_not_specialize=["low", "high"])
def backward(
    pieces, ends, ids, relations, own, other, v, w, grad, state, mean, grad_attention,
    grad_other, grad_v, grad_raw, grad_factor, part_other, part_v, low, high,
    kind: tl.constexpr, additive: tl.constexpr, slope: tl.constexpr, factor: tl.constexpr, threshold: tl.constexpr,
    scale: tl.constexpr, heads: tl.constexpr, size: tl.constexpr,
    BLOCK: tl.constexpr, HEADS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """The gradients of value and ``other``, for rows of sources; and by edge id those of the raw scores.

    ``mean`` (N, heads) is a destination's weighted mean of the gradients of its weights. In the kind ``mul``,
    ``grad_factor`` (E, heads) receives the gradients of the relations' factors, one for each edge.
    """
    row, first, last, place = _piece(pieces)
    head, dim = tl.program_id(1) * HEADS + tl.arange(0, HEADS), tl.arange(0, SIZE)
    one = tl.arange(0, 1)
    theirs = _end(other, row + one, head, dim, one == 0, heads, size, additive)
    value = _vectors(v, row + one, head, dim, one == 0, heads, size)
    of_value = tl.zeros((BLOCK, HEADS, SIZE), v.dtype.element_ty)
    of_other = tl.zeros((BLOCK, HEADS) if additive else (BLOCK, HEADS, SIZE), v.dtype.element_ty)
    for start in range(first, last, BLOCK):
        edge = start + tl.arange(0, BLOCK)
        inside = edge < last
        node = tl.load(ends + edge, mask=inside, other=0).to(tl.int64)
        edge_id = tl.load(ids + edge, mask=inside, other=0).to(tl.int64)
        relation = node if kind == "plain" else tl.load(relations + edge, mask=inside, other=0)
        mine = _end(own, node, head, dim, inside, heads, size, additive) * factor
        raw, score, steepness = _scores(
            mine, theirs, w, relation, head, dim, inside, heads, size, kind, additive, slope
        )
        top = _by_head(state, 2 * node, head, inside, heads)
        weight = tl.exp(tl.where(inside[:, None], score - top, 0.0))
        weight = weight * _by_head(state, 2 * node + 1, head, inside, heads)
        of_out = _vectors(grad, node, head, dim, inside, heads, size)
        of_weight, kept = tl.sum(of_out * value, axis=2), weight
        if threshold:
            factors = _keep(weight, edge_id, head, low, high, heads, threshold, scale)
            of_weight, kept = of_weight * factors, weight * factors
        if grad_attention is not None:
            of_weight += _by_head(grad_attention, edge_id, head, inside, heads)
        of_score = weight * (of_weight - _by_head(mean, node, head, inside, heads))
        of_raw = of_score * steepness
        at, stored = edge_id[:, None] * heads + head[None, :], inside[:, None] & (head < heads)[None, :]
        tl.store(grad_raw + at, of_raw, mask=stored)
        if kind == "mul":
            tl.store(grad_factor + at, of_score * raw, mask=stored)
        of_value += kept[:, :, None] * of_out
        of_other += of_raw if additive else of_raw[:, :, None] * mine
    _store(grad_v, part_v, row, place, tl.sum(of_value, axis=0), head, dim, heads, size)
    if additive:
        _store(grad_other, part_other, row, place, tl.sum(of_other, axis=0)[:, None], head, one, heads, 1)
    else:
        _store(grad_other, part_other, row, place, tl.sum(of_other, axis=0), head, dim, heads, size)


@triton.jit
def gather(
    pieces, ends, ids, relations, by_edge, table, w, out, part, factor: tl.constexpr, heads: tl.constexpr,
    size: tl.constexpr, BLOCK: tl.constexpr, HEADS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Sum ``by_edge`` (E, heads) over the edges of a row, each times the vector of its end in ``table``, if given.

    With ``w`` (relations, heads, size) the vector of the edge's relation is added to that of its end.
    """
    row, first, last, place = _piece(pieces)
    head, dim = tl.program_id(1) * HEADS + tl.arange(0, HEADS), tl.arange(0, SIZE)
    result = tl.zeros((BLOCK, HEADS, SIZE), out.dtype.element_ty)
    for start in range(first, last, BLOCK):
        edge = start + tl.arange(0, BLOCK)
        inside = edge < last
        number = _by_head(by_edge, tl.load(ids + edge, mask=inside, other=0), head, inside, heads)[:, :, None]
        if table is None:
            result += number
        else:
            vector = _vectors(table, tl.load(ends + edge, mask=inside, other=0), head, dim, inside, heads, size)
            if w is not None:
                relation = tl.load(relations + edge, mask=inside, other=0)
                vector += _vectors(w, relation, head, dim, inside, heads, size)
            result += number * vector
    _store(out, part, row, place, tl.sum(result, axis=0) * factor, head, dim, heads, size)


@triton.jit
def merge_sums(
    split, part, out, heads: tl.constexpr, size: tl.constexpr, BLOCK: tl.constexpr, HEADS: tl.constexpr,
    SIZE: tl.constexpr,
):  # fmt: skip
    """The sum of all parts of a row."""
    row, first, last, place = _piece(split)
    head, dim = tl.program_id(1) * HEADS + tl.arange(0, HEADS), tl.arange(0, SIZE)
    result = tl.zeros((BLOCK, HEADS, SIZE), part.dtype.element_ty)
    for start in range(first, last, BLOCK):
        lane = start + tl.arange(0, BLOCK)
        result += _vectors(part, lane, head, dim, lane < last, heads, size)
    _store(out, out, row, place, tl.sum(result, axis=0), head, dim, heads, size)
