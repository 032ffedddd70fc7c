"""Convolutions: (N, C_in, *space) → (N, C_out, *space'), batched or not."""

from __future__ import annotations

from math import prod
from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Inferred, Pair, Positive
from nnc.compiler.ops.registry import OpDef, module
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


def each(value: int | tuple[int, ...], n: int) -> tuple[int, ...]:
    """torch's `_ntuple`: one integer stands for all `n` axes."""
    return (value,) * n if isinstance(value, int) else tuple(value)


def window(c: Call, size: DimLike, kernel: int, stride: int, padding: int, dilation: int) -> DimLike:
    """Size after sliding a window: ⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1 (torch.nn.Conv2d's docs)."""
    reach = dilation * (kernel - 1) + 1
    c.at_least(size + 2 * padding, reach, f"a window of {reach} does not fit into {size} + 2·{padding} (padding)", "kernel_size")
    return (size + 2 * padding - reach) // stride + 1


@module("Conv2d", family="convolution", inferred="in_channels")
def conv2d(
    c: Call,
    input: TensorType,
    in_channels: Inferred,
    out_channels: Positive,
    kernel_size: Pair,
    stride: Pair = 1,
    padding: Pair | Literal["same", "valid"] = 0,
    dilation: Pair = 1,
    groups: Positive = 1,
    bias: bool = True,
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros",
) -> TensorType:
    """2-D convolution: (N, C_in, H, W) → (N, C_out, H', W')."""
    return _convolve(c, input, 2, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)


def _convolve(
    c: Call,
    input: TensorType,
    n: int,
    in_channels: int | None,
    out_channels: int,
    kernel_size: int | tuple[int, ...],
    stride: int | tuple[int, ...],
    padding: int | tuple[int, ...] | str,
    dilation: int | tuple[int, ...],
    groups: int,
    bias: bool,
) -> TensorType:
    c.rank(c.floating(input), n + 1, n + 2)
    *batch, channels = input.shape[:-n]
    channels = c.infer("in_channels", channels)
    c.multiple(channels, groups, f"groups={groups} does not divide the {channels} channels that flow in", "groups")
    c.multiple(out_channels, groups, f"groups={groups} does not divide out_channels={out_channels}", "groups")
    kernel = each(kernel_size, n)
    c.parameter("weight", out_channels, channels // groups, *kernel)
    if bias:
        c.parameter("bias", out_channels)
    steps, holes = each(stride, n), each(dilation, n)
    if padding == "same" and any(s != 1 for s in steps):
        c.refuse('padding="same" needs stride 1', "padding")
    space: tuple[DimLike, ...]
    if padding == "same":
        space = input.shape[-n:]
    else:
        pads = each(0 if isinstance(padding, str) else padding, n)
        space = tuple(window(c, *axis) for axis in zip(input.shape[-n:], kernel, steps, pads, holes, strict=True))
    result = input.with_shape(*batch, out_channels, *space)
    c.macs(result.numel * (channels // groups) * prod(kernel))
    return result


OPS: tuple[OpDef, ...] = (conv2d,)
