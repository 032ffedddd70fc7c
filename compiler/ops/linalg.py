"""`torch.linalg`: determinants, inverses, solutions of linear systems, and products.

What LAPACK computes counts no multiply-adds, as in torch.utils.flop_counter: of the order of n³ for a matrix of n rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import pairwise

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import magnitude
from nnc.compiler.ops.indexing import diagonal as diagonal_of
from nnc.compiler.ops.kinds import Number, Positive, Tensors
from nnc.compiler.ops.matrices import cross_product
from nnc.compiler.ops.product import same_dtype
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import axis, broadcast, product
from nnc.compiler.ops.square import matrix, square
from nnc.compiler.types.dim import DimLike, minimum
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = ["OPS"]


# -- of one matrix -----------------------------------------------------------------------------------------------------


@function("linalg.det", family="linear")
def det(c: Call, A: TensorType) -> TensorType:
    """The determinant: (*, n, n) → (*)."""
    return A.with_shape(*square(c, A))


@function("linalg.slogdet", family="linear", results=("sign", "logabsdet"))
def slogdet(c: Call, A: TensorType) -> Mapping[str, TensorType]:
    """Sign and logarithm of the determinant: (*, n, n) → (*), (*)."""
    result = A.with_shape(*square(c, A))
    return {"sign": result, "logabsdet": result.with_dtype(magnitude(result.dtype))}


@function("linalg.inv", family="linear")
def inv(c: Call, A: TensorType) -> TensorType:
    """The inverse: (*, n, n) → the same. `linalg.solve(A, B)` is faster and more exact than `linalg.inv(A) @ B`."""
    square(c, A)
    return A


@function("linalg.pinv", family="linear")
def pinv(
    c: Call, A: TensorType, *, atol: Number | None = None, rtol: Number | None = None, hermitian: bool = False
) -> TensorType:
    """The pseudoinverse: (*, m, n) → (*, n, m). Singular values of at most `atol + rtol · σ₁` count as 0."""
    batch, rows, columns = matrix(c, A)
    if hermitian:
        square(c, A)
    return A.with_shape(*batch, columns, rows)


@function("linalg.matrix_rank", family="linear")
def matrix_rank(
    c: Call, A: TensorType, *, atol: Number | None = None, rtol: Number | None = None, hermitian: bool = False
) -> TensorType:
    """How many singular values are not 0: (*, m, n) → (*) int64. No gradient flows through it."""
    batch, _, _ = matrix(c, A)
    if hermitian:
        square(c, A)
    return A.with_shape(*batch).with_dtype(DType.int64)


@function("linalg.matrix_exp", family="linear")
def matrix_exp(c: Call, A: TensorType) -> TensorType:
    """Σ Aᵏ / k!: (*, n, n) → the same."""
    square(c, A)
    return A


@function("linalg.matrix_power", family="linear")
def matrix_power(c: Call, A: TensorType, n: int) -> TensorType:
    """The n-th power, of the inverse where n is negative: (*, n, n) → the same."""
    square(c, A)
    return A


@function("linalg.diagonal", family="indexing")
def diagonal(c: Call, A: TensorType, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> TensorType:
    """The diagonals of matrices as the last dimension: (*, m, n) → (*, min(m, n))."""
    result = diagonal_of.rule(c, A, offset, dim1, dim2)
    assert isinstance(result, TensorType)
    return result


# -- systems of equations ----------------------------------------------------------------------------------------------


def _sides(c: Call, A: TensorType, B: TensorType) -> None:
    if B.dtype is not A.dtype:
        c.refuse(f"B is {B.dtype}, A is {A.dtype}", "B", code="NNC0503")


@function("linalg.solve", family="linear")
def solve(c: Call, A: TensorType, B: TensorType, *, left: bool = True) -> TensorType:
    """X of A X = B, or with `left=False` of X A = B: (*, n, n), (*, n, k) → (*, n, k). B of rank 1, or of the shape of A
    without its last dimension, is vectors: (*, n, n), (*, n) → (*, n)."""
    batch = square(c, A)
    _sides(c, A, B)
    c.at_least_rank(B, 1, "B")
    if B.rank == 1 or (B.rank == A.rank - 1 and _vectors(c, A, B)):
        c.equal(B.shape[-1], A.shape[-1], f"A has {A.shape[-1]} columns, B {B.shape[-1]} numbers", "B")
        if not left:
            c.refuse("vectors stand on the right of A: left=False takes matrices", "left")
        return A.with_shape(*broadcast(c, batch, B.shape[:-1], subject="B"), A.shape[-1])
    return _solved(c, A, batch, B, left)


def _vectors(c: Call, A: TensorType, B: TensorType) -> bool:
    """Whether B, which has a dimension less than A, is a batch of vectors: its shape decides, size by size."""
    pairs = list(zip(B.shape, A.shape[:-1], strict=True))
    if any(isinstance(b, int) and isinstance(a, int) and a != b for b, a in pairs):
        return False
    unsure = [size for b, a in pairs if a != b for size in (a, b)]
    if unsure:
        c.undecided(f"whether {B} is vectors or matrices depends on its sizes", "B", *unsure)
    return True


def _solved(c: Call, A: TensorType, batch: Shape, B: TensorType, left: bool) -> TensorType:
    _, rows, columns = matrix(c, B, "B")
    meets = rows if left else columns
    c.equal(meets, A.shape[-1], f"A has {A.shape[-1]} rows, B {meets}", "B")
    return A.with_shape(*broadcast(c, batch, B.shape[:-2], subject="B"), rows, columns)


@function("linalg.solve_triangular", family="linear")
def solve_triangular(
    c: Call, A: TensorType, B: TensorType, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> TensorType:
    """X of A X = B, or with `left=False` of X A = B, where A is triangular: (*, n, n), (*, n, k) → (*, n, k)."""
    batch = square(c, A)
    _sides(c, A, B)
    return _solved(c, A, batch, B, left)


@function("cholesky_solve", family="linear")
def cholesky_solve(c: Call, B: TensorType, L: TensorType, upper: bool = False) -> TensorType:
    """X of L Lᴴ X = B: (*, n, k), (*, n, n) → (*, n, k)."""
    batch = square(c, L, "L")
    if B.dtype is not L.dtype:
        c.refuse(f"B is {B.dtype}, L is {L.dtype}", "B", code="NNC0503")
    return _solved(c, L, batch, B, True)


@function("cholesky_inverse", family="linear")
def cholesky_inverse(c: Call, L: TensorType, upper: bool = False) -> TensorType:
    """The inverse of L Lᴴ: (*, n, n) → the same."""
    square(c, L, "L")
    return L


# -- products ----------------------------------------------------------------------------------------------------------


@function("linalg.cross", family="linear")
def cross(c: Call, input: TensorType, other: TensorType, *, dim: int = -1) -> TensorType:
    """The cross product of vectors of three numbers, along `dim`."""
    return cross_product(c, input, other, dim)


@function("linalg.vecdot", family="linear")
def vecdot(c: Call, x: TensorType, y: TensorType, *, dim: int = -1) -> TensorType:
    """The products of vectors along `dim`, the first conjugated: (*, n), (*, n) → (*)."""
    c.floating(x, "x", complex=True)
    if y.dtype is not x.dtype:
        c.refuse(f"y is {y.dtype}, x is {x.dtype}", "y", code="NNC0503")
    shape = broadcast(c, x.shape, y.shape, subject="y")
    i = axis(c, dim, len(shape))
    if x.rank == y.rank == 1:
        c.equal(x.shape[0], y.shape[0], f"vectors of {x.shape[0]} and {y.shape[0]} differ", "y")
    c.macs(product(shape))
    return x.with_shape(*shape[:i], *shape[i + 1 :])


@function("linalg.vander", family="linear")
def vander(c: Call, x: TensorType, *, N: Positive | None = None) -> TensorType:
    """The powers 0 … N − 1 of each number: (*, n) → (*, n, N); N is n where it is not given."""
    if x.dtype is DType.bool:
        c.refuse("vander takes numbers, these are truth values", "x", code="NNC0503")
    c.at_least_rank(x, 1, "x")
    count: DimLike = x.shape[-1] if N is None else N
    c.at_least(count, 2, f"there are at least two powers, not {count}", "N")
    return TensorType((*x.shape, count), DType.int64 if x.dtype.is_integer else x.dtype)


@function("linalg.multi_dot", family="linear")
def multi_dot(c: Call, tensors: Tensors) -> TensorType:
    """The product of two or more matrices, in the order of fewest multiply-adds; the first and the last may be vectors:
    (n, k), (k, m), … → (n, …)."""
    if len(tensors) < 2:
        c.refuse(f"a product has at least two factors, this is {len(tensors)}", "tensors")
    for place, tensor in enumerate(tensors):
        same_dtype(c, tensors[0], tensor, "tensors")
        ends = place in (0, len(tensors) - 1)
        c.rank(tensor, *((1, 2) if ends else (2,)), name="tensors")
    first, last = tensors[0], tensors[-1]
    sizes = [1 if first.rank == 1 else first.shape[0], first.shape[-1]]
    for tensor in tensors[1:]:
        have, want = tensor.shape[0], sizes[-1]
        c.equal(have, want, f"the inner sizes {want} and {have} differ", "tensors")
        sizes.append(1 if tensor.rank == 1 else tensor.shape[1])
    c.macs(_fewest(sizes))
    return first.with_shape(*sizes[:1] * (first.rank - 1), *sizes[-1:] * (last.rank - 1))


def _fewest(sizes: Sequence[DimLike]) -> DimLike:
    """Multiply-adds of the best order (https://en.wikipedia.org/wiki/Matrix_chain_multiplication): of n factors it takes n³
    steps to find, so of very many those from left to right, and with free sizes of more than a few."""
    count = len(sizes) - 1
    if count > (32 if all(isinstance(s, int) for s in sizes) else 5):
        return sum((sizes[0] * k * m for k, m in pairwise(sizes[1:])), 0)
    best: list[list[DimLike]] = [[0] * count for _ in range(count)]
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            costs = (best[i][k] + best[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j))
            best[i][j] = reduce(minimum, costs)
    return best[0][-1]


@function("linalg.householder_product", family="linear")
def householder_product(c: Call, A: TensorType, tau: TensorType) -> TensorType:
    """The first columns of a product of reflections, one for each column of A: (*, m, n), (*, k) → (*, m, n), m ≥ n ≥ k."""
    batch, rows, columns = matrix(c, A)
    if tau.dtype is not A.dtype:
        c.refuse(f"tau is {tau.dtype}, A is {A.dtype}", "tau", code="NNC0503")
    c.rank(tau, A.rank - 1, name="tau")
    c.at_least(rows, columns, f"A has more columns than rows: {A}", "A")
    c.at_least(columns, tau.shape[-1], f"there are {tau.shape[-1]} reflections for {columns} columns", "tau")
    for have, want in zip(tau.shape[:-1], batch, strict=True):
        c.equal(have, want, f"the batches {want} and {have} differ", "tau")
    return A


OPS: tuple[OpDef, ...] = (
    det, slogdet, inv, pinv, matrix_rank, matrix_exp, matrix_power, diagonal, solve, solve_triangular, cholesky_solve,
    cholesky_inverse, cross, vecdot, vander, multi_dot, householder_product,
)  # fmt: skip
