"""More new tensors: random numbers, windows, places in triangles, powers."""

from __future__ import annotations

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Dtype, Number, Positive, Probability, Scalar, Size, Sizes
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


# -- random ------------------------------------------------------------------------------------------------------------


@function("bernoulli", family="constructor")
def bernoulli(c: Call, input: TensorType, p: Probability | None = None) -> TensorType:
    """1 with the probability that stands there, or with probability `p`, else 0."""
    return c.ordered(input) if p is not None else c.floating(input)


@function("poisson", family="constructor")
def poisson(c: Call, input: TensorType) -> TensorType:
    """Counts whose means stand there."""
    return c.floating(input)


@function("multinomial", family="constructor")
def multinomial(c: Call, input: TensorType, num_samples: int, replacement: bool = False) -> TensorType:
    """`num_samples` places, drawn by the weights of each row: (N, C) or (C) → (N, num_samples) int64."""
    c.rank(c.floating(input), 1, 2)
    if num_samples < 1:
        c.refuse(f"num_samples is positive, not {num_samples}", "num_samples")
    least = 1 if replacement else num_samples
    c.at_least(input.shape[-1], least, f"{num_samples} of {input.shape[-1]} cannot be drawn", "num_samples")
    return input.with_shape(*input.shape[:-1], num_samples).with_dtype(DType.int64)


@function("randint", family="constructor")
def randint(c: Call, low: int, high: int, size: Sizes, *, dtype: Dtype = DType.int64) -> TensorType:
    """Random integers from `low` to below `high`: int64 unless `dtype` says otherwise."""
    _range(c, low, high)
    for one in size:
        c.at_least(one, 1, f"a size is {one}: the tensor would have no elements", "size")
    if dtype is DType.bool or dtype.is_complex:
        c.refuse(f"randint makes numbers, not {dtype}", "dtype", code="NNC0503")
    _held(c, low, high, dtype)
    return TensorType(tuple(size), dtype)


def _range(c: Call, low: int, high: int) -> None:
    if low >= high:
        c.refuse(f"there is no integer from {low} to below {high}", "high")


# The integers that each dtype holds, those of floating-point numbers without rounding.
_HELD = {
    DType.uint8: (0, 2**8), DType.int8: (-(2**7), 2**7), DType.int16: (-(2**15), 2**15), DType.int32: (-(2**31), 2**31),
    DType.float16: (-(2**11), 2**11 + 1), DType.bfloat16: (-(2**8), 2**8 + 1), DType.float32: (-(2**24), 2**24 + 1),
    DType.float64: (-(2**53), 2**53 + 1),
}  # fmt: skip


def _held(c: Call, low: int, high: int, dtype: DType) -> None:
    least, most = _HELD.get(dtype, (-(2**63), 2**63))
    if low < least or high > most:
        c.refuse(f"{dtype} does not hold all integers from {low} to below {high}", "high", code="NNC0503")


@function("randperm", family="constructor")
def randperm(c: Call, n: Positive, *, dtype: Dtype = DType.int64) -> TensorType:
    """The integers from 0 to below `n` in random order: (n) int64."""
    if dtype is DType.bool or dtype.is_complex:
        c.refuse(f"randperm makes numbers, not {dtype}", "dtype", code="NNC0503")
    _held(c, 0, n, dtype)
    return TensorType((n,), dtype)


# -- like another tensor -----------------------------------------------------------------------------------------------


@function("new_zeros", family="constructor")
def new_zeros(c: Call, input: TensorType, size: Sizes, *, dtype: Dtype | None = None) -> TensorType:
    """Zeros of the dtype of `input`."""
    return _new(c, input, size, dtype)


@function("new_ones", family="constructor")
def new_ones(c: Call, input: TensorType, size: Sizes, *, dtype: Dtype | None = None) -> TensorType:
    """Ones of the dtype of `input`."""
    return _new(c, input, size, dtype)


@function("new_full", family="constructor")
def new_full(
    c: Call, input: TensorType, size: Sizes, fill_value: Scalar | Size, *, dtype: Dtype | None = None
) -> TensorType:
    """One value everywhere, in the dtype of `input`."""
    return _new(c, input, size, dtype)


def _new(c: Call, input: TensorType, size: Sizes, dtype: DType | None) -> TensorType:
    for one in size:
        c.at_least(one, 1, f"a size is {one}: the tensor would have no elements", "size")
    return TensorType(tuple(size), dtype or input.dtype)


# -- ranges, windows, triangles ----------------------------------------------------------------------------------------


@function("logspace", family="constructor")
def logspace(
    c: Call, start: Number, end: Number, steps: Positive, base: float = 10.0, *, dtype: Dtype | None = None
) -> TensorType:
    """Powers of `base` with exponents in equal steps: (steps)."""
    if dtype is not None and not dtype.is_floating:
        c.refuse(f"powers in equal steps are floating-point numbers, not {dtype}", "dtype", code="NNC0503")
    return TensorType((steps,), dtype or DType.float32)


def _window(c: Call, length: int, dtype: DType | None) -> TensorType:
    if dtype is not None and not dtype.is_floating:
        c.refuse(f"a window holds floating-point numbers, not {dtype}", "dtype", code="NNC0503")
    return TensorType((length,), dtype or DType.float32)


@function("hann_window", family="constructor")
def hann_window(c: Call, window_length: Positive, periodic: bool = True, *, dtype: Dtype | None = None) -> TensorType:
    """sin² over the window: (window_length)."""
    return _window(c, window_length, dtype)


@function("hamming_window", family="constructor")
def hamming_window(
    c: Call, window_length: Positive, periodic: bool = True, *, dtype: Dtype | None = None
) -> TensorType:
    """0.54 − 0.46 · cos over the window: (window_length)."""
    return _window(c, window_length, dtype)


@function("bartlett_window", family="constructor")
def bartlett_window(
    c: Call, window_length: Positive, periodic: bool = True, *, dtype: Dtype | None = None
) -> TensorType:
    """Up and down in straight lines: (window_length)."""
    return _window(c, window_length, dtype)


@function("blackman_window", family="constructor")
def blackman_window(
    c: Call, window_length: Positive, periodic: bool = True, *, dtype: Dtype | None = None
) -> TensorType:
    """0.42 − 0.5 · cos + 0.08 · cos 2 over the window: (window_length)."""
    return _window(c, window_length, dtype)


@function("tril_indices", family="constructor")
def tril_indices(c: Call, row: Positive, col: Positive, offset: int = 0, *, dtype: Dtype = DType.int64) -> TensorType:
    """The places below the diagonal of a matrix, row by row: (2, n) int64."""
    below = sum(min(max(i + offset + 1, 0), col) for i in range(c.at_most(row, 65_536, "row")))
    return _triangle(c, below, dtype)


@function("triu_indices", family="constructor")
def triu_indices(c: Call, row: Positive, col: Positive, offset: int = 0, *, dtype: Dtype = DType.int64) -> TensorType:
    """The places above the diagonal of a matrix, row by row: (2, n) int64."""
    above = sum(min(max(col - i - offset, 0), col) for i in range(c.at_most(row, 65_536, "row")))
    return _triangle(c, above, dtype)


def _triangle(c: Call, count: int, dtype: DType) -> TensorType:
    if dtype not in (DType.int64, DType.int32):
        c.refuse(f"places are int64 or int32, not {dtype}", "dtype", code="NNC0503")
    c.at_least(count, 1, "there are no such places: the tensor would have no elements", "offset")
    return TensorType((2, count), dtype)


OPS: tuple[OpDef, ...] = (
    bernoulli, poisson, multinomial, randint, randperm, new_zeros, new_ones, new_full, logspace, hann_window,
    hamming_window, bartlett_window, blackman_window, tril_indices, triu_indices,
)  # fmt: skip
