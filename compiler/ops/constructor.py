"""New tensors: constants, ranges, random numbers. Without `dtype` they are float32 unless the values say otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Data, Dtype, Number, Scalar, Size, Sizes
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shape import spread
from nnc.compiler.types.dim import Dim, DimLike, ceildiv
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


def _filled(c: Call, size: tuple[Size | Sizes, ...], dtype: DType | None) -> TensorType:
    sizes = tuple(spread(c, size, "size"))
    for s in sizes:
        c.at_least(s, 1, f"a size is {s}: the tensor would have no elements", "size")
    return TensorType(sizes, dtype or DType.float32)


def _random(c: Call, result: TensorType) -> TensorType:
    if not (result.dtype.is_floating or result.dtype.is_complex):
        c.refuse(f"{c.op} makes floating-point numbers, not {result.dtype}", "dtype", code="NNC0503")
    return result


# -- by size -----------------------------------------------------------------------------------------------------------


@function("zeros", family="constructor")
def zeros(c: Call, *size: Size | Sizes, dtype: Dtype | None = None) -> TensorType:
    """Zeros: `zeros(1, dim)`."""
    return _filled(c, size, dtype)


@function("ones", family="constructor")
def ones(c: Call, *size: Size | Sizes, dtype: Dtype | None = None) -> TensorType:
    """Ones: `ones(1, dim)`."""
    return _filled(c, size, dtype)


@function("empty", family="constructor")
def empty(c: Call, *size: Size | Sizes, dtype: Dtype | None = None) -> TensorType:
    """Uninitialized values: what memory holds."""
    return _filled(c, size, dtype)


@function("rand", family="constructor")
def rand(c: Call, *size: Size | Sizes, dtype: Dtype | None = None) -> TensorType:
    """Random numbers, uniform in [0, 1)."""
    return _random(c, _filled(c, size, dtype))


@function("randn", family="constructor")
def randn(c: Call, *size: Size | Sizes, dtype: Dtype | None = None) -> TensorType:
    """Random numbers, normal of mean 0 and variance 1."""
    return _random(c, _filled(c, size, dtype))


@function("full", family="constructor")
def full(c: Call, size: Sizes, fill_value: Scalar | Size, *, dtype: Dtype | None = None) -> TensorType:
    """One value everywhere: `full([1, dim], 0.5)`."""
    return _filled(c, (size,), dtype or _dtype_of(fill_value))


def _dtype_of(value: Any) -> DType:
    if isinstance(value, bool):
        return DType.bool
    return DType.int64 if isinstance(value, int | Dim) else DType.float32


@function("eye", family="constructor")
def eye(c: Call, n: Size, m: Size | None = None, *, dtype: Dtype | None = None) -> TensorType:
    """Ones on the diagonal, zeros elsewhere: (n, m)."""
    return _filled(c, (n, n if m is None else m), dtype)


# -- like another ------------------------------------------------------------------------------------------------------


@function("zeros_like", family="constructor")
def zeros_like(c: Call, input: TensorType, *, dtype: Dtype | None = None) -> TensorType:
    """Zeros of the shape and dtype of `input`."""
    return input.with_dtype(dtype or input.dtype)


@function("ones_like", family="constructor")
def ones_like(c: Call, input: TensorType, *, dtype: Dtype | None = None) -> TensorType:
    """Ones of the shape and dtype of `input`."""
    return input.with_dtype(dtype or input.dtype)


@function("empty_like", family="constructor")
def empty_like(c: Call, input: TensorType, *, dtype: Dtype | None = None) -> TensorType:
    """Uninitialized values of the shape and dtype of `input`."""
    return input.with_dtype(dtype or input.dtype)


@function("full_like", family="constructor")
def full_like(c: Call, input: TensorType, fill_value: Scalar | Size, *, dtype: Dtype | None = None) -> TensorType:
    """One value in the shape and dtype of `input`."""
    return input.with_dtype(dtype or input.dtype)


@function("rand_like", family="constructor")
def rand_like(c: Call, input: TensorType, *, dtype: Dtype | None = None) -> TensorType:
    """Random numbers, uniform in [0, 1), in the shape of `input`."""
    return _random(c, input.with_dtype(dtype or input.dtype))


@function("randn_like", family="constructor")
def randn_like(c: Call, input: TensorType, *, dtype: Dtype | None = None) -> TensorType:
    """Random numbers, normal of mean 0 and variance 1, in the shape of `input`."""
    return _random(c, input.with_dtype(dtype or input.dtype))


# -- ranges ------------------------------------------------------------------------------------------------------------


@function("arange", family="constructor")
def arange(
    c: Call,
    start: Number | Size,
    end: Number | Size | None = None,
    step: Number = 1,
    *,
    dtype: Dtype | None = None,
) -> TensorType:
    """start, start + step, … below end: `arange(end)`, `arange(start, end, step)`; a free size may bound it."""
    first, last = (0, start) if end is None else (start, end)
    if step == 0:
        c.refuse("step must not be 0", "step")
    floating = any(isinstance(v, float) for v in (first, last, step))
    return TensorType((_steps(c, first, last, step),), dtype or (DType.float32 if floating else DType.int64))


def _steps(c: Call, first: DimLike | float, last: DimLike | float, step: int | float) -> DimLike:
    if isinstance(first, Dim) or isinstance(last, Dim):
        if isinstance(first, float) or isinstance(last, float) or isinstance(step, float):
            c.undecided(
                "a range bounded by a free size takes integers only",
                "end",
                *(v for v in (first, last) if isinstance(v, Dim)),
            )
        distance = last - first if step > 0 else first - last
        c.at_least(distance, 1, f"the range from {first} to {last} with step {step} has no elements", "end")
        return ceildiv(distance, abs(step))
    if not all(math.isfinite(v) for v in (first, last, step)):
        c.refuse("a range has finite bounds", "end")
    if (last - first) * step < 0:
        c.refuse(f"the range from {first} to {last} runs against its step {step}", "step")
    if first == last:
        c.refuse(f"the range from {first} to {last} has no elements", "end", code="NNC0504")
    if isinstance(first, int) and isinstance(last, int) and isinstance(step, int):
        return len(range(first, last, step))
    return math.ceil((last - first) / step)


@function("linspace", family="constructor")
def linspace(c: Call, start: Number, end: Number, steps: Size, *, dtype: Dtype | None = None) -> TensorType:
    """`steps` numbers from start to end, both included."""
    c.at_least(steps, 1, f"steps is {steps}: the tensor would have no elements", "steps")
    if dtype is DType.bool:
        c.refuse("linspace makes numbers, not truth values", "dtype", code="NNC0503")
    return TensorType((steps,), dtype or DType.float32)


@function("tensor", family="constructor")
def tensor(c: Call, data: Data, *, dtype: Dtype | None = None) -> TensorType:
    """The numbers written: `tensor([0.485, 0.456, 0.406])`."""
    shape, found = _nested(c, data)
    return TensorType(shape, dtype or found)


def _nested(c: Call, data: Any) -> tuple[tuple[int, ...], DType]:
    if not isinstance(data, Sequence):
        return (), _dtype_of(data)
    if not data:
        c.refuse("a list without numbers makes a tensor without elements", "data", code="NNC0504")
    parts = [_nested(c, d) for d in data]
    if len({shape for shape, _ in parts}) > 1:
        c.refuse("the lists differ in length", "data")
    order = (DType.bool, DType.int64, DType.float32)
    return (len(data), *parts[0][0]), max((dtype for _, dtype in parts), key=order.index)


OPS: tuple[OpDef, ...] = (
    zeros, ones, empty, rand, randn, full, eye, zeros_like, ones_like, empty_like, full_like, rand_like, randn_like,
    arange, linspace, tensor,
)  # fmt: skip
