"""The dtype of a result: torch's promotion between tensors, scalars of rank 0 and Python numbers."""

from __future__ import annotations

from nnc.compiler.types.dim import Dim
from nnc.compiler.types.dtype import DType, promote
from nnc.compiler.types.tensor import TensorType

__all__ = ["accumulated", "as_float", "result_type"]


def as_float(dtype: DType) -> DType:
    """What `sigmoid`, `exp`, `/` make of a dtype: integers become the default, float32."""
    return dtype if dtype.is_floating or dtype.is_complex else DType.float32


def accumulated(dtype: DType) -> DType:
    """What `sum`, `prod`, `cumsum` make of a dtype: integers are added up as int64."""
    return dtype if dtype.is_floating or dtype.is_complex else DType.int64


def result_type(*operands: TensorType | Dim | int | float | bool) -> DType:
    """torch.result_type: a tensor outranks one of rank 0, which outranks a Python number, unless the lower one is of a
    higher kind, bool < integer < floating < complex
    (https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc)."""
    ranked: list[DType | None] = [None, None, None]
    for operand in operands:
        if isinstance(operand, TensorType):
            place, dtype = (0 if operand.shape else 1), operand.dtype
        else:
            place, dtype = 2, _python_number(operand)
        known = ranked[place]
        ranked[place] = dtype if known is None else promote(known, dtype)
    result = _combine(ranked[0], _combine(ranked[1], ranked[2]))
    assert result is not None
    return result


def _python_number(value: Dim | int | float | bool) -> DType:
    if isinstance(value, bool):
        return DType.bool
    return DType.float32 if isinstance(value, float) else DType.int64


def _combine(higher: DType | None, lower: DType | None) -> DType | None:
    if higher is None or lower is None or higher is lower:
        return higher or lower
    if higher.is_complex:
        return higher
    if higher.is_floating:
        return _complex_of(higher) if lower.is_complex else higher
    if higher is DType.bool or lower.is_floating or lower.is_complex:
        return promote(higher, lower)
    return higher


def _complex_of(dtype: DType) -> DType:
    return DType.complex128 if dtype is DType.float64 else DType.complex64
