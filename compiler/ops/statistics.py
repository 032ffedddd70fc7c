"""Reductions that skip NaN, quantiles, moments together, areas, and places in sorted values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from nnc.compiler.ops.arithmetic import elementwise
from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import accumulated, magnitude, result_type
from nnc.compiler.ops.kinds import Dtype, Ints, Number
from nnc.compiler.ops.reduction import VALUES_AND_INDICES, reduced
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import axis, broadcast
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


# -- without NaN -------------------------------------------------------------------------------------------------------


@function("nansum", family="reduction")
def nansum(
    c: Call, input: TensorType, dim: Ints | None = None, keepdim: bool = False, *, dtype: Dtype | None = None
) -> TensorType:
    """The sum over `dim`, or over everything, of what is not NaN."""
    if input.dtype.is_complex or (dtype is not None and dtype.is_complex):
        c.refuse("nansum does not take complex numbers", "input", code="NNC0503")
    return reduced(c, input, dim, keepdim).with_dtype(dtype or accumulated(input.dtype))


@function("nanmean", family="reduction")
def nanmean(
    c: Call, input: TensorType, dim: Ints | None = None, keepdim: bool = False, *, dtype: Dtype | None = None
) -> TensorType:
    """The mean over `dim`, or over everything, of what is not NaN."""
    c.floating(input)
    if dtype is not None and not dtype.is_floating:
        c.refuse(f"a mean is a floating-point number, not {dtype}", "dtype", code="NNC0503")
    return reduced(c, input, dim, keepdim).with_dtype(dtype or input.dtype)


@function("nanmedian", family="reduction", results=VALUES_AND_INDICES)
def nanmedian(
    c: Call, input: TensorType, dim: int | None = None, keepdim: bool = False
) -> TensorType | Mapping[str, TensorType]:
    """The middle of all values that are not NaN; over one `dim`, the values and where they are."""
    c.real(input)
    if dim is None and "keepdim" in c.given:
        c.refuse("keepdim is given without dim", "keepdim")
    _nonempty(c, input, dim)
    if dim is None:
        return reduced(c, input, None, False)
    values = reduced(c, input, dim, keepdim)
    return {"values": values, "indices": values.with_dtype(DType.int64)}


def _nonempty(c: Call, input: TensorType, dim: int | None) -> None:
    chosen = range(input.rank) if dim is None else [axis(c, dim, input.rank)] if input.rank else []
    for i in chosen:
        c.at_least(input.shape[i], 1, f"dimension {i} is empty", "input")


# -- order -------------------------------------------------------------------------------------------------------------


@function("quantile", family="reduction")
def quantile(
    c: Call,
    input: TensorType,
    q: TensorType | float,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: Literal["linear", "lower", "higher", "midpoint", "nearest"] = "linear",
) -> TensorType:
    """The `q`-th quantile over `dim`, or over everything; several quantiles stand in front."""
    return _quantile(c, input, q, dim, keepdim)


@function("nanquantile", family="reduction")
def nanquantile(
    c: Call,
    input: TensorType,
    q: TensorType | float,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: Literal["linear", "lower", "higher", "midpoint", "nearest"] = "linear",
) -> TensorType:
    """The `q`-th quantile over `dim`, or over everything, of what is not NaN; several quantiles stand in front."""
    return _quantile(c, input, q, dim, keepdim)


def _quantile(c: Call, input: TensorType, q: TensorType | float, dim: int | None, keepdim: bool) -> TensorType:
    if input.dtype not in (DType.float32, DType.float64):
        c.refuse(f"{c.op} takes float32 or float64, this is {input.dtype}", "input", code="NNC0503")
    _nonempty(c, input, dim)
    front: tuple[DimLike, ...] = ()
    if isinstance(q, TensorType):
        if q.dtype is not input.dtype:
            c.refuse(f"q is {q.dtype}, input is {input.dtype}", "q", code="NNC0503")
        c.rank(q, 0, 1, name="q")
        front = q.shape
    elif not 0 <= q <= 1:
        c.refuse(f"q is a number from 0 to 1, not {q}", "q")
    result = reduced(c, input, dim, keepdim)
    return result.with_shape(*front, *result.shape)


@function("mode", family="reduction", results=VALUES_AND_INDICES)
def mode(c: Call, input: TensorType, dim: int = -1, keepdim: bool = False) -> Mapping[str, TensorType]:
    """The value that is most frequent along `dim`, and where it is."""
    c.ordered(input)
    _nonempty(c, input, dim)
    values = reduced(c, input, dim, keepdim)
    return {"values": values, "indices": values.with_dtype(DType.int64)}


@function("msort", family="reduction")
def msort(c: Call, input: TensorType) -> TensorType:
    """The values in order along the first dimension."""
    return c.ordered(input)


@function("aminmax", family="reduction", results=("min", "max"))
def aminmax(c: Call, input: TensorType, *, dim: int | None = None, keepdim: bool = False) -> Mapping[str, TensorType]:
    """The smallest and the largest value over `dim`, or over everything."""
    c.ordered(input)
    _nonempty(c, input, dim)
    result = reduced(c, input, dim, keepdim)
    return {"min": result, "max": result}


@function("bucketize", family="indexing")
def bucketize(
    c: Call, input: TensorType, boundaries: TensorType, *, out_int32: bool = False, right: bool = False
) -> TensorType:
    """Between which of the sorted `boundaries` (n) each value lies: (*) → (*) int64."""
    c.rank(c.real(boundaries, "boundaries"), 1, name="boundaries")
    return _places(c, input, boundaries, out_int32)


@function("searchsorted", family="indexing")
def searchsorted(
    c: Call,
    sorted_sequence: TensorType,
    input: TensorType,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: Literal["left", "right"] | None = None,
    sorter: TensorType | None = None,
) -> TensorType:
    """Where each value would stand in sorted values: (n) or (*, n), (*, k) → (*, k) int64."""
    if sorter is not None:
        c.refuse("a sorter must hold places inside, which depends on the numbers in it", "sorter")
    if side == "left" and right:
        c.refuse("side and right say opposite things", "side")
    c.at_least_rank(c.real(sorted_sequence, "sorted_sequence"), 1, "sorted_sequence")
    if sorted_sequence.rank > 1:
        c.rank(input, sorted_sequence.rank)
        for have, want in zip(input.shape[:-1], sorted_sequence.shape[:-1], strict=True):
            c.equal(have, want, f"input is {input}, the sorted values {sorted_sequence}", "input")
    return _places(c, input, sorted_sequence, out_int32)


def _places(c: Call, input: TensorType, ordered: TensorType, out_int32: bool) -> TensorType:
    if c.real(input).dtype is not ordered.dtype:
        c.refuse(f"input is {input.dtype}, the sorted values {ordered.dtype}", "input", code="NNC0503")
    return input.with_dtype(DType.int32 if out_int32 else DType.int64)


@function("isin", family="comparison")
def isin(
    c: Call, elements: TensorType, test_elements: TensorType, *, assume_unique: bool = False, invert: bool = False
) -> TensorType:
    """Whether each element is one of `test_elements`."""
    for name, tensor in (("elements", elements), ("test_elements", test_elements)):
        c.real(tensor, name)
    return elements.with_dtype(DType.bool)


# -- moments, norms, areas ---------------------------------------------------------------------------------------------


@function("std_mean", family="reduction", results=("std", "mean"))
def std_mean(
    c: Call, input: TensorType, dim: Ints | None = None, *, correction: Number = 1, keepdim: bool = False
) -> Mapping[str, TensorType]:
    """The standard deviation and the mean over `dim`, or over everything."""
    result = reduced(c, c.floating(input, complex=True), dim, keepdim)
    return {"std": result.with_dtype(magnitude(result.dtype)), "mean": result}


@function("var_mean", family="reduction", results=("var", "mean"))
def var_mean(
    c: Call, input: TensorType, dim: Ints | None = None, *, correction: Number = 1, keepdim: bool = False
) -> Mapping[str, TensorType]:
    """The variance and the mean over `dim`, or over everything."""
    result = reduced(c, c.floating(input, complex=True), dim, keepdim)
    return {"var": result.with_dtype(magnitude(result.dtype)), "mean": result}


@function("dist", family="reduction")
def dist(c: Call, input: TensorType, other: TensorType, p: Number = 2) -> TensorType:
    """The p-norm of x − y: () whatever they are."""
    for name, tensor in (("input", input), ("other", other)):
        if tensor.dtype is DType.bool:
            c.refuse("truth values have no distance", name, code="NNC0503")
    result = c.floating(elementwise(c, input, other), complex=True)
    return result.with_shape().with_dtype(magnitude(result.dtype))


@function("renorm", family="reduction")
def renorm(c: Call, input: TensorType, p: Number, dim: int, maxnorm: Number) -> TensorType:
    """The slices along `dim` scaled down to a p-norm of at most `maxnorm`: (*) → (*)."""
    c.at_least_rank(c.floating(input, complex=True), 2)
    if p <= 0 or maxnorm < 0:
        c.refuse("p is above 0 and maxnorm at least 0", "p" if p <= 0 else "maxnorm")
    axis(c, dim, input.rank)
    return input


@function("trapezoid", family="reduction")
def trapezoid(
    c: Call, y: TensorType, x: TensorType | None = None, *, dx: Number | None = None, dim: int = -1
) -> TensorType:
    """The area under `y` along `dim`, at places `x` or in steps of `dx`."""
    i, shape, dtype = _curve(c, y, x, dx, dim)
    return TensorType((*shape[:i], *shape[i + 1 :]), dtype)


@function("cumulative_trapezoid", family="reduction")
def cumulative_trapezoid(
    c: Call, y: TensorType, x: TensorType | None = None, *, dx: Number | None = None, dim: int = -1
) -> TensorType:
    """The running area under `y` along `dim`, at places `x` or in steps of `dx`: (N) → (N − 1)."""
    i, shape, dtype = _curve(c, y, x, dx, dim)
    c.at_least(shape[i], 2, f"the area under {shape[i]} values has no course", "y")
    return TensorType((*shape[:i], shape[i] - 1, *shape[i + 1 :]), dtype)


def _curve(
    c: Call, y: TensorType, x: TensorType | None, dx: Number | None, dim: int
) -> tuple[int, tuple[DimLike, ...], DType]:
    """Which dimension is summed, the shape before it is, and the result's dtype."""
    if x is not None and dx is not None:
        c.refuse("there are places x, or a step dx, not both", "dx")
    c.at_least_rank(y, 1, "y")
    i = axis(c, dim, y.rank)
    c.at_least(y.shape[i], 1, f"dimension {i} is empty", "y")
    for name, tensor in (("y", y), ("x", x)):
        if tensor is not None:
            c.floating(tensor, name)
    if x is None:
        return i, y.shape, y.dtype
    if x.rank == 1:
        c.equal(x.shape[0], y.shape[i], f"there are {x.shape[0]} places for {y.shape[i]} values", "x")
        return i, y.shape, result_type(y, x)
    if x.rank != y.rank:
        c.refuse(f"x is {x}, y is {y}: their ranks differ", "x", code="NNC0502")
    c.equal(x.shape[i], y.shape[i], f"there are {x.shape[i]} places for {y.shape[i]} values", "x")
    return i, broadcast(c, y.shape, x.shape, subject="x"), result_type(y, x)


OPS: tuple[OpDef, ...] = (
    nansum, nanmean, nanmedian, quantile, nanquantile, mode, msort, aminmax, bucketize, searchsorted, isin, std_mean,
    var_mean, dist, renorm, trapezoid, cumulative_trapezoid,
)  # fmt: skip
