"""Undoing a max pool: values go back to where `indices` says, zeros elsewhere."""

from __future__ import annotations

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Pair, PositivePair, PositiveSingle, PositiveTriple, Single, Sizes, Triple
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shapes import ntuple
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@module("MaxUnpool1d", family="pooling", calls=("output_size",))
def max_unpool1d_module(
    c: Call,
    input: TensorType,
    indices: TensorType,
    kernel_size: PositiveSingle,
    stride: PositiveSingle | None = None,
    padding: Single = 0,
    output_size: Sizes | None = None,
) -> TensorType:
    """The inverse of MaxPool1d: (N, C, L) → (N, C, L')."""
    return _unpool(c, input, indices, 1, kernel_size, stride, padding, output_size)


@module("MaxUnpool2d", family="pooling", calls=("output_size",))
def max_unpool2d_module(
    c: Call,
    input: TensorType,
    indices: TensorType,
    kernel_size: PositivePair,
    stride: PositivePair | None = None,
    padding: Pair = 0,
    output_size: Sizes | None = None,
) -> TensorType:
    """The inverse of MaxPool2d: (N, C, H, W) → (N, C, H', W')."""
    return _unpool(c, input, indices, 2, kernel_size, stride, padding, output_size)


@module("MaxUnpool3d", family="pooling", calls=("output_size",))
def max_unpool3d_module(
    c: Call,
    input: TensorType,
    indices: TensorType,
    kernel_size: PositiveTriple,
    stride: PositiveTriple | None = None,
    padding: Triple = 0,
    output_size: Sizes | None = None,
) -> TensorType:
    """The inverse of MaxPool3d: (N, C, D, H, W) → (N, C, D', H', W')."""
    return _unpool(c, input, indices, 3, kernel_size, stride, padding, output_size)


@function("max_unpool1d", family="pooling")
def max_unpool1d(
    c: Call,
    input: TensorType,
    indices: TensorType,
    kernel_size: PositiveSingle,
    stride: PositiveSingle | None = None,
    padding: Single = 0,
    output_size: Sizes | None = None,
) -> TensorType:
    """The inverse of max_pool1d: (N, C, L) → (N, C, L')."""
    return _unpool(c, input, indices, 1, kernel_size, stride, padding, output_size)


@function("max_unpool2d", family="pooling")
def max_unpool2d(
    c: Call,
    input: TensorType,
    indices: TensorType,
    kernel_size: PositivePair,
    stride: PositivePair | None = None,
    padding: Pair = 0,
    output_size: Sizes | None = None,
) -> TensorType:
    """The inverse of max_pool2d: (N, C, H, W) → (N, C, H', W')."""
    return _unpool(c, input, indices, 2, kernel_size, stride, padding, output_size)


@function("max_unpool3d", family="pooling")
def max_unpool3d(
    c: Call,
    input: TensorType,
    indices: TensorType,
    kernel_size: PositiveTriple,
    stride: PositiveTriple | None = None,
    padding: Triple = 0,
    output_size: Sizes | None = None,
) -> TensorType:
    """The inverse of max_pool3d: (N, C, D, H, W) → (N, C, D', H', W')."""
    return _unpool(c, input, indices, 3, kernel_size, stride, padding, output_size)


def _unpool(
    c: Call,
    input: TensorType,
    indices: TensorType,
    n: int,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None,
    padding: int | tuple[int, ...],
    output_size: Sizes | None,
) -> TensorType:
    """(in − 1)·stride − 2·padding + kernel, or an `output_size` less than a stride away from that."""
    c.rank(c.floating(input), n + 1, n + 2)
    if indices.dtype is not DType.int64:
        c.refuse(f"indices are int64, these are {indices.dtype}", "indices", code="NNC0503")
    c.rank(indices, input.rank, name="indices")
    for have, want in zip(indices.shape, input.shape, strict=True):
        c.equal(have, want, f"indices are {indices.with_dtype(input.dtype)}, the input is {input}", "indices")
    kernel = ntuple(c, kernel_size, n, "kernel_size")
    steps = kernel if stride is None else ntuple(c, stride, n, "stride")
    pads = ntuple(c, padding, n, "padding")
    usual = [(d - 1) * s - 2 * p + k for d, k, s, p in zip(input.shape[-n:], kernel, steps, pads, strict=True)]
    space = list(usual)
    if output_size is not None:
        if len(output_size) not in (n, n + 2):
            c.refuse(f"output_size lists {len(output_size)} sizes, {n} are needed", "output_size")
        space = list(output_size[-n:])
        for size, middle, s in zip(space, usual, steps, strict=True):
            c.at_least(size, middle - s + 1, f"output_size {size} is not above {middle - s}", "output_size")
            c.at_least(middle + s - 1, size, f"output_size {size} is not below {middle + s}", "output_size")
    for size in space:
        c.at_least(size, 1, f"the result would have size {size}", "padding")
    return input.with_shape(*input.shape[:-n], *space)


OPS: tuple[OpDef, ...] = (
    max_unpool1d_module, max_unpool2d_module, max_unpool3d_module, max_unpool1d, max_unpool2d, max_unpool3d,
)  # fmt: skip
