"""Convolutions: (N, C_in, *space) → (N, C_out, *space'), batched or not."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import (
    Inferred,
    Pair,
    Positive,
    PositivePair,
    PositiveSingle,
    PositiveTriple,
    Single,
    Sizes,
    Triple,
)
from nnc.compiler.ops.registry import OpDef, module
from nnc.compiler.ops.shapes import ntuple, product, widened, window, with_batch
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@module("Conv1d", family="convolution", inferred="in_channels")
def conv1d(
    c: Call,
    input: TensorType,
    in_channels: Inferred,
    out_channels: Positive,
    kernel_size: PositiveSingle,
    stride: PositiveSingle = 1,
    padding: Single | Literal["same", "valid"] = 0,
    dilation: PositiveSingle = 1,
    groups: Positive = 1,
    bias: bool = True,
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros",
) -> TensorType:
    """1-D convolution: (N, C_in, L) → (N, C_out, L')."""
    return _convolve(c, input, 1, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode)


@module("Conv2d", family="convolution", inferred="in_channels")
def conv2d(
    c: Call,
    input: TensorType,
    in_channels: Inferred,
    out_channels: Positive,
    kernel_size: PositivePair,
    stride: PositivePair = 1,
    padding: Pair | Literal["same", "valid"] = 0,
    dilation: PositivePair = 1,
    groups: Positive = 1,
    bias: bool = True,
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros",
) -> TensorType:
    """2-D convolution: (N, C_in, H, W) → (N, C_out, H', W')."""
    return _convolve(c, input, 2, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode)


@module("Conv3d", family="convolution", inferred="in_channels")
def conv3d(
    c: Call,
    input: TensorType,
    in_channels: Inferred,
    out_channels: Positive,
    kernel_size: PositiveTriple,
    stride: PositiveTriple = 1,
    padding: Triple | Literal["same", "valid"] = 0,
    dilation: PositiveTriple = 1,
    groups: Positive = 1,
    bias: bool = True,
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros",
) -> TensorType:
    """3-D convolution: (N, C_in, D, H, W) → (N, C_out, D', H', W')."""
    return _convolve(c, input, 3, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode)


@module("ConvTranspose1d", family="convolution", inferred="in_channels", calls=("output_size",))
def conv_transpose1d(
    c: Call,
    input: TensorType,
    in_channels: Inferred,
    out_channels: Positive,
    kernel_size: PositiveSingle,
    stride: PositiveSingle = 1,
    padding: Single = 0,
    output_padding: Single = 0,
    groups: Positive = 1,
    bias: bool = True,
    dilation: PositiveSingle = 1,
    padding_mode: Literal["zeros"] = "zeros",
    output_size: Sizes | None = None,
) -> TensorType:
    """1-D transposed convolution: (N, C_in, L) → (N, C_out, L'), what a Conv1d would shrink to L."""
    return _spread(
        c, input, 1, out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation, output_size
    )


@module("ConvTranspose2d", family="convolution", inferred="in_channels", calls=("output_size",))
def conv_transpose2d(
    c: Call,
    input: TensorType,
    in_channels: Inferred,
    out_channels: Positive,
    kernel_size: PositivePair,
    stride: PositivePair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: Positive = 1,
    bias: bool = True,
    dilation: PositivePair = 1,
    padding_mode: Literal["zeros"] = "zeros",
    output_size: Sizes | None = None,
) -> TensorType:
    """2-D transposed convolution: (N, C_in, H, W) → (N, C_out, H', W'), what a Conv2d would shrink to (H, W)."""
    return _spread(
        c, input, 2, out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation, output_size
    )


@module("ConvTranspose3d", family="convolution", inferred="in_channels", calls=("output_size",))
def conv_transpose3d(
    c: Call,
    input: TensorType,
    in_channels: Inferred,
    out_channels: Positive,
    kernel_size: PositiveTriple,
    stride: PositiveTriple = 1,
    padding: Triple = 0,
    output_padding: Triple = 0,
    groups: Positive = 1,
    bias: bool = True,
    dilation: PositiveTriple = 1,
    padding_mode: Literal["zeros"] = "zeros",
    output_size: Sizes | None = None,
) -> TensorType:
    """3-D transposed convolution: (N, C_in, D, H, W) → (N, C_out, D', H', W')."""
    return _spread(
        c, input, 3, out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation, output_size
    )


def _channels(c: Call, input: TensorType, n: int, out_channels: int, groups: int) -> int:
    """`in_channels`, with the checks every convolution makes."""
    c.rank(c.weighted(input), n + 1, n + 2)
    with_batch(c, input, n)
    channels = c.infer("in_channels", input.shape[-n - 1])
    if channels == 0:
        c.refuse("there are no channels to convolve", "input")
    if channels % groups:
        c.refuse(f"groups={groups} does not divide the {channels} channels that flow in", "groups")
    if out_channels % groups:
        c.refuse(f"groups={groups} does not divide out_channels={out_channels}", "groups")
    return channels


def _convolve(
    c: Call,
    input: TensorType,
    n: int,
    out_channels: int,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...],
    padding: int | tuple[int, ...] | str,
    dilation: int | tuple[int, ...],
    groups: int,
    bias: bool,
    padding_mode: str,
) -> TensorType:
    channels = _channels(c, input, n, out_channels, groups)
    kernel = ntuple(c, kernel_size, n, "kernel_size")
    steps, holes = ntuple(c, stride, n, "stride"), ntuple(c, dilation, n, "dilation")
    c.parameter("weight", out_channels, channels // groups, *kernel)
    if bias:
        c.parameter("bias", out_channels)
    sizes = input.shape[-n:]
    if padding == "same":
        if any(s != 1 for s in steps):
            c.refuse('padding="same" needs stride 1', "padding")
        widest = [h * (k - 1) - h * (k - 1) // 2 for k, h in zip(kernel, holes, strict=True)]
        space = sizes
    else:
        pads = ntuple(c, 0 if isinstance(padding, str) else padding, n, "padding")
        widest = list(pads)
        space = tuple(window(c, *on_axis) for on_axis in zip(sizes, kernel, steps, pads, holes, strict=True))
    _padding_mode(c, sizes, widest, padding_mode)
    result = input.with_shape(*input.shape[: -n - 1], out_channels, *space)
    c.macs(product((*result.shape, channels // groups, *kernel)))
    return result


def _padding_mode(c: Call, sizes: tuple[DimLike, ...], pads: list[int], mode: str) -> None:
    """Reflection needs a value beyond each padded one, a circle at least as many as are padded."""
    least = {"reflect": 1, "circular": 0}.get(mode)
    if least is not None:
        for size, pad in zip(sizes, pads, strict=True):
            c.at_least(
                size, pad + least, f'padding {pad} is too wide for padding_mode="{mode}" on size {size}', "padding"
            )


def _spread(
    c: Call,
    input: TensorType,
    n: int,
    out_channels: int,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...],
    padding: int | tuple[int, ...],
    output_padding: int | tuple[int, ...],
    groups: int,
    bias: bool,
    dilation: int | tuple[int, ...],
    output_size: Sizes | None,
) -> TensorType:
    channels = _channels(c, input, n, out_channels, groups)
    kernel = ntuple(c, kernel_size, n, "kernel_size")
    steps, holes = ntuple(c, stride, n, "stride"), ntuple(c, dilation, n, "dilation")
    pads, extras = ntuple(c, padding, n, "padding"), ntuple(c, output_padding, n, "output_padding")
    c.parameter("weight", channels, out_channels // groups, *kernel)
    if bias:
        c.parameter("bias", out_channels)
    space = widened(c, input.shape[-n:], kernel, steps, pads, holes, extras, output_size)
    result = input.with_shape(*input.shape[: -n - 1], out_channels, *space)
    c.macs(product((*input.shape, out_channels // groups, *kernel)))
    return result


OPS: tuple[OpDef, ...] = (conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d)
