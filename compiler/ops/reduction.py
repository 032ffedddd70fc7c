"""Reductions: dimensions are folded away, or kept as 1 with `keepdim`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from nnc.compiler.ops.arithmetic import elementwise
from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import accumulated, magnitude, result_type
from nnc.compiler.ops.kinds import Dtype, Ints, Number, Positive, Size
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import axes, axis
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.dtype import DType, floating
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS", "VALUES_AND_INDICES", "reduced"]

Extreme = TensorType | Mapping[str, TensorType]
VALUES_AND_INDICES = ("values", "indices")


def _folded(c: Call, input: TensorType, dim: Ints | None) -> tuple[int, ...]:
    """Which dimensions are folded: without `dim`, or with an empty one, all of them."""
    if dim is None or (not isinstance(dim, int) and not dim):
        return tuple(range(input.rank))
    return tuple(i for i in axes(c, dim, input.rank) if i < input.rank)


def reduced(c: Call, input: TensorType, dim: Ints | None, keepdim: bool) -> TensorType:
    chosen = _folded(c, input, dim)
    if keepdim:
        return input.with_shape(*(1 if i in chosen else size for i, size in enumerate(input.shape)))
    return input.with_shape(*(size for i, size in enumerate(input.shape) if i not in chosen))


def _dim_written(c: Call, dim: Ints | None) -> None:
    """torch has no `sum(x, keepdim=True)`: `keepdim` comes with a `dim`."""
    if dim is None and "keepdim" in c.given:
        c.refuse("keepdim is given without dim", "keepdim")


def _nonempty(c: Call, input: TensorType, dim: Ints | None) -> None:
    """An extreme of nothing does not exist."""
    for i in _folded(c, input, dim):
        c.at_least(input.shape[i], 1, f"dimension {i} is empty", "input")


# -- sums and moments --------------------------------------------------------------------------------------------------


@function("sum", family="reduction")
def sum_(
    c: Call, input: TensorType, dim: Ints | None = None, keepdim: bool = False, *, dtype: Dtype | None = None
) -> TensorType:
    """The sum over `dim`, or over everything."""
    _dim_written(c, dim)
    return reduced(c, input, dim, keepdim).with_dtype(dtype or accumulated(input.dtype))


@function("mean", family="reduction")
def mean(
    c: Call, input: TensorType, dim: Ints | None = None, keepdim: bool = False, *, dtype: Dtype | None = None
) -> TensorType:
    """The mean over `dim`, or over everything."""
    _dim_written(c, dim)
    return reduced(c, c.floating(input.with_dtype(dtype or input.dtype), complex=True), dim, keepdim)


@function("prod", family="reduction")
def prod_(
    c: Call, input: TensorType, dim: int | None = None, keepdim: bool = False, *, dtype: Dtype | None = None
) -> TensorType:
    """The product over `dim`, or over everything."""
    _dim_written(c, dim)
    return reduced(c, input, dim, keepdim).with_dtype(dtype or accumulated(input.dtype))


@function("std", family="reduction")
def std(
    c: Call, input: TensorType, dim: Ints | None = None, *, correction: Number = 1, keepdim: bool = False
) -> TensorType:
    """The standard deviation over `dim`, or over everything; the sum of squares is divided by n − correction."""
    return _real(reduced(c, c.floating(input, complex=True), dim, keepdim))


@function("var", family="reduction")
def var(
    c: Call, input: TensorType, dim: Ints | None = None, *, correction: Number = 1, keepdim: bool = False
) -> TensorType:
    """The variance over `dim`, or over everything; the sum of squares is divided by n − correction."""
    return _real(reduced(c, c.floating(input, complex=True), dim, keepdim))


@function("norm", family="reduction")
def norm(
    c: Call,
    input: TensorType,
    p: Number | Literal["fro"] = "fro",
    dim: Ints | None = None,
    keepdim: bool = False,
    dtype: Dtype | None = None,
) -> TensorType:
    """The `p`-norm over `dim`, or over everything."""
    c.floating(input, complex=True)
    if dtype is not None and not (dtype.is_complex if input.dtype.is_complex else dtype.is_floating):
        c.refuse(f"dtype {dtype} is not of the kind of {input.dtype}", "dtype", code="NNC0503")
    return _real(reduced(c, input.with_dtype(dtype or input.dtype), dim, keepdim))


@function("logsumexp", family="reduction")
def logsumexp(c: Call, input: TensorType, dim: Ints, keepdim: bool = False) -> TensorType:
    """log Σ exp(x) over `dim`, without overflow."""
    return reduced(c, input, dim, keepdim).with_dtype(floating(input.dtype))


def _real(result: TensorType) -> TensorType:
    return result.with_dtype(magnitude(result.dtype))


# -- extremes ----------------------------------------------------------------------------------------------------------


@function("amax", family="reduction")
def amax(c: Call, input: TensorType, dim: Ints = (), keepdim: bool = False) -> TensorType:
    """The largest value over `dim`, or over everything."""
    return _extreme(c, input, dim, keepdim)


@function("amin", family="reduction")
def amin(c: Call, input: TensorType, dim: Ints = (), keepdim: bool = False) -> TensorType:
    """The smallest value over `dim`, or over everything."""
    return _extreme(c, input, dim, keepdim)


@function("max", family="reduction", results=VALUES_AND_INDICES)
def max_(c: Call, input: TensorType, dim: TensorType | int | None = None, keepdim: bool = False) -> Extreme:
    """The largest of all values; over one `dim`, the values and where they are; with a second tensor, `maximum`."""
    if isinstance(dim, TensorType):
        return c.ordered(elementwise(c, input, dim, subject="dim"))
    return _with_indices(c, input, dim, keepdim)


@function("min", family="reduction", results=VALUES_AND_INDICES)
def min_(c: Call, input: TensorType, dim: TensorType | int | None = None, keepdim: bool = False) -> Extreme:
    """The smallest of all values; over one `dim`, the values and where they are; with a second tensor, `minimum`."""
    if isinstance(dim, TensorType):
        return c.ordered(elementwise(c, input, dim, subject="dim"))
    return _with_indices(c, input, dim, keepdim)


@function("median", family="reduction", results=VALUES_AND_INDICES)
def median(c: Call, input: TensorType, dim: int | None = None, keepdim: bool = False) -> Extreme:
    """The middle of all values; over one `dim`, the values and where they are."""
    return _with_indices(c, c.real(input), dim, keepdim)


def _with_indices(c: Call, input: TensorType, dim: int | None, keepdim: bool) -> Extreme:
    if dim is None:
        return _extreme(c, input, None, False)
    values = _extreme(c, input, dim, keepdim)
    return {"values": values, "indices": values.with_dtype(DType.int64)}


def _extreme(c: Call, input: TensorType, dim: Ints | None, keepdim: bool) -> TensorType:
    c.ordered(input)
    _nonempty(c, input, dim)
    return reduced(c, input, dim, keepdim)


@function("argmax", family="reduction")
def argmax(c: Call, input: TensorType, dim: int | None = None, keepdim: bool = False) -> TensorType:
    """Where the largest value is, over `dim` or in the flattened tensor."""
    return _extreme(c, c.real(input), dim, keepdim).with_dtype(DType.int64)


@function("argmin", family="reduction")
def argmin(c: Call, input: TensorType, dim: int | None = None, keepdim: bool = False) -> TensorType:
    """Where the smallest value is, over `dim` or in the flattened tensor."""
    return _extreme(c, c.real(input), dim, keepdim).with_dtype(DType.int64)


@function("topk", family="reduction", results=VALUES_AND_INDICES)
def topk(
    c: Call, input: TensorType, k: Size, dim: int = -1, largest: bool = True, sorted: bool = True
) -> Mapping[str, TensorType]:
    """The `k` largest or smallest values along `dim`, and where they are."""
    i = axis(c, dim, c.real(input).rank)
    size: DimLike = input.shape[i] if input.rank else 1
    c.at_least(k, 1, f"k is {k}: nothing would be left", "k")
    c.at_least(size, k, f"dimension {i} has {size} elements, fewer than k={k}", "k")
    values = input.with_shape(*input.shape[:i], k, *input.shape[i + 1 :]) if input.rank else input
    return {"values": values, "indices": values.with_dtype(DType.int64)}


@function("sort", family="reduction", results=VALUES_AND_INDICES)
def sort(c: Call, input: TensorType, dim: int = -1, descending: bool = False) -> Mapping[str, TensorType]:
    """The values in order along `dim`, and where they were."""
    axis(c, dim, c.ordered(input).rank)
    return {"values": input, "indices": input.with_dtype(DType.int64)}


@function("argsort", family="reduction")
def argsort(c: Call, input: TensorType, dim: int = -1, descending: bool = False) -> TensorType:
    """Where the values that come in order along `dim` are."""
    axis(c, dim, c.ordered(input).rank)
    return input.with_dtype(DType.int64)


# -- truth -------------------------------------------------------------------------------------------------------------


@function("all", family="reduction")
def all_(c: Call, input: TensorType, dim: Ints | None = None, keepdim: bool = False) -> TensorType:
    """Whether every element is nonzero. A `dim` that lists none leaves all of them."""
    return _truth(input if dim in ((), []) else reduced(c, input, dim, keepdim))


@function("any", family="reduction")
def any_(c: Call, input: TensorType, dim: Ints | None = None, keepdim: bool = False) -> TensorType:
    """Whether some element is nonzero. A `dim` that lists none leaves all of them."""
    return _truth(input if dim in ((), []) else reduced(c, input, dim, keepdim))


def _truth(result: TensorType) -> TensorType:
    return result if result.dtype is DType.uint8 else result.with_dtype(DType.bool)


# -- running -----------------------------------------------------------------------------------------------------------


@function("cumsum", family="reduction")
def cumsum(c: Call, input: TensorType, dim: int, *, dtype: Dtype | None = None) -> TensorType:
    """The running sum along `dim`: (*) → (*)."""
    axis(c, dim, input.rank)
    if dtype is DType.bool:
        c.refuse("truth values have no running total", "dtype", code="NNC0503")
    return input.with_dtype(dtype or accumulated(input.dtype))


@function("cumprod", family="reduction")
def cumprod(c: Call, input: TensorType, dim: int, *, dtype: Dtype | None = None) -> TensorType:
    """The running product along `dim`: (*) → (*)."""
    axis(c, dim, input.rank)
    if dtype is DType.bool:
        c.refuse("truth values have no running total", "dtype", code="NNC0503")
    return input.with_dtype(dtype or accumulated(input.dtype))


@function("logcumsumexp", family="reduction")
def logcumsumexp(c: Call, input: TensorType, dim: int) -> TensorType:
    """The running log Σ exp(x) along `dim`: (*) → (*)."""
    axis(c, dim, c.floating(input).rank)
    return input


@function("cummax", family="reduction", results=VALUES_AND_INDICES)
def cummax(c: Call, input: TensorType, dim: int) -> Mapping[str, TensorType]:
    """The largest value so far along `dim`, and where it is."""
    axis(c, dim, c.ordered(input).rank)
    return {"values": input, "indices": input.with_dtype(DType.int64)}


@function("cummin", family="reduction", results=VALUES_AND_INDICES)
def cummin(c: Call, input: TensorType, dim: int) -> Mapping[str, TensorType]:
    """The smallest value so far along `dim`, and where it is."""
    axis(c, dim, c.ordered(input).rank)
    return {"values": input, "indices": input.with_dtype(DType.int64)}


@function("kthvalue", family="reduction", results=VALUES_AND_INDICES)
def kthvalue(c: Call, input: TensorType, k: Size, dim: int = -1, keepdim: bool = False) -> Mapping[str, TensorType]:
    """The `k`-th smallest value along `dim`, counted from 1, and where it is."""
    i = axis(c, dim, c.real(input).rank)
    size: DimLike = input.shape[i] if input.rank else 1
    c.at_least(k, 1, f"k counts from 1: {k}", "k")
    c.at_least(size, k, f"dimension {i} has {size} elements, fewer than k={k}", "k")
    values = reduced(c, input, i, keepdim) if input.rank else input
    return {"values": values, "indices": values.with_dtype(DType.int64)}


@function("count_nonzero", family="reduction")
def count_nonzero(c: Call, input: TensorType, dim: Ints | None = None) -> TensorType:
    """How many values are not 0, over `dim` or over everything."""
    return reduced(c, input, dim, False).with_dtype(DType.int64)


@function("diff", family="reduction")
def diff(
    c: Call,
    input: TensorType,
    n: Positive = 1,
    dim: int = -1,
    prepend: TensorType | None = None,
    append: TensorType | None = None,
) -> TensorType:
    """The n-th differences of neighbours along `dim`, after joining what stands before and after: (N) → (N − n)."""
    c.at_least_rank(input, 1)
    i = axis(c, dim, input.rank)
    size = input.shape[i]
    for name, extra in (("prepend", prepend), ("append", append)):
        if extra is not None:
            size = size + _extra(c, input, i, name, extra)
    dtype = result_type(*(t for t in (prepend, input, append) if t is not None))
    c.at_least(size, n + 1, f"the differences of order {n} of {size} values: nothing would be left", "n")
    return TensorType((*input.shape[:i], size - n, *input.shape[i + 1 :]), dtype)


def _extra(c: Call, input: TensorType, i: int, name: str, extra: TensorType) -> DimLike:
    c.rank(extra, input.rank, name=name)
    for d, (have, want) in enumerate(zip(extra.shape, input.shape, strict=True)):
        if d != i:
            c.equal(have, want, f"sizes {have} and {want} of dimension {d} differ", name)
    return extra.shape[i]


OPS: tuple[OpDef, ...] = (
    sum_, mean, prod_, std, var, norm, logsumexp, amax, amin, max_, min_, median, argmax, argmin, topk, sort, argsort,
    all_, any_, cumsum, cumprod, logcumsumexp, cummax, cummin, kthvalue, count_nonzero, diff,
)  # fmt: skip
