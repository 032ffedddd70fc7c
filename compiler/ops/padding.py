"""Padding, from the last dimension on: (left, right, top, bottom, front, back), or one number for every side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Ints, Number, Scalar, Sizes
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shapes import ntuple
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


# -- with a constant ---------------------------------------------------------------------------------------------------


@module("ZeroPad1d", family="padding")
def zero_pad1d(c: Call, input: TensorType, padding: Ints) -> TensorType:
    """Zeros around the last dimension: (*, L) → (*, L')."""
    return _pad(c, input, ntuple(c, padding, 2, "padding"), "constant")


@module("ZeroPad2d", family="padding")
def zero_pad2d(c: Call, input: TensorType, padding: Ints) -> TensorType:
    """Zeros around the last two dimensions: (*, H, W) → (*, H', W')."""
    return _pad(c, input, ntuple(c, padding, 4, "padding"), "constant")


@module("ZeroPad3d", family="padding")
def zero_pad3d(c: Call, input: TensorType, padding: Ints) -> TensorType:
    """Zeros around the last three dimensions: (*, D, H, W) → (*, D', H', W')."""
    return _pad(c, input, ntuple(c, padding, 6, "padding"), "constant")


@module("ConstantPad1d", family="padding")
def constant_pad1d(c: Call, input: TensorType, padding: Ints, value: Number) -> TensorType:
    """A constant around the last dimension: (*, L) → (*, L')."""
    return _pad(c, input, ntuple(c, padding, 2, "padding"), "constant")


@module("ConstantPad2d", family="padding")
def constant_pad2d(c: Call, input: TensorType, padding: Ints, value: Number) -> TensorType:
    """A constant around the last two dimensions: (*, H, W) → (*, H', W')."""
    return _pad(c, input, ntuple(c, padding, 4, "padding"), "constant")


@module("ConstantPad3d", family="padding")
def constant_pad3d(c: Call, input: TensorType, padding: Ints, value: Number) -> TensorType:
    """A constant around the last three dimensions: (*, D, H, W) → (*, D', H', W')."""
    return _pad(c, input, ntuple(c, padding, 6, "padding"), "constant")


# -- with values of the tensor -----------------------------------------------------------------------------------------


@module("ReflectionPad1d", family="padding")
def reflection_pad1d(c: Call, input: TensorType, padding: Ints) -> TensorType:
    """The values next to the border, mirrored: (N, C, L) or (C, L) → (…, L')."""
    return _pad(c, input, ntuple(c, padding, 2, "padding"), "reflect")


@module("ReflectionPad2d", family="padding")
def reflection_pad2d(c: Call, input: TensorType, padding: Ints) -> TensorType:
    """The values next to the border, mirrored: (N, C, H, W) or (C, H, W) → (…, H', W')."""
    return _pad(c, input, ntuple(c, padding, 4, "padding"), "reflect")


@module("ReflectionPad3d", family="padding")
def reflection_pad3d(c: Call, input: TensorType, padding: Ints) -> TensorType:
    """The values next to the border, mirrored: (N, C, D, H, W) or (C, D, H, W) → (…, D', H', W')."""
    return _pad(c, input, ntuple(c, padding, 6, "padding"), "reflect")


@module("ReplicationPad1d", family="padding")
def replication_pad1d(c: Call, input: TensorType, padding: Ints) -> TensorType:
    """The border's value repeated: (N, C, L) or (C, L) → (…, L')."""
    return _pad(c, input, ntuple(c, padding, 2, "padding"), "replicate")


@module("ReplicationPad2d", family="padding")
def replication_pad2d(c: Call, input: TensorType, padding: Ints) -> TensorType:
    """The border's values repeated: (N, C, H, W) or (C, H, W) → (…, H', W')."""
    return _pad(c, input, ntuple(c, padding, 4, "padding"), "replicate")


@module("ReplicationPad3d", family="padding")
def replication_pad3d(c: Call, input: TensorType, padding: Ints) -> TensorType:
    """The border's values repeated: (N, C, D, H, W) or (C, D, H, W) → (…, D', H', W')."""
    return _pad(c, input, ntuple(c, padding, 6, "padding"), "replicate")


@module("CircularPad1d", family="padding")
def circular_pad1d(c: Call, input: TensorType, padding: Ints) -> TensorType:
    """The values of the opposite border: (N, C, L) or (C, L) → (…, L')."""
    return _pad(c, input, ntuple(c, padding, 2, "padding"), "circular")


@module("CircularPad2d", family="padding")
def circular_pad2d(c: Call, input: TensorType, padding: Ints) -> TensorType:
    """The values of the opposite borders: (N, C, H, W) or (C, H, W) → (…, H', W')."""
    return _pad(c, input, ntuple(c, padding, 4, "padding"), "circular")


@module("CircularPad3d", family="padding")
def circular_pad3d(c: Call, input: TensorType, padding: Ints) -> TensorType:
    """The values of the opposite borders: (N, C, D, H, W) or (C, D, H, W) → (…, D', H', W')."""
    return _pad(c, input, ntuple(c, padding, 6, "padding"), "circular")


@function("pad", family="padding")
def pad(
    c: Call,
    input: TensorType,
    pad: Sizes,
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant",
    value: Scalar | None = None,
) -> TensorType:
    """Pads the last dimensions, the last one first: `pad=(left, right, top, bottom)`; negative numbers crop."""
    if len(pad) % 2:
        c.refuse(f"pad lists {len(pad)} numbers, two for each dimension are needed", "pad")
    if value is not None and mode != "constant" and value != 0:
        c.refuse(f'mode="{mode}" takes no value', "value")
    return _pad(c, input, pad, mode, "pad")


# -- the rule ----------------------------------------------------------------------------------------------------------


def _pad(c: Call, input: TensorType, pads: Sequence[DimLike], mode: str, name: str = "padding") -> TensorType:
    n = len(pads) // 2
    if mode == "constant":
        c.at_least_rank(input, n)
    else:
        _values(c, input, n, mode, name)
    shape = list(input.shape)
    for k in range(n):
        i, before, after = input.rank - 1 - k, pads[2 * k], pads[2 * k + 1]
        size = shape[i]
        for side in (before, after):
            if mode == "reflect":
                c.at_least(size, side + 1, f"reflecting {side} values needs more than the {size} there are", name)
            elif mode == "circular":
                c.at_least(size, side, f"wrapping {side} values needs as many, there are {size}", name)
        shape[i] = size + before + after
        c.at_least(shape[i], 1, f"{before} and {after} leave nothing of {size}", name)
    return input.with_shape(*shape)


def _values(c: Call, input: TensorType, n: int, mode: str, name: str) -> None:
    if not 1 <= n <= 3:
        c.refuse(f'mode="{mode}" pads the last one, two or three dimensions, not {n}', name)
    c.rank(input, n + 1, n + 2)
    if mode != "circular" and input.dtype is DType.bool:
        c.refuse(f'mode="{mode}" does not take bool', "input", code="NNC0503")


OPS: tuple[OpDef, ...] = (
    zero_pad1d, zero_pad2d, zero_pad3d, constant_pad1d, constant_pad2d, constant_pad3d, reflection_pad1d,
    reflection_pad2d, reflection_pad3d, replication_pad1d, replication_pad2d, replication_pad3d, circular_pad1d,
    circular_pad2d, circular_pad3d, pad,
)  # fmt: skip
