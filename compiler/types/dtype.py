"""Element types, under torch's names, and torch's promotion between them.

The rules: https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion, with torch's default dtype, float32.
These functions are about dtypes alone; a zero-dimensional tensor has less say than others: see `tensor.result_dtype`.
"""

from __future__ import annotations

import builtins
from enum import StrEnum

__all__ = ["DType", "floating", "promote", "promote_scalar", "true_divide"]


class DType(StrEnum):
    """In order of promotion: of two that differ, the later one, with the exceptions in `promote`."""

    bool = "bool"
    uint8 = "uint8"
    int8 = "int8"
    int16 = "int16"
    int32 = "int32"
    int64 = "int64"
    float16 = "float16"
    bfloat16 = "bfloat16"
    float32 = "float32"
    float64 = "float64"
    complex64 = "complex64"
    complex128 = "complex128"

    @property
    def is_floating(self) -> builtins.bool:
        """Real floating point; `torch.dtype.is_floating_point`."""
        return self in _FLOATING

    @property
    def is_complex(self) -> builtins.bool:
        return self in _COMPLEX

    @property
    def is_integer(self) -> builtins.bool:
        """Whole numbers, bool excluded."""
        return self in _INTEGERS

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return _BYTES[self]


_FLOATING = frozenset({DType.float16, DType.bfloat16, DType.float32, DType.float64})
_INTEGERS = frozenset({DType.uint8, DType.int8, DType.int16, DType.int32, DType.int64})
_COMPLEX = frozenset({DType.complex64, DType.complex128})
_RANK = {dtype: rank for rank, dtype in enumerate(DType)}
_BYTES = dict(zip(DType, (1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16), strict=True))


def promote(a: DType, b: DType) -> DType:
    """`torch.promote_types(a, b)`."""
    low, high = sorted((a, b), key=_RANK.__getitem__)
    if high is DType.complex64 and low is DType.float64:
        return DType.complex128
    if low is DType.float16 and high is DType.bfloat16:
        return DType.float32
    if low is DType.uint8 and high is DType.int8:
        return DType.int16
    return high


def promote_scalar(dtype: DType, scalar: bool | int | float) -> DType:
    """The dtype of `tensor + scalar`: a Python number changes it only where its kind (bool, int, float) is higher."""
    if isinstance(scalar, bool) or dtype.is_floating or dtype.is_complex:
        return dtype
    if isinstance(scalar, float):
        return DType.float32
    return DType.int64 if dtype is DType.bool else dtype


def floating(dtype: DType) -> DType:
    """The dtype that `/`, `exp`, `sqrt` … give for this one: whole numbers and bool become float32."""
    return dtype if dtype.is_floating or dtype.is_complex else DType.float32


def true_divide(a: DType, b: DType | bool | int | float) -> DType:
    """The dtype of `a / b`."""
    return floating(promote(a, b) if isinstance(b, DType) else promote_scalar(a, b))
