"""Cutting images into blocks, and adding blocks up to images."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Pair, PositivePair, Size, Sizes
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shapes import ntuple, product, window
from nnc.compiler.types.dim import Dim, DimLike
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@module("Unfold", family="convolution")
def unfold_module(
    c: Call,
    input: TensorType,
    kernel_size: PositivePair,
    dilation: PositivePair = 1,
    padding: Pair = 0,
    stride: PositivePair = 1,
) -> TensorType:
    """Sliding blocks as columns: (N, C, H, W) → (N, C·kh·kw, L), L the number of blocks."""
    return _unfold(c, input, kernel_size, dilation, padding, stride)


@function("unfold", family="convolution")
def unfold(
    c: Call,
    input: TensorType,
    kernel_size: PositivePair,
    dilation: PositivePair = 1,
    padding: Pair = 0,
    stride: PositivePair = 1,
) -> TensorType:
    """Sliding blocks as columns: (N, C, H, W) → (N, C·kh·kw, L), L the number of blocks."""
    return _unfold(c, input, kernel_size, dilation, padding, stride)


def _unfold(
    c: Call,
    input: TensorType,
    kernel_size: PositivePair,
    dilation: PositivePair,
    padding: Pair,
    stride: PositivePair,
) -> TensorType:
    c.rank(c.floating(input), 3, 4)
    *batch, channels, height, width = input.shape
    for size in (channels, height, width):
        c.at_least(size, 1, f"there is nothing to cut in {input}", "input")
    kernel = ntuple(c, kernel_size, 2, "kernel_size")
    blocks = _blocks(c, (height, width), kernel, dilation, padding, stride)
    return input.with_shape(*batch, channels * prod(kernel), blocks)


def _blocks(
    c: Call,
    space: Sequence[DimLike],
    kernel: tuple[int, ...],
    dilation: PositivePair,
    padding: Pair,
    stride: PositivePair,
) -> DimLike:
    steps, pads = ntuple(c, stride, 2, "stride"), ntuple(c, padding, 2, "padding")
    holes = ntuple(c, dilation, 2, "dilation")
    return product(window(c, *axis) for axis in zip(space, kernel, steps, pads, holes, strict=True))


@module("Fold", family="convolution")
def fold_module(
    c: Call,
    input: TensorType,
    output_size: PositivePair,
    kernel_size: PositivePair,
    dilation: PositivePair = 1,
    padding: Pair = 0,
    stride: PositivePair = 1,
) -> TensorType:
    """Columns added up as overlapping blocks: (N, C·kh·kw, L) → (N, C, *output_size)."""
    return _fold(c, input, output_size, kernel_size, dilation, padding, stride)


@function("fold", family="convolution")
def fold(
    c: Call,
    input: TensorType,
    output_size: Size | Sizes,
    kernel_size: PositivePair,
    dilation: PositivePair = 1,
    padding: Pair = 0,
    stride: PositivePair = 1,
) -> TensorType:
    """Columns added up as overlapping blocks: (N, C·kh·kw, L) → (N, C, *output_size)."""
    return _fold(c, input, output_size, kernel_size, dilation, padding, stride)


def _fold(
    c: Call,
    input: TensorType,
    output_size: Size | Sizes,
    kernel_size: PositivePair,
    dilation: PositivePair,
    padding: Pair,
    stride: PositivePair,
) -> TensorType:
    c.rank(c.floating(input, complex=True), 2, 3)
    *batch, rows, columns = input.shape
    height, width = _both(c, output_size)
    kernel = ntuple(c, kernel_size, 2, "kernel_size")
    block = prod(kernel)
    c.multiple(rows, block, f"{rows} rows are not a multiple of the block's {block} elements", "kernel_size")
    blocks = _blocks(c, (height, width), kernel, dilation, padding, stride)
    c.equal(columns, blocks, f"{columns} columns for {blocks} blocks in {height} × {width}", "output_size")
    return input.with_shape(*batch, rows // block, height, width)


def _both(c: Call, output_size: Size | Sizes) -> Sequence[DimLike]:
    sizes = (output_size,) * 2 if isinstance(output_size, int | Dim) else output_size
    if len(sizes) != 2:
        c.refuse(f"output_size takes one integer or 2, not {len(sizes)}", "output_size")
    for size in sizes:
        c.at_least(size, 1, f"output_size {size} is not positive", "output_size")
    return sizes


OPS: tuple[OpDef, ...] = (unfold_module, unfold, fold_module, fold)
