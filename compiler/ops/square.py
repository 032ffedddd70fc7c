"""What the functions of matrices ask of one: numbers that LAPACK computes with, two dimensions, and mostly that it is square."""

from __future__ import annotations

from nnc.compiler.ops.call import Call
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = ["matrix", "square"]

_NUMBERS = (DType.float32, DType.float64, DType.complex64, DType.complex128)


def matrix(c: Call, input: TensorType, name: str = "A") -> tuple[Shape, DimLike, DimLike]:
    """Batch, rows and columns of (*, m, n)."""
    if input.dtype not in _NUMBERS:
        c.refuse(f"{c.op} takes float32 or float64, this is {input.dtype}", name, code="NNC0503")
    c.at_least_rank(input, 2, name)
    return input.shape[:-2], input.shape[-2], input.shape[-1]


def square(c: Call, input: TensorType, name: str = "A") -> Shape:
    """The batch of (*, n, n)."""
    batch, rows, columns = matrix(c, input, name)
    c.equal(rows, columns, f"the matrices are not square: {input}", name)
    return batch
