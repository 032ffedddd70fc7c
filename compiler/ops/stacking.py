"""Joining and splitting along fixed dimensions, grids, and turns: what `cat`, `expand`, `flip` and `reshape` say in general."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import result_type
from nnc.compiler.ops.joining import cat, tensor_split
from nnc.compiler.ops.kinds import Ints, Sizes, Tensors
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shape import expand
from nnc.compiler.ops.shapes import axes, broadcast, product, reshape
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


# -- stacking ----------------------------------------------------------------------------------------------------------


def _at_least(input: TensorType, n: int) -> TensorType:
    """torch's `atleast_nd`: 1s in front, but behind for the third dimension."""
    if input.rank >= n:
        return input
    if n == 3 and input.rank == 2:
        return input.with_shape(*input.shape, 1)
    if n == 3 and input.rank == 1:
        return input.with_shape(1, *input.shape, 1)
    return input.with_shape(*[1] * (n - input.rank), *input.shape)


@function("atleast_1d", family="shape")
def atleast_1d(c: Call, input: TensorType) -> TensorType:
    """A scalar as one element: () → (1)."""
    return _at_least(input, 1)


@function("atleast_2d", family="shape")
def atleast_2d(c: Call, input: TensorType) -> TensorType:
    """At least two dimensions: (A) → (1, A)."""
    return _at_least(input, 2)


@function("atleast_3d", family="shape")
def atleast_3d(c: Call, input: TensorType) -> TensorType:
    """At least three dimensions: (A) → (1, A, 1), (A, B) → (A, B, 1)."""
    return _at_least(input, 3)


def _joined(c: Call, tensors: Sequence[TensorType], dim: int) -> TensorType:
    result = cat.rule(c, tensors, dim)
    assert isinstance(result, TensorType)
    return result


@function("hstack", family="shape")
def hstack(c: Call, tensors: Tensors) -> TensorType:
    """Side by side: (A, B), (A, C) → (A, B + C); vectors behind one another."""
    wide = [_at_least(t, 1) for t in tensors]
    return _joined(c, wide, 0 if wide[0].rank == 1 else 1)


@function("vstack", family="shape")
def vstack(c: Call, tensors: Tensors) -> TensorType:
    """On top of one another: (A, B), (C, B) → (A + C, B); vectors are rows."""
    return _joined(c, [_at_least(t, 2) for t in tensors], 0)


@function("dstack", family="shape")
def dstack(c: Call, tensors: Tensors) -> TensorType:
    """Behind one another: (A, B, C), (A, B, D) → (A, B, C + D)."""
    return _joined(c, [_at_least(t, 3) for t in tensors], 2)


@function("column_stack", family="shape")
def column_stack(c: Call, tensors: Tensors) -> TensorType:
    """Side by side, vectors as columns: (A), (A, B) → (A, 1 + B)."""
    return _joined(c, [t.with_shape(*t.shape, *[1] * (2 - t.rank)) if t.rank < 2 else t for t in tensors], 1)


# -- splitting ---------------------------------------------------------------------------------------------------------


def _split(c: Call, input: TensorType, pieces: Ints, dim: int) -> Sequence[TensorType]:
    if isinstance(pieces, int):
        if pieces < 1:
            c.refuse(f"there are {pieces} pieces to be made", "indices_or_sections")
        size = input.shape[dim]
        c.multiple(size, pieces, f"dimension {dim} of size {size} does not divide into {pieces}", "indices_or_sections")
    results = tensor_split.rule(c, input, pieces, dim)
    assert not isinstance(results, TensorType)
    assert not isinstance(results, Mapping)
    return results


@function("hsplit", family="shape")
def hsplit(c: Call, input: TensorType, indices_or_sections: Ints) -> Sequence[TensorType]:
    """Equal pieces side by side, or pieces that end where `indices_or_sections` says."""
    c.at_least_rank(input, 1)
    return _split(c, input, indices_or_sections, 0 if input.rank == 1 else 1)


@function("vsplit", family="shape")
def vsplit(c: Call, input: TensorType, indices_or_sections: Ints) -> Sequence[TensorType]:
    """Equal pieces on top of one another, or pieces that end where `indices_or_sections` says."""
    c.at_least_rank(input, 2)
    return _split(c, input, indices_or_sections, 0)


@function("dsplit", family="shape")
def dsplit(c: Call, input: TensorType, indices_or_sections: Ints) -> Sequence[TensorType]:
    """Equal pieces along the third dimension, or pieces that end where `indices_or_sections` says."""
    c.at_least_rank(input, 3)
    return _split(c, input, indices_or_sections, 2)


# -- grids and broadcasting --------------------------------------------------------------------------------------------


@function("broadcast_tensors", family="shape")
def broadcast_tensors(c: Call, *tensors: TensorType) -> Sequence[TensorType]:
    """All in their common shape."""
    if not tensors:
        c.refuse("there are no tensors", "tensors")
    shape = broadcast(c, *(t.shape for t in tensors), subject="tensors")
    return [t.with_shape(*shape) for t in tensors]


@function("meshgrid", family="shape")
def meshgrid(c: Call, *tensors: TensorType, indexing: Literal["ij", "xy"] = "ij") -> Sequence[TensorType]:
    """The coordinates of a grid: (A), (B) → (A, B) twice; with indexing "xy" (B, A)."""
    if not tensors:
        c.refuse("there are no tensors", "tensors")
    for tensor in tensors:
        c.rank(tensor, 0, 1, name="tensors")
        if tensor.dtype is not tensors[0].dtype:
            c.refuse(f"meshgrid takes one dtype, not {tensors[0].dtype} and {tensor.dtype}", "tensors", code="NNC0503")
    sizes = [t.shape[0] if t.rank else 1 for t in tensors]
    if indexing == "xy" and len(sizes) >= 2:
        sizes[:2] = sizes[1], sizes[0]
    return [t.with_shape(*sizes) for t in tensors]


@function("cartesian_prod", family="shape")
def cartesian_prod(c: Call, *tensors: TensorType) -> TensorType:
    """Every combination: (A), (B) → (A · B, 2)."""
    if not tensors:
        c.refuse("there are no tensors", "tensors")
    for tensor in tensors:
        c.rank(tensor, 1, name="tensors")
        if tensor.dtype is not tensors[0].dtype:
            c.refuse(
                f"cartesian_prod takes one dtype, not {tensors[0].dtype} and {tensor.dtype}", "tensors", code="NNC0503"
            )
    if len(tensors) == 1:
        return tensors[0]
    return tensors[0].with_shape(product(t.shape[0] for t in tensors), len(tensors))


@function("block_diag", family="shape")
def block_diag(c: Call, *tensors: TensorType) -> TensorType:
    """Matrices along the diagonal of a larger one: (A, B), (C, D) → (A + C, B + D)."""
    if not tensors:
        c.refuse("there are no tensors", "tensors")
    for tensor in tensors:
        c.rank(tensor, 0, 1, 2, name="tensors")
    flat = [_at_least(t, 2) for t in tensors]
    height, width = flat[0].shape
    for one in flat[1:]:
        height, width = height + one.shape[0], width + one.shape[1]
    return TensorType((height, width), result_type(*tensors))


# -- turns and other shapes --------------------------------------------------------------------------------------------


@function("fliplr", family="shape")
def fliplr(c: Call, input: TensorType) -> TensorType:
    """Left and right exchanged: the second dimension backwards."""
    c.at_least_rank(input, 2)
    return input


@function("flipud", family="shape")
def flipud(c: Call, input: TensorType) -> TensorType:
    """Up and down exchanged: the first dimension backwards."""
    c.at_least_rank(input, 1)
    return input


@function("rot90", family="shape")
def rot90(c: Call, input: TensorType, k: int = 1, dims: Ints = (0, 1)) -> TensorType:
    """`k` quarter turns in the plane of two dimensions."""
    if isinstance(dims, int) or len(dims) != 2:
        c.refuse("a plane has two dimensions", "dims")
    c.at_least_rank(input, 2)
    i, j = axes(c, dims, input.rank, "dims")
    shape = list(input.shape)
    if k % 2:
        shape[i], shape[j] = shape[j], shape[i]
    return input.with_shape(*shape)


@function("ravel", family="shape")
def ravel(c: Call, input: TensorType) -> TensorType:
    """All elements in one dimension."""
    return input.with_shape(input.numel)


@function("reshape_as", family="shape")
def reshape_as(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The same elements in the shape of `other`."""
    return input.with_shape(*reshape(c, input.shape, other.shape, "other"))


@function("view_as", family="shape")
def view_as(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The same elements in the shape of `other`."""
    return input.with_shape(*reshape(c, input.shape, other.shape, "other"))


@function("broadcast_to", family="shape")
def broadcast_to(c: Call, input: TensorType, size: Sizes) -> TensorType:
    """Sizes of 1 repeated, without copying, to the shape `size`; -1 keeps a size."""
    result = expand.rule(c, input, size)
    assert isinstance(result, TensorType)
    return result


OPS: tuple[OpDef, ...] = (
    atleast_1d, atleast_2d, atleast_3d, hstack, vstack, dstack, column_stack, hsplit, vsplit, dsplit,
    broadcast_tensors, meshgrid, cartesian_prod, block_diag, fliplr, flipud, rot90, ravel, reshape_as, view_as,
    broadcast_to,
)  # fmt: skip
