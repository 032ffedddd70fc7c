"""Modules and functions of torchvision.ops."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Inferred, Ints, Pair, Positive, PositivePair, Probability
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shape import permuted
from nnc.compiler.ops.shapes import display, ntuple, window
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = ["OPS"]


@module("StochasticDepth", family="vision")
def stochastic_depth_module(c: Call, input: TensorType, p: Probability, mode: Literal["batch", "row"]) -> TensorType:
    """Drops a residual branch in training with probability `p`, for the batch or each sample: (N, *) → the same."""
    return _stochastic_depth(c, input)


@function("stochastic_depth", family="vision")
def stochastic_depth(
    c: Call, input: TensorType, p: Probability, mode: Literal["batch", "row"], training: bool = True
) -> TensorType:
    """Drops a residual branch with probability `p`, for the batch or for each sample: (N, *) → the same."""
    return _stochastic_depth(c, input)


def _stochastic_depth(c: Call, input: TensorType) -> TensorType:
    c.at_least_rank(c.floating(input), 1)
    return input


@module("Permute", family="vision")
def permute_module(c: Call, x: TensorType, dims: Ints) -> TensorType:
    """The dimensions in another order: `Permute([0, 3, 1, 2])`."""
    if isinstance(dims, int):
        c.refuse(f"dims is a list of all dimensions, not the number {dims}", "dims")
    return permuted(c, x, dims)


@module("FrozenBatchNorm2d", family="vision", inferred="num_features")
def frozen_batch_norm2d(c: Call, x: TensorType, num_features: Inferred, eps: float = 1e-05) -> TensorType:
    """Batch normalization whose statistics and affine numbers are fixed: (N, C, H, W) → the same."""
    c.rank(c.weighted(x, "x"), 4, name="x")
    features = c.infer("num_features", x.shape[1])
    for name in ("weight", "bias", "running_mean", "running_var"):
        c.buffer(name, features)
    return x


@module("DropBlock2d", family="dropout")
def drop_block2d_module(
    c: Call, input: TensorType, p: Probability, block_size: Positive, inplace: bool = False, eps: float = 1e-06
) -> TensorType:
    """Zeroes square blocks of each channel in training: (N, C, H, W) → the same."""
    return _drop_block(c, input, 4, block_size)


@module("DropBlock3d", family="dropout")
def drop_block3d_module(
    c: Call, input: TensorType, p: Probability, block_size: Positive, inplace: bool = False, eps: float = 1e-06
) -> TensorType:
    """Zeroes cubic blocks of each channel in training: (N, C, D, H, W) → the same."""
    return _drop_block(c, input, 5, block_size)


@function("drop_block2d", family="dropout")
def drop_block2d(
    c: Call,
    input: TensorType,
    p: Probability,
    block_size: Positive,
    inplace: bool = False,
    eps: float = 1e-06,
    training: bool = True,
) -> TensorType:
    """Zeroes square blocks of each channel: (N, C, H, W) → the same."""
    return _drop_block(c, input, 4, block_size)


@function("drop_block3d", family="dropout")
def drop_block3d(
    c: Call,
    input: TensorType,
    p: Probability,
    block_size: Positive,
    inplace: bool = False,
    eps: float = 1e-06,
    training: bool = True,
) -> TensorType:
    """Zeroes cubic blocks of each channel: (N, C, D, H, W) → the same."""
    return _drop_block(c, input, 5, block_size)


def _drop_block(c: Call, input: TensorType, rank: int, block_size: int) -> TensorType:
    """The block is cut to the smallest size, and must be odd then."""
    c.rank(c.floating(input), rank)
    block = min([block_size, *(size for size in input.shape[2:] if isinstance(size, int))])
    for size in input.shape[2:]:
        c.at_least(size, block, f"a block of {block} does not fit into {size}", "block_size")
    if block % 2 == 0:
        c.refuse(f"a block is odd, not {block}", "block_size")
    return input


@module("DeformConv2d", family="vision", inferred="in_channels")
def deform_conv2d(
    c: Call,
    input: TensorType,
    offset: TensorType,
    in_channels: Inferred,
    out_channels: Positive,
    kernel_size: PositivePair,
    stride: PositivePair = 1,
    padding: Pair = 0,
    dilation: PositivePair = 1,
    groups: Positive = 1,
    bias: bool = True,
    mask: TensorType | None = None,
) -> TensorType:
    """2-D convolution at places moved by `offset` (N, 2·g·kh·kw, H', W'), weighed by `mask` (N, g·kh·kw, H', W')."""
    c.rank(c.weighted(input), 4)
    channels = c.infer("in_channels", input.shape[1])
    if channels % groups or out_channels % groups:
        c.refuse(f"groups={groups} does not divide {channels} and {out_channels} channels", "groups")
    kernel = ntuple(c, kernel_size, 2, "kernel_size")
    c.parameter("weight", out_channels, channels // groups, *kernel)
    if bias:
        c.parameter("bias", out_channels)
    return _deform(c, input, offset, mask, out_channels, channels, kernel, stride, padding, dilation)


@function("deform_conv2d", family="vision")
def deform_conv2d_function(
    c: Call,
    input: TensorType,
    offset: TensorType,
    weight: TensorType,
    bias: TensorType | None = None,
    stride: PositivePair = (1, 1),
    padding: Pair = (0, 0),
    dilation: PositivePair = (1, 1),
    mask: TensorType | None = None,
) -> TensorType:
    """2-D convolution with given weights at places moved by `offset`, weighed by `mask`: see DeformConv2d."""
    c.rank(c.floating(input), 4)
    c.rank(weight, 4, name="weight")
    sizes = [c.known(size, "weight", "kernel") for size in weight.shape]
    channels = c.known(input.shape[1], "input", "number of channels")
    if 0 in sizes or channels % sizes[1] or sizes[0] % max(channels // sizes[1], 1):
        c.refuse(f"weight {weight} does not divide {channels} channels into groups", "weight")
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and tensor.dtype is not input.dtype:
            c.refuse(f"{name} is {tensor.dtype}, input is {input.dtype}", name, code="NNC0503")
    if bias is not None:
        c.rank(bias, 1, name="bias")
        c.equal(bias.shape[0], sizes[0], f"bias has {bias.shape[0]} numbers for {sizes[0]} channels", "bias")
    return _deform(c, input, offset, mask, sizes[0], channels, (sizes[2], sizes[3]), stride, padding, dilation)


def _deform(
    c: Call,
    input: TensorType,
    offset: TensorType,
    mask: TensorType | None,
    out_channels: int,
    channels: int,
    kernel: tuple[int, ...],
    stride: int | tuple[int, ...],
    padding: int | tuple[int, ...],
    dilation: int | tuple[int, ...],
) -> TensorType:
    steps, pads = ntuple(c, stride, 2, "stride"), ntuple(c, padding, 2, "padding")
    holes = ntuple(c, dilation, 2, "dilation")
    space = [window(c, *on) for on in zip(input.shape[2:], kernel, steps, pads, holes, strict=True)]
    for name, tensor in (("offset", offset), ("mask", mask)):
        if tensor is not None and tensor.dtype is not input.dtype:
            c.refuse(f"{name} is {tensor.dtype}, input is {input.dtype}", name, code="NNC0503")
    c.rank(offset, 4, name="offset")
    moved = c.known(offset.shape[1], "offset", "number of offsets")
    shifts = 2 * kernel[0] * kernel[1]
    if moved % shifts or channels % max(moved // shifts, 1) or moved == 0:
        c.refuse(
            f"{moved} offsets are not a multiple of 2 · {kernel[0]} · {kernel[1]} that divides the channels", "offset"
        )
    _placed(c, "offset", offset, (input.shape[0], moved, *space))
    if mask is not None:
        c.rank(mask, 4, name="mask")
        _placed(c, "mask", mask, (input.shape[0], moved // 2, *space))
    return input.with_shape(input.shape[0], out_channels, *space)


def _placed(c: Call, name: str, tensor: TensorType, shape: Shape) -> None:
    for have, want in zip(tensor.shape, shape, strict=True):
        c.equal(have, want, f"{name} is {tensor}, not {display(shape)}", name)


OPS: tuple[OpDef, ...] = (
    stochastic_depth_module, stochastic_depth, permute_module, frozen_batch_norm2d, drop_block2d_module,
    drop_block3d_module, drop_block2d, drop_block3d, deform_conv2d, deform_conv2d_function,
)  # fmt: skip
