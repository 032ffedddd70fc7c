"""Pooling: (N, C, *space) → (N, C, *space'), batched or not."""

from __future__ import annotations

from collections.abc import Mapping

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import (
    OptionalPair,
    OptionalTriple,
    Pair,
    PositivePair,
    PositiveSingle,
    PositiveTriple,
    Single,
    Triple,
)
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shapes import ntuple, window
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]

Pooled = TensorType | Mapping[str, TensorType]
WITH_INDICES = ("output", "indices")


# -- max ---------------------------------------------------------------------------------------------------------------


@module("MaxPool1d", family="pooling", results=WITH_INDICES)
def max_pool1d_module(
    c: Call,
    input: TensorType,
    kernel_size: PositiveSingle,
    stride: PositiveSingle | None = None,
    padding: Single = 0,
    dilation: PositiveSingle = 1,
    return_indices: bool = False,
    ceil_mode: bool = False,
) -> Pooled:
    """The largest value of each window: (N, C, L) → (N, C, L')."""
    return _max_pool(c, input, 1, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@module("MaxPool2d", family="pooling", results=WITH_INDICES)
def max_pool2d_module(
    c: Call,
    input: TensorType,
    kernel_size: PositivePair,
    stride: PositivePair | None = None,
    padding: Pair = 0,
    dilation: PositivePair = 1,
    return_indices: bool = False,
    ceil_mode: bool = False,
) -> Pooled:
    """The largest value of each window: (N, C, H, W) → (N, C, H', W')."""
    return _max_pool(c, input, 2, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@module("MaxPool3d", family="pooling", results=WITH_INDICES)
def max_pool3d_module(
    c: Call,
    input: TensorType,
    kernel_size: PositiveTriple,
    stride: PositiveTriple | None = None,
    padding: Triple = 0,
    dilation: PositiveTriple = 1,
    return_indices: bool = False,
    ceil_mode: bool = False,
) -> Pooled:
    """The largest value of each window: (N, C, D, H, W) → (N, C, D', H', W')."""
    return _max_pool(c, input, 3, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _max_pool(
    c: Call,
    input: TensorType,
    n: int,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None,
    padding: int | tuple[int, ...],
    dilation: int | tuple[int, ...],
    ceil_mode: bool,
    return_indices: bool,
) -> Pooled:
    c.rank(input, n + 1, n + 2)
    c.floating(input) if n == 1 else c.real(input)
    kernel = ntuple(c, kernel_size, n, "kernel_size")
    steps = kernel if stride is None else ntuple(c, stride, n, "stride")
    pads, holes = ntuple(c, padding, n, "padding"), ntuple(c, dilation, n, "dilation")
    output = _pooled(c, input, kernel, steps, pads, holes, ceil_mode)
    if return_indices:
        return {"output": output, "indices": output.with_dtype(DType.int64)}
    return output


def _pooled(
    c: Call,
    input: TensorType,
    kernel: tuple[int, ...],
    steps: tuple[int, ...],
    pads: tuple[int, ...],
    holes: tuple[int, ...],
    ceil_mode: bool,
) -> TensorType:
    n = len(kernel)
    space: list[DimLike] = []
    for size, k, s, p, h in zip(input.shape[-n:], kernel, steps, pads, holes, strict=True):
        if p > k // 2:
            c.refuse(f"padding {p} is more than half of the window of {k}", "padding")
        space.append(window(c, size, k, s, p, h, ceil_mode))
    return input.with_shape(*input.shape[:-n], *space)


# -- average -----------------------------------------------------------------------------------------------------------


@module("AvgPool1d", family="pooling")
def avg_pool1d_module(
    c: Call,
    input: TensorType,
    kernel_size: PositiveSingle,
    stride: PositiveSingle | None = None,
    padding: Single = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> TensorType:
    """The mean of each window: (N, C, L) → (N, C, L')."""
    return _avg_pool(c, input, 1, kernel_size, stride, padding, ceil_mode)


@module("AvgPool2d", family="pooling")
def avg_pool2d_module(
    c: Call,
    input: TensorType,
    kernel_size: PositivePair,
    stride: PositivePair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> TensorType:
    """The mean of each window: (N, C, H, W) → (N, C, H', W')."""
    return _avg_pool(c, input, 2, kernel_size, stride, padding, ceil_mode, divisor_override)


@module("AvgPool3d", family="pooling")
def avg_pool3d_module(
    c: Call,
    input: TensorType,
    kernel_size: PositiveTriple,
    stride: PositiveTriple | None = None,
    padding: Triple = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> TensorType:
    """The mean of each window: (N, C, D, H, W) → (N, C, D', H', W')."""
    return _avg_pool(c, input, 3, kernel_size, stride, padding, ceil_mode, divisor_override)


def _avg_pool(
    c: Call,
    input: TensorType,
    n: int,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...] | None,
    padding: int | tuple[int, ...],
    ceil_mode: bool,
    divisor_override: int | None = None,
) -> TensorType:
    c.rank(c.floating(input), n + 1, n + 2)
    if divisor_override == 0:
        c.refuse("divisor_override must not be 0", "divisor_override")
    kernel = ntuple(c, kernel_size, n, "kernel_size")
    steps = kernel if stride is None else ntuple(c, stride, n, "stride")
    if n == 3:  # torch's AvgPool3d alone wants the window to fit without padding
        for size, k in zip(input.shape[-3:], kernel, strict=True):
            c.at_least(size, k, f"a window of {k} does not fit into {size}", "kernel_size")
    return _pooled(c, input, kernel, steps, ntuple(c, padding, n, "padding"), (1,) * n, ceil_mode)


# -- adaptive ----------------------------------------------------------------------------------------------------------


@module("AdaptiveAvgPool1d", family="pooling")
def adaptive_avg_pool1d_module(c: Call, input: TensorType, output_size: PositiveSingle) -> TensorType:
    """The mean of `output_size` even parts: (N, C, L) → (N, C, output_size)."""
    return _adaptive(c, c.floating(input), 1, output_size)


@module("AdaptiveAvgPool2d", family="pooling")
def adaptive_avg_pool2d_module(c: Call, input: TensorType, output_size: OptionalPair) -> TensorType:
    """The mean of even parts, null keeps a size: (N, C, H, W) → (N, C, *output_size)."""
    return _adaptive(c, c.floating(input), 2, output_size)


@module("AdaptiveAvgPool3d", family="pooling")
def adaptive_avg_pool3d_module(c: Call, input: TensorType, output_size: OptionalTriple) -> TensorType:
    """The mean of even parts, null keeps a size: (N, C, D, H, W) → (N, C, *output_size)."""
    return _adaptive(c, c.floating(input), 3, output_size)


@module("AdaptiveMaxPool1d", family="pooling", results=WITH_INDICES)
def adaptive_max_pool1d_module(
    c: Call, input: TensorType, output_size: PositiveSingle, return_indices: bool = False
) -> Pooled:
    """The largest value of `output_size` even parts: (N, C, L) → (N, C, output_size)."""
    return _indexed(_adaptive(c, c.floating(input), 1, output_size), return_indices)


@module("AdaptiveMaxPool2d", family="pooling", results=WITH_INDICES)
def adaptive_max_pool2d_module(
    c: Call, input: TensorType, output_size: OptionalPair, return_indices: bool = False
) -> Pooled:
    """The largest value of even parts, null keeps a size: (N, C, H, W) → (N, C, *output_size)."""
    return _indexed(_adaptive(c, c.floating(input), 2, output_size), return_indices)


@module("AdaptiveMaxPool3d", family="pooling", results=WITH_INDICES)
def adaptive_max_pool3d_module(
    c: Call, input: TensorType, output_size: OptionalTriple, return_indices: bool = False
) -> Pooled:
    """The largest value of even parts, null keeps a size: (N, C, D, H, W) → (N, C, *output_size)."""
    return _indexed(_adaptive(c, c.floating(input), 3, output_size), return_indices)


def _indexed(output: TensorType, return_indices: bool) -> Pooled:
    return {"output": output, "indices": output.with_dtype(DType.int64)} if return_indices else output


def _adaptive(c: Call, input: TensorType, n: int, output_size: int | tuple[int | None, ...]) -> TensorType:
    c.rank(input, n + 1, n + 2)
    wanted = (output_size,) * n if isinstance(output_size, int) else output_size
    space = (have if want is None else want for have, want in zip(input.shape[-n:], wanted, strict=True))
    return input.with_shape(*input.shape[:-n], *space)


# -- functions ---------------------------------------------------------------------------------------------------------


@function("max_pool1d", family="pooling", results=WITH_INDICES)
def max_pool1d(
    c: Call,
    input: TensorType,
    kernel_size: PositiveSingle,
    stride: PositiveSingle | None = None,
    padding: Single = 0,
    dilation: PositiveSingle = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """The largest value of each window: (N, C, L) → (N, C, L')."""
    return _max_pool(c, input, 1, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@function("max_pool2d", family="pooling", results=WITH_INDICES)
def max_pool2d(
    c: Call,
    input: TensorType,
    kernel_size: PositivePair,
    stride: PositivePair | None = None,
    padding: Pair = 0,
    dilation: PositivePair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """The largest value of each window: (N, C, H, W) → (N, C, H', W')."""
    return _max_pool(c, input, 2, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@function("max_pool3d", family="pooling", results=WITH_INDICES)
def max_pool3d(
    c: Call,
    input: TensorType,
    kernel_size: PositiveTriple,
    stride: PositiveTriple | None = None,
    padding: Triple = 0,
    dilation: PositiveTriple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Pooled:
    """The largest value of each window: (N, C, D, H, W) → (N, C, D', H', W')."""
    return _max_pool(c, input, 3, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@function("avg_pool1d", family="pooling")
def avg_pool1d(
    c: Call,
    input: TensorType,
    kernel_size: PositiveSingle,
    stride: PositiveSingle | None = None,
    padding: Single = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> TensorType:
    """The mean of each window: (N, C, L) → (N, C, L')."""
    return _avg_pool(c, input, 1, kernel_size, stride, padding, ceil_mode)


@function("avg_pool2d", family="pooling")
def avg_pool2d(
    c: Call,
    input: TensorType,
    kernel_size: PositivePair,
    stride: PositivePair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> TensorType:
    """The mean of each window: (N, C, H, W) → (N, C, H', W')."""
    return _avg_pool(c, input, 2, kernel_size, stride, padding, ceil_mode, divisor_override)


@function("avg_pool3d", family="pooling")
def avg_pool3d(
    c: Call,
    input: TensorType,
    kernel_size: PositiveTriple,
    stride: PositiveTriple | None = None,
    padding: Triple = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> TensorType:
    """The mean of each window: (N, C, D, H, W) → (N, C, D', H', W')."""
    return _avg_pool(c, input, 3, kernel_size, stride, padding, ceil_mode, divisor_override)


@function("adaptive_avg_pool1d", family="pooling")
def adaptive_avg_pool1d(c: Call, input: TensorType, output_size: PositiveSingle) -> TensorType:
    """The mean of `output_size` even parts: (N, C, L) → (N, C, output_size)."""
    return _adaptive(c, c.floating(input), 1, output_size)


@function("adaptive_avg_pool2d", family="pooling")
def adaptive_avg_pool2d(c: Call, input: TensorType, output_size: OptionalPair) -> TensorType:
    """The mean of even parts, null keeps a size: (N, C, H, W) → (N, C, *output_size)."""
    return _adaptive(c, c.floating(input), 2, output_size)


@function("adaptive_avg_pool3d", family="pooling")
def adaptive_avg_pool3d(c: Call, input: TensorType, output_size: OptionalTriple) -> TensorType:
    """The mean of even parts, null keeps a size: (N, C, D, H, W) → (N, C, *output_size)."""
    return _adaptive(c, c.floating(input), 3, output_size)


@function("adaptive_max_pool1d", family="pooling", results=WITH_INDICES)
def adaptive_max_pool1d(
    c: Call, input: TensorType, output_size: PositiveSingle, return_indices: bool = False
) -> Pooled:
    """The largest value of `output_size` even parts: (N, C, L) → (N, C, output_size)."""
    return _indexed(_adaptive(c, c.floating(input), 1, output_size), return_indices)


@function("adaptive_max_pool2d", family="pooling", results=WITH_INDICES)
def adaptive_max_pool2d(c: Call, input: TensorType, output_size: OptionalPair, return_indices: bool = False) -> Pooled:
    """The largest value of even parts, null keeps a size: (N, C, H, W) → (N, C, *output_size)."""
    return _indexed(_adaptive(c, c.floating(input), 2, output_size), return_indices)


@function("adaptive_max_pool3d", family="pooling", results=WITH_INDICES)
def adaptive_max_pool3d(
    c: Call, input: TensorType, output_size: OptionalTriple, return_indices: bool = False
) -> Pooled:
    """The largest value of even parts, null keeps a size: (N, C, D, H, W) → (N, C, *output_size)."""
    return _indexed(_adaptive(c, c.floating(input), 3, output_size), return_indices)


OPS: tuple[OpDef, ...] = (
    max_pool1d_module, max_pool2d_module, max_pool3d_module, avg_pool1d_module, avg_pool2d_module, avg_pool3d_module,
    adaptive_avg_pool1d_module, adaptive_avg_pool2d_module, adaptive_avg_pool3d_module, adaptive_max_pool1d_module,
    adaptive_max_pool2d_module, adaptive_max_pool3d_module, max_pool1d, max_pool2d, max_pool3d, avg_pool1d,
    avg_pool2d, avg_pool3d, adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d,
    adaptive_max_pool2d, adaptive_max_pool3d,
)  # fmt: skip
