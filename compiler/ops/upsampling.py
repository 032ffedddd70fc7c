"""Changing resolution: interpolation, and shuffling channels into space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Numbers, Positive, PositiveInts, Size, Sizes
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shapes import scaled
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]

RANKS = {"linear": (3,), "bilinear": (4,), "bicubic": (4,), "trilinear": (5,)}


@module("Upsample", family="upsampling")
def upsample_module(
    c: Call,
    input: TensorType,
    size: PositiveInts | None = None,
    scale_factor: Numbers | None = None,
    mode: Literal["nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"] = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> TensorType:
    """Resizes to `size`, or by `scale_factor`: (N, C, *space) → (N, C, *space')."""
    return _interpolate(c, input, size, scale_factor, mode, align_corners, recompute_scale_factor)


@module("UpsamplingNearest2d", family="upsampling")
def upsampling_nearest2d(
    c: Call, input: TensorType, size: PositiveInts | None = None, scale_factor: Numbers | None = None
) -> TensorType:
    """Resizes by repeating the nearest value: (N, C, H, W) → (N, C, H', W')."""
    return _interpolate(c, input, size, scale_factor, "nearest", None, None)


@module("UpsamplingBilinear2d", family="upsampling")
def upsampling_bilinear2d(
    c: Call, input: TensorType, size: PositiveInts | None = None, scale_factor: Numbers | None = None
) -> TensorType:
    """Resizes bilinearly, corners aligned: (N, C, H, W) → (N, C, H', W')."""
    return _interpolate(c, input, size, scale_factor, "bilinear", True, None)


@function("interpolate", family="upsampling")
def interpolate(
    c: Call,
    input: TensorType,
    size: Size | Sizes | None = None,
    scale_factor: Numbers | None = None,
    mode: Literal["nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"] = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> TensorType:
    """Resizes to `size`, or by `scale_factor`: (N, C, *space) → (N, C, *space')."""
    if antialias and (mode not in ("bilinear", "bicubic") or input.rank != 4):
        c.refuse(f'antialias takes mode="bilinear" or "bicubic" and a 4-D tensor, not "{mode}" on {input}', "antialias")
    return _interpolate(c, input, size, scale_factor, mode, align_corners, recompute_scale_factor)


def _interpolate(
    c: Call,
    input: TensorType,
    size: Size | Sizes | None,
    scale_factor: Numbers | None,
    mode: str,
    align_corners: bool | None,
    recompute_scale_factor: bool | None,
) -> TensorType:
    allowed = RANKS.get(mode, (3, 4, 5))
    if not (input.dtype is DType.uint8 and mode in ("nearest", "nearest-exact")):
        c.floating(input)
    if input.rank not in allowed:
        wanted = " or ".join(f"{r}-D" for r in allowed)
        c.refuse(f'mode="{mode}" resizes a {wanted} tensor, this one is {input}', "mode", code="NNC0502")
    if align_corners is not None and mode not in RANKS:
        c.refuse(f'align_corners has no meaning for mode="{mode}"', "align_corners")
    space = input.shape[2:]
    for channels_or_space in input.shape[1:]:
        c.at_least(channels_or_space, 1, "there is nothing to resize", "input")
    if (size is None) == (scale_factor is None):
        c.refuse("give either size or scale_factor", "size" if size is None else "scale_factor")
    resized: Sequence[DimLike]
    if size is not None:
        if recompute_scale_factor:
            c.refuse("recompute_scale_factor has no meaning beside a size", "recompute_scale_factor")
        resized = size if isinstance(size, Sequence) else (size,) * len(space)
        if len(resized) != len(space):
            c.refuse(f"size lists {len(resized)} sizes for {len(space)} dimensions", "size")
    else:
        assert scale_factor is not None
        factors = scale_factor if isinstance(scale_factor, Sequence) else (scale_factor,) * len(space)
        if len(factors) != len(space):
            c.refuse(f"scale_factor lists {len(factors)} factors for {len(space)} dimensions", "scale_factor")
        resized = [scaled(c, s, f, "scale_factor") for s, f in zip(space, factors, strict=True)]
    name = "scale_factor" if size is None else "size"
    for new in resized:
        c.at_least(new, 1, f"the result would have size {new}", name)
    return input.with_shape(*input.shape[:2], *resized)


# -- shuffling ---------------------------------------------------------------------------------------------------------


@module("PixelShuffle", family="upsampling")
def pixel_shuffle_module(c: Call, input: TensorType, upscale_factor: Positive) -> TensorType:
    """Channels become pixels: (*, C·r², H, W) → (*, C, H·r, W·r)."""
    return _shuffle(c, input, upscale_factor, "upscale_factor")


@function("pixel_shuffle", family="upsampling")
def pixel_shuffle(c: Call, input: TensorType, upscale_factor: Positive) -> TensorType:
    """Channels become pixels: (*, C·r², H, W) → (*, C, H·r, W·r)."""
    return _shuffle(c, input, upscale_factor, "upscale_factor")


def _shuffle(c: Call, input: TensorType, r: int, name: str) -> TensorType:
    c.at_least_rank(input, 3)
    *batch, channels, height, width = input.shape
    c.multiple(channels, r * r, f"{channels} channels are not a multiple of {r}² = {r * r}", name)
    return input.with_shape(*batch, channels // (r * r), height * r, width * r)


@module("PixelUnshuffle", family="upsampling")
def pixel_unshuffle_module(c: Call, input: TensorType, downscale_factor: Positive) -> TensorType:
    """Pixels become channels: (*, C, H·r, W·r) → (*, C·r², H, W)."""
    return _unshuffle(c, input, downscale_factor)


@function("pixel_unshuffle", family="upsampling")
def pixel_unshuffle(c: Call, input: TensorType, downscale_factor: Positive) -> TensorType:
    """Pixels become channels: (*, C, H·r, W·r) → (*, C·r², H, W)."""
    return _unshuffle(c, input, downscale_factor)


def _unshuffle(c: Call, input: TensorType, r: int) -> TensorType:
    c.at_least_rank(input, 3)
    *batch, channels, height, width = input.shape
    for size in (height, width):
        c.multiple(size, r, f"size {size} is not a multiple of {r}", "downscale_factor")
    return input.with_shape(*batch, channels * (r * r), height // r, width // r)


@module("ChannelShuffle", family="upsampling")
def channel_shuffle_module(c: Call, input: TensorType, groups: Positive) -> TensorType:
    """Channels of each group dealt out in turn: (N, C, *) → the same."""
    return _channel_shuffle(c, input, groups)


@function("channel_shuffle", family="upsampling")
def channel_shuffle(c: Call, input: TensorType, groups: Positive) -> TensorType:
    """Channels of each group dealt out in turn: (N, C, *) → the same."""
    return _channel_shuffle(c, input, groups)


def _channel_shuffle(c: Call, input: TensorType, groups: int) -> TensorType:
    c.at_least_rank(input, 3)
    c.multiple(input.shape[1], groups, f"groups={groups} does not divide the {input.shape[1]} channels", "groups")
    return input


OPS: tuple[OpDef, ...] = (
    upsample_module, upsampling_nearest2d, upsampling_bilinear2d, interpolate, pixel_shuffle_module, pixel_shuffle,
    pixel_unshuffle_module, pixel_unshuffle, channel_shuffle_module, channel_shuffle,
)  # fmt: skip
