"""Arithmetic and comparison, element by element with broadcasting. The operators of the language are these ops:
`+ - * / // % **` are `add sub mul div floor_divide remainder pow`, `== != < <= > >=` are `eq ne lt le gt ge`."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import as_float, result_type
from nnc.compiler.ops.kinds import Operand, Scalar
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import broadcast
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import Shape, TensorType

__all__ = ["OPS"]


def _shape(c: Call, *operands: Operand, subject: str = "other") -> Shape:
    shapes = [o.shape for o in operands if isinstance(o, TensorType)]
    if not shapes:
        c.refuse(f"{c.op} takes a tensor, here are only numbers", "input")
    return broadcast(c, *shapes, subject=subject)


def _elementwise(c: Call, *operands: Operand, subject: str = "other") -> TensorType:
    return TensorType(_shape(c, *operands, subject=subject), result_type(*operands))


# -- two operands ------------------------------------------------------------------------------------------------------


@function("add", family="arithmetic")
def add(c: Call, input: Operand, other: Operand, *, alpha: Scalar = 1) -> TensorType:
    """input + alpha · other."""
    result = _elementwise(c, input, other)
    _fits(c, alpha, result.dtype)
    return result


@function("sub", family="arithmetic")
def sub(c: Call, input: Operand, other: Operand, *, alpha: Scalar = 1) -> TensorType:
    """input − alpha · other."""
    result = _elementwise(c, input, other)
    for operand in (input, other):
        if isinstance(operand, bool) or (isinstance(operand, TensorType) and operand.dtype is DType.bool):
            c.refuse("torch does not subtract truth values; `logical_xor` tells where they differ", "input")
    _fits(c, alpha, result.dtype)
    return result


def _fits(c: Call, alpha: Scalar, dtype: DType) -> None:
    if isinstance(alpha, float) and not (dtype.is_floating or dtype.is_complex):
        c.refuse(f"alpha {alpha} does not fit {dtype} operands", "alpha", code="NNC0503")
    if isinstance(alpha, bool) and dtype is not DType.bool:
        c.refuse("alpha is a truth value, the operands are not", "alpha", code="NNC0503")


@function("mul", family="arithmetic")
def mul(c: Call, input: Operand, other: Operand) -> TensorType:
    """input · other."""
    return _elementwise(c, input, other)


@function("div", family="arithmetic")
def div(
    c: Call, input: Operand, other: Operand, *, rounding_mode: Literal["trunc", "floor"] | None = None
) -> TensorType:
    """input / other; integers give float32 unless `rounding_mode` is given."""
    result = _elementwise(c, input, other)
    if rounding_mode is None:
        return result.with_dtype(as_float(result.dtype))
    return _divisible(c, result)


@function("floor_divide", family="arithmetic")
def floor_divide(c: Call, input: Operand, other: Operand) -> TensorType:
    """⌊input / other⌋."""
    return _divisible(c, _elementwise(c, input, other))


@function("remainder", family="arithmetic")
def remainder(c: Call, input: Operand, other: Operand) -> TensorType:
    """input − other · ⌊input / other⌋, as Python's `%`."""
    return _divisible(c, _elementwise(c, input, other))


@function("fmod", family="arithmetic")
def fmod(c: Call, input: TensorType, other: Operand) -> TensorType:
    """The remainder with the sign of `input`."""
    return _divisible(c, _elementwise(c, input, other))


def _divisible(c: Call, result: TensorType) -> TensorType:
    return c.real(result)


@function("pow", family="arithmetic")
def pow(c: Call, input: Operand, exponent: Operand) -> TensorType:
    """input ** exponent."""
    result = _elementwise(c, input, exponent, subject="exponent")
    if result.dtype is DType.bool:
        c.refuse("torch does not raise truth values to a power", "input", code="NNC0503")
    if isinstance(exponent, int) and exponent < 0 and result.dtype.is_integer:
        c.refuse(f"integers have no negative power {exponent}", "exponent")
    return result


@function("maximum", family="arithmetic")
def maximum(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The larger of the two."""
    return _ordered(c, _elementwise(c, input, other))


@function("minimum", family="arithmetic")
def minimum(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The smaller of the two."""
    return _ordered(c, _elementwise(c, input, other))


@function("atan2", family="arithmetic")
def atan2(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The angle of the point (other, input)."""
    result = _ordered(c, _elementwise(c, input, other))
    return result.with_dtype(as_float(result.dtype))


def _ordered(c: Call, result: TensorType) -> TensorType:
    if result.dtype.is_complex:
        c.refuse("complex numbers have no order", "input", code="NNC0503")
    return result


@function("lerp", family="arithmetic")
def lerp(c: Call, input: TensorType, end: TensorType, weight: TensorType | Scalar) -> TensorType:
    """input + weight · (end − input)."""
    for name, operand in (("end", end), ("weight", weight)):
        if isinstance(operand, TensorType) and operand.dtype is not c.floating(input, complex=True).dtype:
            c.refuse(f"{name} is {operand.dtype}, but the input is {input.dtype}", name, code="NNC0503")
    return TensorType(_shape(c, input, end, weight, subject="end"), c.floating(input, complex=True).dtype)


@function("addcmul", family="arithmetic")
def addcmul(c: Call, input: TensorType, tensor1: TensorType, tensor2: TensorType, *, value: Scalar = 1) -> TensorType:
    """input + value · tensor1 · tensor2."""
    result = _elementwise(c, input, tensor1, tensor2, subject="tensor1")
    _fits(c, value, result.dtype)
    return result


# -- comparison --------------------------------------------------------------------------------------------------------


@function("eq", family="comparison")
def eq(c: Call, input: Operand, other: Operand) -> TensorType:
    """Whether input == other."""
    return TensorType(_shape(c, input, other), DType.bool)


@function("ne", family="comparison")
def ne(c: Call, input: Operand, other: Operand) -> TensorType:
    """Whether input ≠ other."""
    return TensorType(_shape(c, input, other), DType.bool)


@function("lt", family="comparison")
def lt(c: Call, input: Operand, other: Operand) -> TensorType:
    """Whether input < other."""
    return _ordered(c, _elementwise(c, input, other)).with_dtype(DType.bool)


@function("le", family="comparison")
def le(c: Call, input: Operand, other: Operand) -> TensorType:
    """Whether input ≤ other."""
    return _ordered(c, _elementwise(c, input, other)).with_dtype(DType.bool)


@function("gt", family="comparison")
def gt(c: Call, input: Operand, other: Operand) -> TensorType:
    """Whether input > other."""
    return _ordered(c, _elementwise(c, input, other)).with_dtype(DType.bool)


@function("ge", family="comparison")
def ge(c: Call, input: Operand, other: Operand) -> TensorType:
    """Whether input ≥ other."""
    return _ordered(c, _elementwise(c, input, other)).with_dtype(DType.bool)


@function("logical_and", family="comparison")
def logical_and(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """Whether both are nonzero."""
    return TensorType(_shape(c, input, other), DType.bool)


@function("logical_or", family="comparison")
def logical_or(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """Whether one is nonzero."""
    return TensorType(_shape(c, input, other), DType.bool)


@function("logical_xor", family="comparison")
def logical_xor(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """Whether exactly one is nonzero."""
    return TensorType(_shape(c, input, other), DType.bool)


@function("logical_not", family="comparison")
def logical_not(c: Call, input: TensorType) -> TensorType:
    """Whether it is zero."""
    return input.with_dtype(DType.bool)


@function("bitwise_and", family="comparison")
def bitwise_and(c: Call, input: Operand, other: Operand) -> TensorType:
    """The bits set in both; the operator `&`."""
    return _bits(c, _elementwise(c, input, other))


@function("bitwise_or", family="comparison")
def bitwise_or(c: Call, input: Operand, other: Operand) -> TensorType:
    """The bits set in one; the operator `|`."""
    return _bits(c, _elementwise(c, input, other))


@function("bitwise_xor", family="comparison")
def bitwise_xor(c: Call, input: Operand, other: Operand) -> TensorType:
    """The bits set in exactly one; the operator `^`."""
    return _bits(c, _elementwise(c, input, other))


@function("bitwise_not", family="comparison")
def bitwise_not(c: Call, input: TensorType) -> TensorType:
    """Every bit flipped; the operator `~`."""
    return _bits(c, input)


def _bits(c: Call, result: TensorType) -> TensorType:
    if not (result.dtype.is_integer or result.dtype is DType.bool):
        c.refuse(f"{c.op} takes integers or truth values, this is {result.dtype}", "input", code="NNC0503")
    return result


# -- one operand -------------------------------------------------------------------------------------------------------


@function("neg", family="arithmetic")
def neg(c: Call, input: TensorType) -> TensorType:
    """−x."""
    if input.dtype is DType.bool:
        c.refuse("torch does not negate truth values; `logical_not` is their operation", "input", code="NNC0503")
    return input


@function("abs", family="arithmetic")
def abs(c: Call, input: TensorType) -> TensorType:
    """|x|; of complex numbers the real magnitude."""
    if input.dtype.is_complex:
        return input.with_dtype(DType.float64 if input.dtype is DType.complex128 else DType.float32)
    return c.real(input)


@function("sign", family="arithmetic")
def sign(c: Call, input: TensorType) -> TensorType:
    """−1, 0 or 1."""
    return _ordered(c, input)


@function("square", family="arithmetic")
def square(c: Call, input: TensorType) -> TensorType:
    """x²."""
    return input.with_dtype(DType.int64) if input.dtype is DType.bool else input


@function("floor", family="arithmetic")
def floor(c: Call, input: TensorType) -> TensorType:
    """The next integer below."""
    return c.real(input)


@function("ceil", family="arithmetic")
def ceil(c: Call, input: TensorType) -> TensorType:
    """The next integer above."""
    return c.real(input)


@function("round", family="arithmetic")
def round(c: Call, input: TensorType, *, decimals: int = 0) -> TensorType:
    """The nearest integer, or the nearest number of `decimals` digits; halves go to the even one."""
    if decimals and not input.dtype.is_floating:
        c.refuse(f"decimals need floating-point numbers, this is {input.dtype}", "decimals", code="NNC0503")
    return c.real(input)


@function("exp", family="arithmetic")
def exp(c: Call, input: TensorType) -> TensorType:
    """eˣ."""
    return input.with_dtype(as_float(input.dtype))


@function("expm1", family="arithmetic")
def expm1(c: Call, input: TensorType) -> TensorType:
    """eˣ − 1, exact near 0."""
    return input.with_dtype(as_float(input.dtype))


@function("log", family="arithmetic")
def log(c: Call, input: TensorType) -> TensorType:
    """The natural logarithm."""
    return input.with_dtype(as_float(input.dtype))


@function("log1p", family="arithmetic")
def log1p(c: Call, input: TensorType) -> TensorType:
    """log(1 + x), exact near 0."""
    return input.with_dtype(as_float(input.dtype))


@function("log2", family="arithmetic")
def log2(c: Call, input: TensorType) -> TensorType:
    """The logarithm to base 2."""
    return input.with_dtype(as_float(input.dtype))


@function("sqrt", family="arithmetic")
def sqrt(c: Call, input: TensorType) -> TensorType:
    """√x."""
    return input.with_dtype(as_float(input.dtype))


@function("rsqrt", family="arithmetic")
def rsqrt(c: Call, input: TensorType) -> TensorType:
    """1 / √x."""
    return input.with_dtype(as_float(input.dtype))


@function("reciprocal", family="arithmetic")
def reciprocal(c: Call, input: TensorType) -> TensorType:
    """1 / x."""
    return input.with_dtype(as_float(input.dtype))


@function("sin", family="arithmetic")
def sin(c: Call, input: TensorType) -> TensorType:
    """The sine."""
    return input.with_dtype(as_float(input.dtype))


@function("cos", family="arithmetic")
def cos(c: Call, input: TensorType) -> TensorType:
    """The cosine."""
    return input.with_dtype(as_float(input.dtype))


@function("atan", family="arithmetic")
def atan(c: Call, input: TensorType) -> TensorType:
    """The arc tangent."""
    return input.with_dtype(as_float(input.dtype))


@function("erf", family="arithmetic")
def erf(c: Call, input: TensorType) -> TensorType:
    """The error function."""
    return _ordered(c, input).with_dtype(as_float(input.dtype))


OPS: tuple[OpDef, ...] = (
    add, sub, mul, div, floor_divide, remainder, fmod, pow, maximum, minimum, atan2, lerp, addcmul, eq, ne, lt, le,
    gt, ge, logical_and, logical_or, logical_xor, logical_not, bitwise_and, bitwise_or, bitwise_xor, bitwise_not, neg,
    abs, sign, square, floor, ceil, round, exp, expm1, log, log1p, log2, sqrt, rsqrt, reciprocal, sin, cos, atan, erf,
)  # fmt: skip
