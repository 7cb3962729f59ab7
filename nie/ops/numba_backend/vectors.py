"""Vectors of fixed length as values inside numba functions, so that a kernel's SIMD code is what its author wrote.

numba's own code generation vectorises a loop only where LLVM's loop vectoriser manages to; for attention, with its many
short rows of heads, it mostly does not (the scalar code is five to ten times slower). Here a row of a node is one LLVM
vector, whose length is a constant of the compiled kernel; LLVM splits it into the registers that the machine has.

Inside a compiled function::

    row = load(array, index, n)           # n consecutive elements of a flat array, n a constant
    store(array, index, row)
    prefetch(array, index, n)             # ask for elements that a later load reads
    row * other + row                     # element by element, with a vector or a scalar; fused where possible
    sum_heads(row, heads)                 # (heads * size,) -> (heads,), the sum over each head's elements
    spread(per_head, n)                   # (heads,) -> (n,), each element repeated for its head's n / heads elements
    maximum(x, y), positive(x, a, b), exp(x), inverse_root(x), keep(counter, low, high, threshold, scale, n)

Only float32 and float64. Sums may be reassociated, NaN and infinity keep their meaning.
"""

# Long because the type of a vector and all that can be done with one are compiled together: the kernels on disk belong
# to one file.

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic, models, overload, register_model

from nie.ops.drop_pattern import FIRST, SECOND

# Contraction gives fused multiply-add, reassociation short dependency chains. NaN and infinity must survive, so that
# a diverging run shows.
_FLAGS = ("contract", "reassoc", "nsz")
_INT = ir.IntType(32)
LOG2_E = 1.4426950408889634


class Vector(types.Type):  # type: ignore[misc]
    """The numba type of ``length`` floats that live in registers."""

    def __init__(self, element: types.Float, length: int) -> None:
        self.element, self.length = element, length
        super().__init__(name=f"Vector({element}, {length})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, dmm: Any, fe_type: Vector) -> None:
        super().__init__(dmm, fe_type, _llvm(fe_type))


def _llvm(vector: Vector) -> ir.VectorType:
    return ir.VectorType(_scalar(vector.element), vector.length)


def _scalar(element: types.Float) -> ir.Type:
    return ir.FloatType() if element == types.float32 else ir.DoubleType()


def _splat(builder: Any, scalar: Any, length: int) -> Any:
    """``length`` copies of an LLVM scalar."""
    vector = ir.VectorType(scalar.type, length)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(_INT, 0))
    return _shuffle(builder, first, ir.Constant(vector, ir.Undefined), [0] * length)


def _shuffle(builder: Any, a: Any, b: Any, places: list[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT, len(places)), places))


def _zero(vector: ir.VectorType) -> Any:
    return ir.Constant(vector, [0.0] * vector.count)


def _call(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """Call an LLVM intrinsic."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def _suffix(vector: ir.VectorType) -> str:
    kind = {"float": "f32", "double": "f64", "i32": "i32", "i64": "i64"}[str(vector.element)]
    return f"v{vector.count}{kind}"


def _address(context: Any, builder: Any, array_type: Any, array: Any, index: Any, vector: ir.VectorType) -> Any:
    if array_type.layout != "C" or array_type.ndim != 1:
        raise TypingError(f"kernels take flat, contiguous arrays, not {array_type}")
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


@intrinsic(prefer_literal=True)
def load(_typing: Any, array: Any, index: Any, length: Any) -> Any:
    """``length`` elements of the flat ``array`` from ``index`` on."""
    result = Vector(array.dtype, length.literal_value)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = _llvm(result)
        value = builder.load(_address(context, builder, array, arguments[0], arguments[1], vector))
        value.align = array.dtype.bitwidth // 8
        return value

    return result(array, types.intp, length), generate


@intrinsic
def store(_typing: Any, array: Any, index: Any, vector: Any) -> Any:
    """Write ``vector`` to the flat ``array`` from ``index`` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, array, arguments[0], arguments[1], _llvm(vector))
        builder.store(arguments[2], address).align = array.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


@intrinsic(prefer_literal=True)
def prefetch(_typing: Any, array: Any, index: Any, length: Any) -> Any:
    """Ask for the cache lines of ``length`` elements of the flat ``array`` from ``index`` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(array)(context, builder, arguments[0]).data
        for first in range(0, length.literal_value, 512 // array.dtype.bitwidth):  # lines of 64 bytes
            place = builder.add(arguments[1], ir.Constant(arguments[1].type, first))
            address = builder.bitcast(builder.gep(data, [place]), ir.IntType(8).as_pointer())
            read, keep_close, data_cache = (ir.Constant(_INT, code) for code in (0, 3, 1))
            _call(builder, "llvm.prefetch.p0", ir.VoidType(), address, read, keep_close, data_cache)
        return context.get_dummy_value()

    return types.void(array, types.intp, length), generate


@intrinsic(prefer_literal=True)
def zeros(_typing: Any, array: Any, length: Any) -> Any:
    """``length`` zeros of the type of ``array``'s elements."""
    result = Vector(array.dtype, length.literal_value)
    return result(array, length), lambda context, builder, signature, arguments: _zero(_llvm(result))


@intrinsic(prefer_literal=True)
def sum_heads(_typing: Any, row: Any, heads: Any) -> Any:
    """Sum each head's consecutive elements: (heads * size,) -> (heads,).

    Halves the vector again and again by adding its even and its odd elements, which takes a few shuffles of whole
    registers where a loop would add across lanes for every head.
    """
    count = heads.literal_value
    size = row.length // count
    padded = 1 << (size - 1).bit_length()
    result = Vector(row.element, count)

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        value = arguments[0]
        if padded != size:  # fill every head up with zeros to a power of two
            places = [h * size + d if d < size else row.length for h in range(count) for d in range(padded)]
            value = _shuffle(builder, value, _zero(value.type), places)
        for length in (padded * count >> step for step in range(1, padded.bit_length())):
            undefined = ir.Constant(value.type, ir.Undefined)
            even, odd = (_shuffle(builder, value, undefined, list(range(k, 2 * length, 2))) for k in (0, 1))
            value = builder.fadd(even, odd, flags=_FLAGS)
        return value

    return result(row, heads), generate


@intrinsic(prefer_literal=True)
def spread(_typing: Any, per_head: Any, length: Any) -> Any:
    """Repeat each head's element for all elements of the head: (heads,) -> (length,)."""
    result = Vector(per_head.element, length.literal_value)
    size = result.length // per_head.length

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        places = [i // size for i in range(result.length)]
        return _shuffle(builder, arguments[0], ir.Constant(arguments[0].type, ir.Undefined), places)

    return result(per_head, length), generate


@intrinsic
def maximum(_typing: Any, x: Any, bound: Any) -> Any:
    """The larger of each element and that of a vector, or a scalar; ``x`` where one is nan."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        value, other = arguments if bound == x else (arguments[0], _splat(builder, arguments[1], x.length))
        return builder.select(builder.fcmp_unordered(">", value, other), value, other)

    return x(x, bound if bound == x else x.element), generate


@intrinsic
def inverse_root(_typing: Any, x: Any) -> Any:
    """``1 / sqrt(x)`` of every element, which must be positive; an estimate refined where the processor has one.

    Infinity counts as the largest number: the estimate's refinement would make nan of it.
    """
    largest = float(np.finfo(str(x.element)).max)

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        value = arguments[0]
        most = ir.Constant(value.type, [largest] * x.length)
        value = builder.select(builder.fcmp_ordered(">", value, most), most, value)
        kind = ir.FunctionType(value.type, [value.type])
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.sqrt.{_suffix(value.type)}")
        flags = (*_FLAGS, "afn", "arcp")  # an estimate will do
        root = builder.call(function, [value], fastmath=flags)
        return builder.fdiv(ir.Constant(value.type, [1.0] * x.length), root, flags=flags)

    return x(x), generate


@intrinsic
def positive(_typing: Any, x: Any, then: Any, otherwise: Any) -> Any:
    """The scalar ``then`` where ``x > 0``, else the scalar ``otherwise``."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        value = arguments[0]
        choices = (_splat(builder, scalar, x.length) for scalar in arguments[1:])
        return builder.select(builder.fcmp_ordered(">", value, _zero(value.type)), *choices)

    return x(x, x.element, x.element), generate


@intrinsic(prefer_literal=True)
def keep(_typing: Any, counter: Any, low: Any, high: Any, threshold: Any, scale: Any, length: Any) -> Any:
    """Dropout factors of the counters ``counter, counter + 1, ...``: see `nie.ops.fused_dropout`."""
    result = Vector(scale, length.literal_value)

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        first, *seeds, bound = (_splat(builder, builder.trunc(value, _INT), result.length) for value in arguments[:4])
        whole = first.type
        x = builder.add(first, ir.Constant(whole, list(range(result.length))))
        for seed in seeds:
            x = builder.xor(x, seed)
            for shift, factor in ((16, FIRST), (15, SECOND)):
                x = builder.xor(x, builder.lshr(x, ir.Constant(whole, [shift] * result.length)))
                x = builder.mul(x, ir.Constant(whole, [factor] * result.length))
            x = builder.xor(x, builder.lshr(x, ir.Constant(whole, [16] * result.length)))
        kept = builder.icmp_unsigned(">=", x, bound)
        return builder.select(kept, _splat(builder, arguments[4], result.length), _zero(_llvm(result)))

    return result(*[types.int64] * 4, scale, length), generate


@intrinsic
def _floor(_typing: Any, x: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        value = arguments[0]
        return _call(builder, f"llvm.floor.{_suffix(value.type)}", value.type, value)

    return x(x), generate


@intrinsic
def _subtract(_typing: Any, x: Any, n: Any, step: Any) -> Any:
    """``x - n * step`` in just this order, which reassociation would merge with the next such step."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        value, times, scalar = arguments
        return builder.fsub(value, builder.fmul(times, _splat(builder, scalar, x.length)))

    return x(x, x, x.element), generate


@intrinsic
def _power_of_two(_typing: Any, x: Any) -> Any:
    """``2 ** x`` for whole ``x``, put together from the exponent's bits."""
    bits, fraction, bias = (32, 23, 127) if x.element == types.float32 else (64, 52, 1023)

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        value = arguments[0]
        whole = ir.VectorType(ir.IntType(bits), x.length)
        # Added to 1.5 * 2^fraction, a whole number stands in the lowest bits of the sum; nan gives nonsense but no
        # undefined behaviour, which a conversion to integers would.
        shifted = builder.fadd(value, ir.Constant(value.type, [1.5 * 2**fraction] * x.length))
        exponent = builder.shl(builder.bitcast(shifted, whole), ir.Constant(whole, [fraction] * x.length))
        one = ir.Constant(whole, [bias << fraction] * x.length)
        return builder.bitcast(builder.add(exponent, one), value.type)

    return x(x), generate


def exp(x: Any) -> Any:
    """Exponential of every element, for elements that are not positive; compiled code only.

    Below -87 (float32) or -708 (float64), minus infinity included, it stays at the smallest normal number's size.
    """
    raise NotImplementedError


@overload(exp)
def _exp(x):
    """``x = n log 2 + r`` with ``|r| <= log(2) / 2``: a polynomial gives ``exp(r)``, the exponent's bits ``2 ** n``.

    log 2 is split in two, the first part exact in few bits, so that the subtraction loses nothing.
    """
    single = x.element == types.float32
    # Taylor's terms up to r^7 leave 2e-8 in float32, up to r^13 leave 5e-18 in float64.
    if single:
        lowest, high, low = -87.0, 0.693359375, -2.12194440e-4

        def exponential(x):
            x = maximum(x, lowest)
            n = _floor(x * LOG2_E + 0.5)
            r = _subtract(_subtract(x, n, high), n, low)
            p = r * (1 / 5040) + 1 / 720
            p = p * r + 1 / 120
            p = p * r + 1 / 24
            p = p * r + 1 / 6
            p = p * r + 0.5
            return (p * (r * r) + r + 1.0) * _power_of_two(n)
    else:
        lowest, high, low = -708.0, 0.6931471803691238, 1.9082149292705877e-10

        def exponential(x):
            x = maximum(x, lowest)
            n = _floor(x * LOG2_E + 0.5)
            r = _subtract(_subtract(x, n, high), n, low)
            p = r * (1 / 6227020800) + 1 / 479001600
            p = p * r + 1 / 39916800
            p = p * r + 1 / 3628800
            p = p * r + 1 / 362880
            p = p * r + 1 / 40320
            p = p * r + 1 / 5040
            p = p * r + 1 / 720
            p = p * r + 1 / 120
            p = p * r + 1 / 24
            p = p * r + 1 / 6
            p = p * r + 0.5
            return (p * (r * r) + r + 1.0) * _power_of_two(n)

    return exponential


def _operation(name: str) -> Any:
    """An intrinsic for ``x name y`` of a vector and a vector or a number."""

    @intrinsic
    def apply(_typing: Any, x: Any, y: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            value, other = arguments if y == x else (arguments[0], _splat(builder, arguments[1], x.length))
            return getattr(builder, name)(value, other, flags=_FLAGS)

        return x(x, y if y == x else x.element), generate

    return apply


_add, _sub, _mul = _operation("fadd"), _operation("fsub"), _operation("fmul")


def _is_pair(a: Any, b: Any) -> bool:
    return isinstance(a, Vector) and (a == b or isinstance(b, types.Number))


@overload(operator.add)
def _overload_add(a, b):
    return (lambda a, b: _add(a, b)) if _is_pair(a, b) else None


@overload(operator.sub)
def _overload_sub(a, b):
    return (lambda a, b: _sub(a, b)) if _is_pair(a, b) else None


@overload(operator.mul)
def _overload_mul(a, b):
    return (lambda a, b: _mul(a, b)) if _is_pair(a, b) else None
