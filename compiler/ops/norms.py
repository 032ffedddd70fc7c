"""`torch.linalg`'s norms of vectors and matrices, and the condition number of a matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import magnitude
from nnc.compiler.ops.kinds import Dtype, Ints, Number
from nnc.compiler.ops.reduction import reduced
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import axes
from nnc.compiler.ops.square import matrix, square
from nnc.compiler.types.dtype import DType, promote
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]

Order = int | float | str
_OF_MATRICES = ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)
_DECOMPOSED = ("nuc", 2, -2)  # of singular values


def _real(c: Call, input: TensorType, name: str, dim: Ints | None, keepdim: bool, dtype: DType | None) -> TensorType:
    """Real numbers over `dim`; a `dtype` must hold what comes in."""
    c.floating(input, name, complex=True)
    if dtype is not None:
        if dtype.is_complex is not input.dtype.is_complex or not (dtype.is_floating or dtype.is_complex):
            c.refuse(f"dtype {dtype} is not of the kind of {input.dtype}", "dtype", code="NNC0503")
        if promote(dtype, input.dtype) is not dtype:
            c.refuse(f"dtype {dtype} is narrower than {input.dtype}", "dtype", code="NNC0503")
    result = reduced(c, input.with_dtype(dtype or input.dtype), dim, keepdim)
    return result.with_dtype(magnitude(result.dtype))


def _of_matrix(
    c: Call, input: TensorType, order: Order, dim: Ints, keepdim: bool, dtype: DType | None, name: str
) -> TensorType:
    c.floating(input, name, complex=True)
    c.at_least_rank(input, 2, name)
    if isinstance(order, bool) or order not in _OF_MATRICES:
        c.refuse(f'matrices have no norm {order}: there are "fro", "nuc", 1, -1, 2, -2, inf and -inf', "ord")
    listed = (dim,) if isinstance(dim, int) else dim
    if len(listed) != 2 or len({d % input.rank for d in listed}) != 2:
        c.refuse("the norm of a matrix is over two dimensions", "dim")
    if order in _DECOMPOSED and input.dtype in (DType.float16, DType.bfloat16):
        c.refuse(f"norm {order} takes float32 or wider, this is {input.dtype}", name, code="NNC0503")
    axes(c, dim, input.rank)
    return _real(c, input, name, dim, keepdim, dtype)


@function("linalg.vector_norm", family="reduction")
def vector_norm(
    c: Call,
    x: TensorType,
    ord: Number = 2,
    dim: Ints | None = None,
    keepdim: bool = False,
    *,
    dtype: Dtype | None = None,
) -> TensorType:
    """(Σ |x|^ord)^(1/ord) over `dim`, or over everything as one vector; `inf` is the largest."""
    return _real(c, x, "x", dim, keepdim, dtype)


@function("linalg.matrix_norm", family="reduction")
def matrix_norm(
    c: Call,
    A: TensorType,
    ord: Number | Literal["fro", "nuc"] = "fro",
    dim: Ints = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Dtype | None = None,
) -> TensorType:
    """A norm of matrices: (*, m, n) → (*)."""
    return _of_matrix(c, A, ord, dim, keepdim, dtype, "A")


@function("linalg.norm", family="reduction")
def norm(
    c: Call,
    input: TensorType,
    ord: Number | Literal["fro", "nuc"] | None = None,
    dim: Ints | None = None,
    keepdim: bool = False,
    *,
    dtype: Dtype | None = None,
) -> TensorType:
    """The norm of a vector over one `dim`, of matrices over two; without `ord` the square root of the sum of squares."""
    c.floating(input, "input", complex=True)
    listed: Sequence[int] | None = (dim,) if isinstance(dim, int) else dim
    if listed is not None and len(listed) not in (1, 2):
        c.refuse(f"dim is one dimension or two, not {len(listed)}", "dim")
    if ord is None:
        return _real(c, input, "input", dim, keepdim, dtype)
    if listed is None:
        c.rank(input, 1, 2, name="input")
        if input.rank == 2 or isinstance(ord, str):
            return _of_matrix(c, input, ord, (-2, -1), keepdim, dtype, "input")
    elif len(listed) == 2 or isinstance(ord, str):
        return _of_matrix(c, input, ord, listed, keepdim, dtype, "input")
    return _real(c, input, "input", dim, keepdim, dtype)


@function("linalg.cond", family="reduction")
def cond(c: Call, A: TensorType, p: Number | Literal["fro", "nuc"] | None = None) -> TensorType:
    """How much larger the error of a solution may be than that of a system: (*, n, n) → (*)."""
    if isinstance(p, bool) or (p is not None and p not in _OF_MATRICES):
        c.refuse(f"matrices have no norm {p}", "p")
    batch = matrix(c, A)[0] if p in (None, 2, -2) else square(c, A)
    return A.with_shape(*batch).with_dtype(magnitude(A.dtype))


OPS: tuple[OpDef, ...] = (vector_norm, matrix_norm, norm, cond)
