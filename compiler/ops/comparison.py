"""Comparison and logic, element by element with broadcasting: the operators `== != < <= > >= & | ^ ~`."""

from __future__ import annotations

from nnc.compiler.ops.arithmetic import common_shape, elementwise
from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Operand
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@function("eq", family="comparison")
def eq(c: Call, input: Operand, other: Operand) -> TensorType:
    """Whether input == other."""
    return TensorType(common_shape(c, input, other), DType.bool)


@function("ne", family="comparison")
def ne(c: Call, input: Operand, other: Operand) -> TensorType:
    """Whether input ≠ other."""
    return TensorType(common_shape(c, input, other), DType.bool)


@function("lt", family="comparison")
def lt(c: Call, input: Operand, other: Operand) -> TensorType:
    """Whether input < other."""
    return c.ordered(elementwise(c, input, other)).with_dtype(DType.bool)


@function("le", family="comparison")
def le(c: Call, input: Operand, other: Operand) -> TensorType:
    """Whether input ≤ other."""
    return c.ordered(elementwise(c, input, other)).with_dtype(DType.bool)


@function("gt", family="comparison")
def gt(c: Call, input: Operand, other: Operand) -> TensorType:
    """Whether input > other."""
    return c.ordered(elementwise(c, input, other)).with_dtype(DType.bool)


@function("ge", family="comparison")
def ge(c: Call, input: Operand, other: Operand) -> TensorType:
    """Whether input ≥ other."""
    return c.ordered(elementwise(c, input, other)).with_dtype(DType.bool)


@function("logical_and", family="comparison")
def logical_and(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """Whether both are nonzero."""
    return TensorType(common_shape(c, input, other), DType.bool)


@function("logical_or", family="comparison")
def logical_or(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """Whether one is nonzero."""
    return TensorType(common_shape(c, input, other), DType.bool)


@function("logical_xor", family="comparison")
def logical_xor(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """Whether exactly one is nonzero."""
    return TensorType(common_shape(c, input, other), DType.bool)


@function("logical_not", family="comparison")
def logical_not(c: Call, input: TensorType) -> TensorType:
    """Whether it is zero."""
    return input.with_dtype(DType.bool)


@function("bitwise_and", family="comparison")
def bitwise_and(c: Call, input: Operand, other: Operand) -> TensorType:
    """The bits set in both; the operator `&`."""
    return _bits(c, elementwise(c, input, other))


@function("bitwise_or", family="comparison")
def bitwise_or(c: Call, input: Operand, other: Operand) -> TensorType:
    """The bits set in one; the operator `|`."""
    return _bits(c, elementwise(c, input, other))


@function("bitwise_xor", family="comparison")
def bitwise_xor(c: Call, input: Operand, other: Operand) -> TensorType:
    """The bits set in exactly one; the operator `^`."""
    return _bits(c, elementwise(c, input, other))


@function("bitwise_not", family="comparison")
def bitwise_not(c: Call, input: TensorType) -> TensorType:
    """Every bit flipped; the operator `~`."""
    return _bits(c, input)


def _bits(c: Call, result: TensorType) -> TensorType:
    if not (result.dtype.is_integer or result.dtype is DType.bool):
        c.refuse(f"{c.op} takes integers or truth values, this is {result.dtype}", "input", code="NNC0503")
    return result


OPS: tuple[OpDef, ...] = (
    eq, ne, lt, le, gt, ge, logical_and, logical_or, logical_xor, logical_not, bitwise_and, bitwise_or, bitwise_xor,
    bitwise_not,
)  # fmt: skip
