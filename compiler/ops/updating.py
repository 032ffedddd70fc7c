"""Copies of a tensor with other values at some places."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.indexing import diagonal
from nnc.compiler.ops.indexing import select as selected
from nnc.compiler.ops.kinds import Number, Scalar
from nnc.compiler.ops.loss_rules import same_shape
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import axis
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@function("index_add", family="indexing")
def index_add(
    c: Call, input: TensorType, dim: int, index: TensorType, source: TensorType, *, alpha: Number = 1
) -> TensorType:
    """`alpha` · `source` added at the slices that `index` (n) names along `dim`: (A, B), (n), (n, B) → (A, B)."""
    if isinstance(alpha, float) and not (input.dtype.is_floating or input.dtype.is_complex):
        c.refuse(f"alpha {alpha} does not fit {input.dtype}", "alpha", code="NNC0503")
    c.integer(index, "index")
    return _slices(c, input, dim, index, source)


@function("index_copy", family="indexing")
def index_copy(c: Call, input: TensorType, dim: int, index: TensorType, source: TensorType) -> TensorType:
    """`source` at the slices that `index` (n) names along `dim`: (A, B), (n), (n, B) → (A, B)."""
    if index.dtype is not DType.int64:
        c.refuse(f"index_copy takes int64 indices, this is {index.dtype}", "index", code="NNC0503")
    return _slices(c, input, dim, index, source)


def _slices(c: Call, input: TensorType, dim: int, index: TensorType, source: TensorType) -> TensorType:
    c.at_least_rank(input, 1)
    i = axis(c, dim, input.rank)
    c.rank(index, 1, name="index")
    _one_dtype(c, input, source, "source")
    wanted = (*input.shape[:i], index.shape[0], *input.shape[i + 1 :])
    same_shape(c, source.shape, wanted, "source", "the slices that index names")
    return input


def _one_dtype(c: Call, input: TensorType, other: TensorType, name: str) -> None:
    if other.dtype is not input.dtype:
        c.refuse(f"{name} is {other.dtype}, input is {input.dtype}", name, code="NNC0503")


@function("index_fill", family="indexing")
def index_fill(c: Call, input: TensorType, dim: int, index: TensorType, value: Scalar) -> TensorType:
    """`value` at the slices that `index` (n) names along `dim`: (*) → (*)."""
    c.at_least_rank(input, 1)
    axis(c, dim, input.rank)
    if index.dtype is not DType.int64:
        c.refuse(f"index_fill takes int64 indices, this is {index.dtype}", "index", code="NNC0503")
    c.rank(index, 0, 1, name="index")
    return input


@function("scatter_reduce", family="indexing")
def scatter_reduce(
    c: Call,
    input: TensorType,
    dim: int,
    index: TensorType,
    src: TensorType,
    reduce: Literal["sum", "prod", "mean", "amax", "amin"],
    *,
    include_self: bool = True,
) -> TensorType:
    """The values `src` that `index` sends to one place along `dim`, reduced: (*) → (*)."""
    if index.dtype is not DType.int64:
        c.refuse(f"scatter_reduce takes int64 indices, this is {index.dtype}", "index", code="NNC0503")
    i = axis(c, dim, input.rank)
    _one_dtype(c, c.ordered(input), src, "src")
    for name, tensor in (("index", index), ("src", src)):
        if max(tensor.rank, 1) != max(input.rank, 1):
            c.refuse(f"{name} is {tensor.rank}-D, the input {input.rank}-D", name, code="NNC0502")
    for d, (have, limit, values) in enumerate(zip(index.shape, input.shape, src.shape, strict=False)):
        if d != i:
            c.at_least(limit, have, f"index has {have} places in dimension {d}, the input {limit}", "index")
        c.at_least(values, have, f"src has {values} values in dimension {d}, index {have} places", "src")
    return input


@function("select_scatter", family="indexing")
def select_scatter(c: Call, input: TensorType, src: TensorType, dim: int, index: int) -> TensorType:
    """`src` as the slice number `index` along `dim`: (A, B), (B) → (A, B)."""
    slice_ = selected.rule(c, input, dim, index)
    assert isinstance(slice_, TensorType)
    same_shape(c, src.shape, slice_.shape, "src", "the slice")
    return input


@function("diagonal_scatter", family="indexing")
def diagonal_scatter(
    c: Call, input: TensorType, src: TensorType, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> TensorType:
    """`src` as the diagonal of two dimensions: (A, A, B), (B, A) → (A, A, B)."""
    line = diagonal.rule(c, input, offset, dim1, dim2)
    assert isinstance(line, TensorType)
    same_shape(c, src.shape, line.shape, "src", "the diagonal")
    return input


OPS: tuple[OpDef, ...] = (
    index_add, index_copy, index_fill, scatter_reduce, select_scatter, diagonal_scatter,
)  # fmt: skip
