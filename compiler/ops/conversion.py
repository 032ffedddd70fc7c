"""Conversions of dtype: the shape stays."""

from __future__ import annotations

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Dtype
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@function("to", family="shape")
def to(c: Call, input: TensorType, dtype: Dtype) -> TensorType:
    """The values as another dtype: `to(x, float16)`."""
    return input.with_dtype(dtype)


@function("type_as", family="shape")
def type_as(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The values as the dtype of `other`."""
    return input.with_dtype(other.dtype)


@function("float", family="shape")
def float_(c: Call, input: TensorType) -> TensorType:
    """The values as float32."""
    return input.with_dtype(DType.float32)


@function("double", family="shape")
def double(c: Call, input: TensorType) -> TensorType:
    """The values as float64."""
    return input.with_dtype(DType.float64)


@function("half", family="shape")
def half(c: Call, input: TensorType) -> TensorType:
    """The values as float16."""
    return input.with_dtype(DType.float16)


@function("bfloat16", family="shape")
def bfloat16(c: Call, input: TensorType) -> TensorType:
    """The values as bfloat16."""
    return input.with_dtype(DType.bfloat16)


@function("long", family="shape")
def long(c: Call, input: TensorType) -> TensorType:
    """The values as int64, rounded towards 0."""
    return input.with_dtype(DType.int64)


@function("int", family="shape")
def int_(c: Call, input: TensorType) -> TensorType:
    """The values as int32, rounded towards 0."""
    return input.with_dtype(DType.int32)


@function("bool", family="shape")
def bool_(c: Call, input: TensorType) -> TensorType:
    """Whether each value is nonzero."""
    return input.with_dtype(DType.bool)


@function("detach", family="shape")
def detach(c: Call, input: TensorType) -> TensorType:
    """The same values, through which no gradient flows."""
    return input


@function("clone", family="shape")
def clone(c: Call, input: TensorType) -> TensorType:
    """A copy."""
    return input


OPS: tuple[OpDef, ...] = (to, type_as, float_, double, half, bfloat16, long, int_, bool_, detach, clone)
