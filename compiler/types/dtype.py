"""Element types, under torch's names, and torch's promotion between them."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["DType", "promote"]


class DType(StrEnum):
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
    def is_floating(self) -> bool_:
        return self in _FLOATING

    @property
    def is_complex(self) -> bool_:
        return self in (DType.complex64, DType.complex128)

    @property
    def is_integer(self) -> bool_:
        """Whole numbers, bool excluded."""
        return self in _INTEGERS


bool_ = bool
_FLOATING = frozenset({DType.float16, DType.bfloat16, DType.float32, DType.float64})
_INTEGERS = frozenset({DType.uint8, DType.int8, DType.int16, DType.int32, DType.int64})
_RANK = {d: i for i, d in enumerate(DType)}


def promote(a: DType, b: DType) -> DType:
    """torch.promote_types for the dtypes above (https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion)."""
    if a is b:
        return a
    low, high = sorted((a, b), key=_RANK.__getitem__)
    if high.is_complex:
        return DType.complex128 if low in (DType.float64, DType.complex128) else high
    if high.is_floating:
        return DType.float32 if {low, high} == {DType.float16, DType.bfloat16} else high
    if low is DType.uint8 and high is DType.int8:
        return DType.int16
    return high
