"""Convolutions whose weight is a tensor of the network: hypernetworks, fixed filters, tied kernels."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import (
    NonNegative,
    Pair,
    Positive,
    PositivePair,
    PositiveSingle,
    PositiveTriple,
    Single,
    Triple,
)
from nnc.compiler.ops.product import same_dtype
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import ntuple, product, widened, window
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = ["OPS"]


@function("conv1d", family="convolution")
def conv1d(
    c: Call,
    input: TensorType,
    weight: TensorType,
    bias: TensorType | None = None,
    stride: PositiveSingle = 1,
    padding: Single | Literal["same", "valid"] = 0,
    dilation: PositiveSingle = 1,
    groups: Positive = 1,
) -> TensorType:
    """1-D convolution with a given weight: (N, C_in, L), (C_out, C_in/groups, *kernel) → (N, C_out, L')."""
    return _convolve(c, input, weight, bias, 1, stride, padding, dilation, groups)


@function("conv2d", family="convolution")
def conv2d(
    c: Call,
    input: TensorType,
    weight: TensorType,
    bias: TensorType | None = None,
    stride: PositivePair = 1,
    padding: Pair | Literal["same", "valid"] = 0,
    dilation: PositivePair = 1,
    groups: Positive = 1,
) -> TensorType:
    """2-D convolution with a given weight: (N, C_in, H, W), (C_out, C_in/groups, *kernel) → (N, C_out, H', W')."""
    return _convolve(c, input, weight, bias, 2, stride, padding, dilation, groups)


@function("conv3d", family="convolution")
def conv3d(
    c: Call,
    input: TensorType,
    weight: TensorType,
    bias: TensorType | None = None,
    stride: PositiveTriple = 1,
    padding: Triple | Literal["same", "valid"] = 0,
    dilation: PositiveTriple = 1,
    groups: Positive = 1,
) -> TensorType:
    """3-D convolution with a given weight: (N, C_in, D, H, W), (C_out, C_in/groups, *kernel) → (N, C_out, D', H', W')."""
    return _convolve(c, input, weight, bias, 3, stride, padding, dilation, groups)


@function("conv_transpose1d", family="convolution")
def conv_transpose1d(
    c: Call,
    input: TensorType,
    weight: TensorType,
    bias: TensorType | None = None,
    stride: PositiveSingle = 1,
    padding: Single = 0,
    output_padding: Single = 0,
    groups: Positive = 1,
    dilation: PositiveSingle = 1,
) -> TensorType:
    """1-D transposed convolution with a given weight, (C_in, C_out/groups, *kernel): (N, C_in, L) → (N, C_out, L')."""
    return _spread(c, input, weight, bias, 1, stride, padding, output_padding, groups, dilation)


@function("conv_transpose2d", family="convolution")
def conv_transpose2d(
    c: Call,
    input: TensorType,
    weight: TensorType,
    bias: TensorType | None = None,
    stride: PositivePair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: Positive = 1,
    dilation: PositivePair = 1,
) -> TensorType:
    """2-D transposed convolution with a given weight, (C_in, C_out/groups, *kernel): (N, C_in, H, W) → (N, C_out, …)."""
    return _spread(c, input, weight, bias, 2, stride, padding, output_padding, groups, dilation)


@function("conv_transpose3d", family="convolution")
def conv_transpose3d(
    c: Call,
    input: TensorType,
    weight: TensorType,
    bias: TensorType | None = None,
    stride: PositiveTriple = 1,
    padding: Triple = 0,
    output_padding: Triple = 0,
    groups: Positive = 1,
    dilation: PositiveTriple = 1,
) -> TensorType:
    """3-D transposed convolution with a given weight, (C_in, C_out/groups, *kernel): (N, C_in, D, H, W) → (N, C_out, …)."""
    return _spread(c, input, weight, bias, 3, stride, padding, output_padding, groups, dilation)


def _checked(c: Call, input: TensorType, weight: TensorType, n: int) -> tuple[Shape, DimLike, tuple[int, ...]]:
    """(batch or nothing, channels of the input, kernel): the kernel's size must be known."""
    c.rank(c.floating(input, complex=True), n + 1, n + 2)
    c.rank(weight, n + 2, name="weight")
    same_dtype(c, input, weight, "weight")
    kernel = tuple(c.known(k, "weight", "kernel size") for k in weight.shape[2:])
    if 0 in kernel:
        c.refuse(f"the kernel has no size: {weight}", "weight")
    return input.shape[: -n - 1], input.shape[-n - 1], kernel


def _real(input: TensorType) -> int:
    """Convolutions of real numbers that torch makes of one: (a + bi)(c + di) takes three products."""
    return 3 if input.dtype.is_complex else 1


def _biased(c: Call, input: TensorType, bias: TensorType | None, channels: DimLike) -> None:
    if bias is not None:
        same_dtype(c, input, bias, "bias")
        c.rank(bias, 1, name="bias")
        c.equal(bias.shape[0], channels, f"bias has {bias.shape[0]} elements for {channels} channels", "bias")


def _convolve(
    c: Call,
    input: TensorType,
    weight: TensorType,
    bias: TensorType | None,
    n: int,
    stride: int | tuple[int, ...],
    padding: int | tuple[int, ...] | str,
    dilation: int | tuple[int, ...],
    groups: int,
) -> TensorType:
    batch, channels, kernel = _checked(c, input, weight, n)
    out, share = weight.shape[:2]
    c.equal(share * groups, channels, f"weight takes {share} · {groups} channels, {channels} flow in", "weight")
    c.multiple(out, groups, f"groups={groups} does not divide the {out} channels of the result", "groups")
    c.at_least(channels, 1, "there are no channels to convolve", "input")
    _biased(c, input, bias, out)
    steps, holes = ntuple(c, stride, n, "stride"), ntuple(c, dilation, n, "dilation")
    space: tuple[DimLike, ...]
    if padding == "same":
        if any(s != 1 for s in steps):
            c.refuse('padding="same" needs stride 1', "padding")
        space = input.shape[-n:]
    else:
        pads = ntuple(c, 0 if isinstance(padding, str) else padding, n, "padding")
        space = tuple(window(c, *on) for on in zip(input.shape[-n:], kernel, steps, pads, holes, strict=True))
    result = input.with_shape(*batch, out, *space)
    c.macs(_real(input) * result.numel * share * product(kernel))
    return result


def _spread(
    c: Call,
    input: TensorType,
    weight: TensorType,
    bias: TensorType | None,
    n: int,
    stride: int | tuple[int, ...],
    padding: int | tuple[int, ...],
    output_padding: int | tuple[int, ...],
    groups: int,
    dilation: int | tuple[int, ...],
) -> TensorType:
    batch, channels, kernel = _checked(c, input, weight, n)
    c.equal(weight.shape[0], channels, f"weight takes {weight.shape[0]} channels, {channels} flow in", "weight")
    c.multiple(channels, groups, f"groups={groups} does not divide the {channels} channels that flow in", "groups")
    c.at_least(channels, 1, "there are no channels to convolve", "input")
    out = weight.shape[1] * groups
    _biased(c, input, bias, out)
    steps, holes = ntuple(c, stride, n, "stride"), ntuple(c, dilation, n, "dilation")
    pads, extras = ntuple(c, padding, n, "padding"), ntuple(c, output_padding, n, "output_padding")
    space = widened(c, input.shape[-n:], kernel, steps, pads, holes, extras)
    c.macs(_real(input) * input.numel * weight.shape[1] * product(kernel))
    return input.with_shape(*batch, out, *space)


@function("conv_tbc", family="convolution")
def conv_tbc(c: Call, input: TensorType, weight: TensorType, bias: TensorType, pad: NonNegative = 0) -> TensorType:
    """1-D convolution, time first: (T, B, C_in), weight (k, C_in, C_out), bias (C_out) → (T', B, C_out)."""
    c.rank(c.floating(input), 3)
    for name, tensor, rank in (("weight", weight, 3), ("bias", bias, 1)):
        c.rank(tensor, rank, name=name)
        if tensor.dtype is not input.dtype:
            c.refuse(f"{name} is {tensor.dtype}, input is {input.dtype}", name, code="NNC0503")
    kernel = c.known(weight.shape[0], "weight", "kernel")
    width = weight.shape[2]
    c.equal(weight.shape[1], input.shape[2], f"weight {weight} does not read {input.shape[2]} channels", "weight")
    c.equal(bias.shape[0], width, f"bias has {bias.shape[0]} numbers for {width} channels", "bias")
    steps = window(c, input.shape[0], kernel, 1, pad)
    c.macs(product((steps, input.shape[1], *weight.shape)))
    return input.with_shape(steps, input.shape[1], width)


OPS: tuple[OpDef, ...] = (conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d, conv_tbc)
