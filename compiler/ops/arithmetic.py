"""Arithmetic of two or more operands, element by element with broadcasting. The language's operators `+ - * / // % **`
are the ops `add sub mul div floor_divide remainder pow`."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import result_type
from nnc.compiler.ops.kinds import Number, Operand, Scalar
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import broadcast
from nnc.compiler.types.dtype import DType, floating
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = ["OPS", "common_shape", "elementwise"]


def common_shape(c: Call, *operands: Operand, subject: str = "other") -> Shape:
    shapes = [o.shape for o in operands if isinstance(o, TensorType)]
    if not shapes:
        c.refuse(f"{c.op} takes a tensor, here are only numbers", "input")
    return broadcast(c, *shapes, subject=subject)


def elementwise(c: Call, *operands: Operand, subject: str = "other") -> TensorType:
    return TensorType(common_shape(c, *operands, subject=subject), result_type(*operands))


# -- two operands ------------------------------------------------------------------------------------------------------


@function("add", family="arithmetic")
def add(c: Call, input: Operand, other: Operand, *, alpha: Number = 1) -> TensorType:
    """input + alpha · other."""
    result = elementwise(c, input, other)
    _fits(c, alpha, result.dtype)
    return result


@function("sub", family="arithmetic")
def sub(c: Call, input: Operand, other: Operand, *, alpha: Number = 1) -> TensorType:
    """input − alpha · other."""
    result = elementwise(c, input, other)
    for operand in (input, other):
        if isinstance(operand, bool) or (isinstance(operand, TensorType) and operand.dtype is DType.bool):
            c.refuse(
                "torch does not subtract truth values; `logical_xor` tells where they differ", "input", code="NNC0503"
            )
    _fits(c, alpha, result.dtype)
    return result


def _fits(c: Call, alpha: Number, dtype: DType) -> None:
    if isinstance(alpha, float) and not (dtype.is_floating or dtype.is_complex):
        c.refuse(f"alpha {alpha} does not fit {dtype} operands", "alpha", code="NNC0503")


@function("mul", family="arithmetic")
def mul(c: Call, input: Operand, other: Operand) -> TensorType:
    """input · other."""
    return elementwise(c, input, other)


@function("div", family="arithmetic")
def div(
    c: Call, input: Operand, other: Operand, *, rounding_mode: Literal["trunc", "floor"] | None = None
) -> TensorType:
    """input / other; integers give float32 unless `rounding_mode` is given."""
    result = elementwise(c, input, other)
    if rounding_mode is None:
        return result.with_dtype(floating(result.dtype))
    return _rounded(c, other, result)


@function("floor_divide", family="arithmetic")
def floor_divide(c: Call, input: Operand, other: Operand) -> TensorType:
    """⌊input / other⌋."""
    return _rounded(c, other, elementwise(c, input, other))


@function("remainder", family="arithmetic")
def remainder(c: Call, input: Operand, other: Operand) -> TensorType:
    """input − other · ⌊input / other⌋, as Python's `%`."""
    return _rounded(c, other, elementwise(c, input, other))


@function("fmod", family="arithmetic")
def fmod(c: Call, input: TensorType, other: Operand) -> TensorType:
    """The remainder with the sign of `input`."""
    return _rounded(c, other, elementwise(c, input, other))


def _rounded(c: Call, other: Operand, result: TensorType) -> TensorType:
    """The result of a division without a fraction."""
    if c.ordered(result).dtype is DType.bool:
        c.refuse("torch does not divide truth values", "input", code="NNC0503")
    if not isinstance(other, TensorType) and other == 0 and result.dtype.is_integer:
        c.refuse("integers are divided by 0", "other")
    return result


@function("pow", family="arithmetic")
def pow_(c: Call, input: Operand, exponent: Operand) -> TensorType:
    """input ** exponent."""
    result = elementwise(c, input, exponent, subject="exponent")
    if result.dtype is DType.bool:
        c.refuse("torch does not raise truth values to a power", "input", code="NNC0503")
    if isinstance(exponent, int) and exponent < 0 and result.dtype.is_integer:
        c.refuse(f"integers have no negative power {exponent}", "exponent")
    return result


@function("maximum", family="arithmetic")
def maximum(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The larger of the two."""
    return c.ordered(elementwise(c, input, other))


@function("minimum", family="arithmetic")
def minimum(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The smaller of the two."""
    return c.ordered(elementwise(c, input, other))


@function("atan2", family="arithmetic")
def atan2(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The angle of the point (other, input)."""
    result = c.ordered(elementwise(c, input, other))
    return result.with_dtype(floating(result.dtype))


@function("lerp", family="arithmetic")
def lerp(c: Call, input: TensorType, end: TensorType, weight: TensorType | Scalar) -> TensorType:
    """input + weight · (end − input)."""
    for name, operand in (("end", end), ("weight", weight)):
        scalar = name == "weight" and isinstance(operand, TensorType) and operand.rank == 0
        if isinstance(operand, TensorType) and operand.dtype is not input.dtype and not scalar:
            c.refuse(f"{name} is {operand.dtype}, but the input is {input.dtype}", name, code="NNC0503")
    return TensorType(common_shape(c, input, end, weight, subject="end"), c.floating(input, complex=True).dtype)


@function("addcmul", family="arithmetic")
def addcmul(c: Call, input: TensorType, tensor1: TensorType, tensor2: TensorType, *, value: Number = 1) -> TensorType:
    """input + value · tensor1 · tensor2."""
    result = elementwise(c, input, tensor1, tensor2, subject="tensor1")
    if result.dtype is DType.bool:
        c.refuse("addcmul takes numbers, these are truth values", "input", code="NNC0503")
    return result


OPS: tuple[OpDef, ...] = (
    add, sub, mul, div, floor_divide, remainder, fmod, pow_, maximum, minimum, atan2, lerp, addcmul,
)  # fmt: skip
