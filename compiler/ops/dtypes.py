"""The dtype of a result, where operands are tensors, numbers and sizes."""

from __future__ import annotations

from nnc.compiler.ops.kinds import Operand
from nnc.compiler.types.dim import Dim
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import result_dtype

__all__ = ["accumulated", "complexified", "magnitude", "result_type"]


def accumulated(dtype: DType) -> DType:
    """What `sum`, `prod`, `cumsum` make of a dtype: integers are added up as int64."""
    return dtype if dtype.is_floating or dtype.is_complex else DType.int64


def magnitude(dtype: DType) -> DType:
    """What `abs` and norms make of a dtype: the real numbers beneath complex ones."""
    return {DType.complex64: DType.float32, DType.complex128: DType.float64}.get(dtype, dtype)


def complexified(dtype: DType) -> DType:
    """The complex numbers over a dtype; integers count as float32."""
    return DType.complex128 if dtype in (DType.float64, DType.complex128) else DType.complex64


def result_type(*operands: Operand) -> DType:
    """`torch.result_type`; a free size is an integer."""
    return result_dtype(*(1 if isinstance(operand, Dim) else operand for operand in operands))
