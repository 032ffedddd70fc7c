"""`torch.linalg`'s factorizations: a matrix as a product of simpler ones. Their results are named as torch names them:
`svd.U`, `svd.S`, `svd.Vh`. None counts multiply-adds: of the order of n³ for a matrix of n rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import complexified, magnitude
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.square import matrix, square
from nnc.compiler.types.dim import minimum
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@function("linalg.cholesky", family="linear")
def cholesky(c: Call, A: TensorType, *, upper: bool = False) -> TensorType:
    """L of A = L Lᴴ, where A is symmetric (Hermitian) and positive-definite: (*, n, n) → the same."""
    square(c, A)
    return A


@function("linalg.qr", family="linear", results=("Q", "R"))
def qr(c: Call, A: TensorType, mode: Literal["reduced", "complete", "r"] = "reduced") -> Mapping[str, TensorType]:
    """A = Q R of orthonormal columns and an upper triangle: (*, m, n) → (*, m, k), (*, k, n) with k = min(m, n), or with
    "complete" k = m. A network has no use for "r", whose Q is empty."""
    batch, rows, columns = matrix(c, A)
    if mode == "r":
        c.refuse('with "r" there is no Q, and no tensor is empty here: take `R` of "reduced"', "mode")
    inner = rows if mode == "complete" else minimum(rows, columns)
    return {"Q": A.with_shape(*batch, rows, inner), "R": A.with_shape(*batch, inner, columns)}


@function("linalg.svd", family="linear", results=("U", "S", "Vh"))
def svd(
    c: Call, A: TensorType, full_matrices: bool = True, *, driver: Literal["gesvd", "gesvdj", "gesvda"] | None = None
) -> Mapping[str, TensorType]:
    """A = U diag(S) Vᴴ: (*, m, n) → (*, m, m), (*, k), (*, n, n) with k = min(m, n), or without `full_matrices` (*, m, k),
    (*, k), (*, k, n). The singular values are real, the largest first."""
    batch, rows, columns = matrix(c, A)
    _anywhere(c, driver)
    inner = minimum(rows, columns)
    left, right = (rows, columns) if full_matrices else (inner, inner)
    return {
        "U": A.with_shape(*batch, rows, left),
        "S": A.with_shape(*batch, inner).with_dtype(magnitude(A.dtype)),
        "Vh": A.with_shape(*batch, right, columns),
    }


@function("linalg.svdvals", family="linear")
def svdvals(c: Call, A: TensorType, *, driver: Literal["gesvd", "gesvdj", "gesvda"] | None = None) -> TensorType:
    """The singular values, the largest first: (*, m, n) → (*, min(m, n)) real."""
    batch, rows, columns = matrix(c, A)
    _anywhere(c, driver)
    return A.with_shape(*batch, minimum(rows, columns)).with_dtype(magnitude(A.dtype))


def _anywhere(c: Call, driver: str | None) -> None:
    if driver is not None:
        c.refuse("a driver is for CUDA alone, and a spec runs anywhere: leave it out", "driver")


@function("linalg.eig", family="linear", results=("eigenvalues", "eigenvectors"))
def eig(c: Call, A: TensorType) -> Mapping[str, TensorType]:
    """Eigenvalues and eigenvectors, complex of real matrices too: (*, n, n) → (*, n), (*, n, n)."""
    batch = square(c, A)
    found = A.with_dtype(complexified(A.dtype))
    return {"eigenvalues": found.with_shape(*batch, A.shape[-1]), "eigenvectors": found}


@function("linalg.eigvals", family="linear")
def eigvals(c: Call, A: TensorType) -> TensorType:
    """The eigenvalues, complex of real matrices too: (*, n, n) → (*, n)."""
    return A.with_shape(*square(c, A), A.shape[-1]).with_dtype(complexified(A.dtype))


@function("linalg.eigh", family="linear", results=("eigenvalues", "eigenvectors"))
def eigh(c: Call, A: TensorType, UPLO: Literal["L", "U"] = "L") -> Mapping[str, TensorType]:
    """Eigenvalues and eigenvectors of symmetric (Hermitian) matrices, of which one triangle is read: (*, n, n) → (*, n)
    real, ascending, and (*, n, n)."""
    batch = square(c, A)
    values = A.with_shape(*batch, A.shape[-1]).with_dtype(magnitude(A.dtype))
    return {"eigenvalues": values, "eigenvectors": A}


@function("linalg.eigvalsh", family="linear")
def eigvalsh(c: Call, A: TensorType, UPLO: Literal["L", "U"] = "L") -> TensorType:
    """The eigenvalues of symmetric (Hermitian) matrices, ascending: (*, n, n) → (*, n) real."""
    return A.with_shape(*square(c, A), A.shape[-1]).with_dtype(magnitude(A.dtype))


@function("linalg.lu", family="linear", results=("P", "L", "U"))
def lu(c: Call, A: TensorType, *, pivot: bool = True) -> Mapping[str, TensorType]:
    """A = P L U of a permutation and two triangles: (*, m, n) → (*, m, m), (*, m, k), (*, k, n) with k = min(m, n)."""
    batch, rows, columns = matrix(c, A)
    if not pivot:
        c.refuse("without pivots it is for CUDA alone, and a spec runs anywhere", "pivot")
    inner = minimum(rows, columns)
    return {
        "P": A.with_shape(*batch, rows, rows),
        "L": A.with_shape(*batch, rows, inner),
        "U": A.with_shape(*batch, inner, columns),
    }


OPS: tuple[OpDef, ...] = (cholesky, qr, svd, svdvals, eig, eigvals, eigh, eigvalsh, lu)
