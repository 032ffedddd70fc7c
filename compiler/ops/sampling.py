"""Sampling an image at places that the network computes: spatial transformers."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Sizes
from nnc.compiler.ops.product import same_dtype
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@function("grid_sample", family="upsampling")
def grid_sample(
    c: Call,
    input: TensorType,
    grid: TensorType,
    mode: Literal["bilinear", "nearest", "bicubic"] = "bilinear",
    padding_mode: Literal["zeros", "border", "reflection"] = "zeros",
    align_corners: bool | None = None,
) -> TensorType:
    """The input at the places `grid`, from −1 to 1: (N, C, H, W), (N, H', W', 2) → (N, C, H', W'), or one dimension more."""
    c.rank(c.floating(input), 4, 5)
    same_dtype(c, input, grid, "grid")
    c.rank(grid, input.rank, name="grid")
    n = input.rank - 2
    if mode == "bicubic" and n == 3:
        c.refuse('mode="bicubic" samples images, not volumes', "mode")
    c.equal(grid.shape[-1], n, f"a place has {n} coordinates, not {grid.shape[-1]}", "grid")
    c.equal(grid.shape[0], input.shape[0], f"{grid.shape[0]} grids for {input.shape[0]} samples", "grid")
    for size in input.shape[2:]:
        c.at_least(size, 1, f"there is nothing to sample in {input}", "input")
    return input.with_shape(*input.shape[:2], *grid.shape[1:-1])


@function("affine_grid", family="upsampling")
def affine_grid(c: Call, theta: TensorType, size: Sizes, align_corners: bool | None = None) -> TensorType:
    """The places of an affine map, (N, 2, 3), for a result of `size` (N, C, H, W): (N, H, W, 2); or a dimension more."""
    c.rank(c.floating(theta, "theta"), 3, name="theta")
    n = len(size) - 2
    if n not in (2, 3):
        c.refuse(f"size lists 4 or 5 sizes, not {len(size)}", "size")
    for s in size:
        c.at_least(s, 1, f"a size is not positive: {s}", "size")
    for have, want in zip(theta.shape, (size[0], n, n + 1), strict=True):
        c.equal(have, want, f"theta is {theta}, not [{size[0]}, {n}, {n + 1}]", "theta")
    return theta.with_shape(size[0], *size[2:], n)


OPS: tuple[OpDef, ...] = (grid_sample, affine_grid)
