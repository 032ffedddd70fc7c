"""Products of matrices and vectors beyond `matmul`, diagonals, determinants and inverses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import magnitude
from nnc.compiler.ops.indexing import diagonal as diagonal_of
from nnc.compiler.ops.kinds import Data, NonNegative, Scalar
from nnc.compiler.ops.product import same_dtype
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import axes, axis, broadcast, broadcast_to, product
from nnc.compiler.ops.square import square
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.dtype import DType, promote
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS", "cross_product"]


# -- products ----------------------------------------------------------------------------------------------------------


def _into(c: Call, input: TensorType, made: TensorType) -> TensorType:
    """`input` is added to a product, to whose shape it broadcasts."""
    if input.dtype is not made.dtype:
        c.refuse(f"input is {input.dtype}, the product {made.dtype}", "input", code="NNC0503")
    if input.rank > made.rank:
        c.refuse(f"input is {input}, the product {made.rank}-D", "input", code="NNC0502")
    broadcast_to(c, input.shape, made.shape, "input")
    return made


@function("mv", family="linear")
def mv(c: Call, input: TensorType, vec: TensorType) -> TensorType:
    """A matrix times a vector: (n, m), (m) → (n)."""
    same_dtype(c, input, vec, "vec")
    c.rank(input, 2)
    c.rank(vec, 1, name="vec")
    c.equal(input.shape[1], vec.shape[0], f"a row of {input.shape[1]} meets a vector of {vec.shape[0]}", "vec")
    c.macs(product(input.shape))
    return input.with_shape(input.shape[0])


@function("addmv", family="linear")
def addmv(
    c: Call, input: TensorType, mat: TensorType, vec: TensorType, *, beta: Scalar = 1, alpha: Scalar = 1
) -> TensorType:
    """beta · input + alpha · (mat @ vec): (n), (n, m), (m) → (n)."""
    same_dtype(c, mat, vec, "vec")
    c.rank(mat, 2, name="mat")
    c.rank(vec, 1, name="vec")
    c.equal(mat.shape[1], vec.shape[0], f"a row of {mat.shape[1]} meets a vector of {vec.shape[0]}", "vec")
    c.macs(product(mat.shape))
    return _into(c, input, mat.with_shape(mat.shape[0]))


@function("addr", family="linear")
def addr(
    c: Call, input: TensorType, vec1: TensorType, vec2: TensorType, *, beta: Scalar = 1, alpha: Scalar = 1
) -> TensorType:
    """beta · input + alpha · outer(vec1, vec2): (n, m), (n), (m) → (n, m)."""
    same_dtype(c, vec1, vec2, "vec2")
    c.rank(vec1, 1, name="vec1")
    c.rank(vec2, 1, name="vec2")
    return _into(c, input, vec1.with_shape(vec1.shape[0], vec2.shape[0]))


@function("addbmm", family="linear")
def addbmm(
    c: Call, input: TensorType, batch1: TensorType, batch2: TensorType, *, beta: Scalar = 1, alpha: Scalar = 1
) -> TensorType:
    """beta · input + alpha · Σ (batch1 @ batch2): (n, m), (B, n, k), (B, k, m) → (n, m)."""
    same_dtype(c, batch1, batch2, "batch2")
    c.rank(batch1, 3, name="batch1")
    c.rank(batch2, 3, name="batch2")
    for i, j in ((0, 0), (2, 1)):
        have, want = batch2.shape[j], batch1.shape[i]
        c.equal(have, want, f"batch1 is {batch1}, batch2 {batch2}: {want} and {have} differ", "batch2")
    c.macs(product((*batch1.shape, batch2.shape[2])))
    return _into(c, input, batch1.with_shape(batch1.shape[1], batch2.shape[2]))


@function("inner", family="linear")
def inner(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The products of last dimensions, summed: (*A, k), (*B, k) → (*A, *B)."""
    same_dtype(c, input, other, "other")
    if input.rank == 0 or other.rank == 0:
        return input.with_shape(*input.shape, *other.shape)
    c.equal(input.shape[-1], other.shape[-1], f"vectors of {input.shape[-1]} and {other.shape[-1]} differ", "other")
    c.macs(product((*input.shape, *other.shape[:-1])))
    return input.with_shape(*input.shape[:-1], *other.shape[:-1])


@function("tensordot", family="linear")
def tensordot(c: Call, a: TensorType, b: TensorType, dims: Data = 2) -> TensorType:
    """Products summed over dimensions: the last `dims` of `a` with the first of `b`, or those that two lists name."""
    same_dtype(c, a, b, "b")
    left, right = _summed(c, dims, a.rank, b.rank)
    if len(left) != len(right):
        c.refuse(f"{len(left)} dimensions meet {len(right)}", "dims")
    left, right = axes(c, left, a.rank, "dims"), axes(c, right, b.rank, "dims")
    for i, j in zip(left, right, strict=True):
        c.equal(a.shape[i], b.shape[j], f"sizes {a.shape[i]} and {b.shape[j]} are summed together", "dims")
    kept = [*(s for i, s in enumerate(a.shape) if i not in left), *(s for j, s in enumerate(b.shape) if j not in right)]
    c.macs(product((*a.shape, *(s for j, s in enumerate(b.shape) if j not in right))))
    return a.with_shape(*kept)


def _summed(c: Call, dims: Data, left: int, right: int) -> tuple[Sequence[int], Sequence[int]]:
    if isinstance(dims, int) and not isinstance(dims, bool):
        if not 0 <= dims <= min(left, right):
            c.refuse(f"dims is {dims}, the tensors have {left} and {right} dimensions", "dims")
        return range(left - dims, left), range(dims)
    two = isinstance(dims, tuple | list) and len(dims) == 2 and all(isinstance(d, tuple | list) for d in dims)
    if two and all(isinstance(i, int) and not isinstance(i, bool) for d in dims for i in d):
        return dims[0], dims[1]
    c.refuse("dims is a number, or two lists of dimensions", "dims")


@function("kron", family="linear")
def kron(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The Kronecker product: (A, B), (C, D) → (A · C, B · D)."""
    rank = max(input.rank, other.rank)
    left, right = ((1,) * (rank - t.rank) + t.shape for t in (input, other))
    sizes: list[DimLike] = [a * b for a, b in zip(left, right, strict=True)]
    return TensorType(tuple(sizes), promote(input.dtype, other.dtype))


def cross_product(c: Call, input: TensorType, other: TensorType, dim: int | None) -> TensorType:
    """Without `dim`, along the first dimension of size 3."""
    if other.dtype is not input.dtype:
        c.refuse(f"other is {other.dtype}, input is {input.dtype}", "other", code="NNC0503")
    if input.dtype is DType.bool:
        c.refuse("cross takes numbers, these are truth values", "input", code="NNC0503")
    c.at_least_rank(input, 1)
    if input.rank != other.rank:
        c.refuse(f"other is {other}, input {input}: their ranks differ", "other", code="NNC0502")
    shape = broadcast(c, input.shape, other.shape, subject="other")
    if dim is None:
        sizes = [c.known(size, "dim", "size of each dimension, or a `dim`") for size in input.shape]
        if 3 not in sizes:
            c.refuse(f"no dimension of {input} has size 3", "input")
        dim = sizes.index(3)
    i = axis(c, dim, input.rank)
    for tensor, name in ((input, "input"), (other, "other")):
        c.equal(tensor.shape[i], 3, f"vectors have 3 numbers, not {tensor.shape[i]}", name)
    return input.with_shape(*shape)


@function("cross", family="linear")
def cross(c: Call, input: TensorType, other: TensorType, dim: int | None = None) -> TensorType:
    """The cross product of vectors of three numbers, along `dim` or else the first dimension of size 3."""
    return cross_product(c, input, other, dim)


@function("vdot", family="linear")
def vdot(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The product of two vectors, the first conjugated: (n), (n) → ()."""
    same_dtype(c, input, other, "other")
    c.rank(input, 1)
    c.rank(other, 1, name="other")
    c.equal(input.shape[0], other.shape[0], f"vectors of {input.shape[0]} and {other.shape[0]} differ", "other")
    c.macs(input.shape[0])
    return input.with_shape()


@function("adjoint", family="shape")
def adjoint(c: Call, input: TensorType) -> TensorType:
    """Transposed matrices, conjugated: (*, n, m) → (*, m, n)."""
    c.at_least_rank(input, 2)
    return input.with_shape(*input.shape[:-2], input.shape[-1], input.shape[-2])


# -- diagonals ---------------------------------------------------------------------------------------------------------


@function("diag", family="indexing")
def diag(c: Call, input: TensorType, diagonal: int = 0) -> TensorType:
    """A matrix with this diagonal, or the diagonal of a matrix: (n) → (n, n), (n, m) → (min(n, m))."""
    if c.rank(input, 1, 2) == 1:
        size = input.shape[0] + abs(diagonal)
        return input.with_shape(size, size)
    result = diagonal_of.rule(c, input, diagonal)
    assert isinstance(result, TensorType)
    return result


@function("diagflat", family="indexing")
def diagflat(c: Call, input: TensorType, offset: int = 0) -> TensorType:
    """A matrix with these elements on its diagonal: (*) → (n, n)."""
    size = input.numel + abs(offset)
    return input.with_shape(size, size)


@function("diag_embed", family="indexing")
def diag_embed(c: Call, input: TensorType, offset: int = 0, dim1: int = -2, dim2: int = -1) -> TensorType:
    """Matrices with the last dimension on their diagonals: (*, n) → (*, n, n)."""
    c.at_least_rank(input, 1)
    rank = input.rank + 1
    i, j = axis(c, dim1, rank, "dim1"), axis(c, dim2, rank, "dim2")
    if i == j:
        c.refuse("dim1 and dim2 are one dimension", "dim2")
    size = input.shape[-1] + abs(offset)
    rest = iter(input.shape[:-1])
    return input.with_shape(*(size if d in (i, j) else next(rest) for d in range(rank)))


@function("trace", family="reduction")
def trace(c: Call, input: TensorType) -> TensorType:
    """The sum of the diagonal: (n, m) → ()."""
    c.rank(input, 2)
    if input.dtype is DType.bool:
        c.refuse("trace sums numbers, these are truth values", "input", code="NNC0503")
    return input.with_shape().with_dtype(DType.int64 if input.dtype.is_integer else input.dtype)


# -- square matrices ---------------------------------------------------------------------------------------------------


@function("det", family="linear")
def det(c: Call, input: TensorType) -> TensorType:
    """The determinant: (*, n, n) → (*)."""
    return input.with_shape(*square(c, input, "input"))


@function("logdet", family="linear")
def logdet(c: Call, input: TensorType) -> TensorType:
    """The logarithm of the determinant: (*, n, n) → (*)."""
    return input.with_shape(*square(c, input, "input"))


@function("slogdet", family="linear", results=("sign", "logabsdet"))
def slogdet(c: Call, input: TensorType) -> Mapping[str, TensorType]:
    """Sign and logarithm of the determinant: (*, n, n) → (*), (*)."""
    result = input.with_shape(*square(c, input, "input"))
    return {"sign": result, "logabsdet": result.with_dtype(magnitude(result.dtype))}


@function("inverse", family="linear")
def inverse(c: Call, input: TensorType) -> TensorType:
    """The inverse: (*, n, n) → the same."""
    square(c, input, "input")
    return input


@function("matrix_exp", family="linear")
def matrix_exp(c: Call, input: TensorType) -> TensorType:
    """Σ xᵏ / k!: (*, n, n) → the same."""
    square(c, input, "input")
    return input


@function("matrix_power", family="linear")
def matrix_power(c: Call, input: TensorType, n: NonNegative) -> TensorType:
    """The n-th power: (*, n, n) → the same."""
    square(c, input, "input")
    return input


# -- statistics --------------------------------------------------------------------------------------------------------


@function("cov", family="reduction")
def cov(
    c: Call,
    input: TensorType,
    *,
    correction: int = 1,
    fweights: TensorType | None = None,
    aweights: TensorType | None = None,
) -> TensorType:
    """The covariances of variables (rows) over observations (columns): (n, m) → (n, n); with one variable ()."""
    if fweights is not None or aweights is not None:
        weights = "fweights" if fweights is not None else "aweights"
        c.refuse(f"{weights} must be non-negative, which depends on the numbers in it", weights)
    return _between_rows(c, input)


@function("corrcoef", family="reduction")
def corrcoef(c: Call, input: TensorType) -> TensorType:
    """The correlations of variables (rows) over observations (columns): (n, m) → (n, n); with one variable ()."""
    return _between_rows(c, input)


def _between_rows(c: Call, input: TensorType) -> TensorType:
    c.rank(c.floating(input, complex=True), 0, 1, 2)
    if input.rank < 2:
        return input.with_shape()
    size = input.shape[0]
    if isinstance(size, int) and size == 1:
        return input.with_shape()
    c.at_least(size, 2, "one variable gives a number instead of a matrix", "input")
    return input.with_shape(size, size)


OPS: tuple[OpDef, ...] = (
    mv, addmv, addr, addbmm, inner, tensordot, kron, cross, diag, diagflat, diag_embed, trace, det, logdet, slogdet,
    inverse, matrix_exp, matrix_power, cov, corrcoef, vdot, adjoint,
)  # fmt: skip
