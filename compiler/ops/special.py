"""Rarer functions of one or two tensors, element by element."""

from __future__ import annotations

from nnc.compiler.ops.arithmetic import elementwise
from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import NonNegative, Number, Operand
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.types.dtype import DType, floating
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@function("tan", family="arithmetic")
def tan(c: Call, input: TensorType) -> TensorType:
    """The tangent."""
    return input.with_dtype(floating(input.dtype))


@function("asin", family="arithmetic")
def asin(c: Call, input: TensorType) -> TensorType:
    """The arc sine."""
    return input.with_dtype(floating(input.dtype))


@function("acos", family="arithmetic")
def acos(c: Call, input: TensorType) -> TensorType:
    """The arc cosine."""
    return input.with_dtype(floating(input.dtype))


@function("sinh", family="arithmetic")
def sinh(c: Call, input: TensorType) -> TensorType:
    """The hyperbolic sine."""
    return input.with_dtype(floating(input.dtype))


@function("cosh", family="arithmetic")
def cosh(c: Call, input: TensorType) -> TensorType:
    """The hyperbolic cosine."""
    return input.with_dtype(floating(input.dtype))


@function("asinh", family="arithmetic")
def asinh(c: Call, input: TensorType) -> TensorType:
    """The inverse hyperbolic sine."""
    return input.with_dtype(floating(input.dtype))


@function("acosh", family="arithmetic")
def acosh(c: Call, input: TensorType) -> TensorType:
    """The inverse hyperbolic cosine."""
    return input.with_dtype(floating(input.dtype))


@function("atanh", family="arithmetic")
def atanh(c: Call, input: TensorType) -> TensorType:
    """The inverse hyperbolic tangent."""
    return input.with_dtype(floating(input.dtype))


@function("exp2", family="arithmetic")
def exp2(c: Call, input: TensorType) -> TensorType:
    """2ˣ."""
    return input.with_dtype(floating(input.dtype))


@function("log10", family="arithmetic")
def log10(c: Call, input: TensorType) -> TensorType:
    """The logarithm to base 10."""
    return input.with_dtype(floating(input.dtype))


@function("sinc", family="arithmetic")
def sinc(c: Call, input: TensorType) -> TensorType:
    """sin(πx) / (πx)."""
    return input.with_dtype(floating(input.dtype))


@function("erfc", family="arithmetic")
def erfc(c: Call, input: TensorType) -> TensorType:
    """1 − erf(x)."""
    return c.ordered(input).with_dtype(floating(input.dtype))


@function("erfinv", family="arithmetic")
def erfinv(c: Call, input: TensorType) -> TensorType:
    """The inverse error function."""
    return c.ordered(input).with_dtype(floating(input.dtype))


@function("lgamma", family="arithmetic")
def lgamma(c: Call, input: TensorType) -> TensorType:
    """log |Γ(x)|."""
    return c.ordered(input).with_dtype(floating(input.dtype))


@function("digamma", family="arithmetic")
def digamma(c: Call, input: TensorType) -> TensorType:
    """The derivative of log Γ(x)."""
    return c.ordered(input).with_dtype(floating(input.dtype))


@function("deg2rad", family="arithmetic")
def deg2rad(c: Call, input: TensorType) -> TensorType:
    """Degrees as radians."""
    return c.ordered(input).with_dtype(floating(input.dtype))


@function("rad2deg", family="arithmetic")
def rad2deg(c: Call, input: TensorType) -> TensorType:
    """Radians as degrees."""
    return c.ordered(input).with_dtype(floating(input.dtype))


@function("logit", family="arithmetic")
def logit(c: Call, input: TensorType, eps: float | None = None) -> TensorType:
    """log(x / (1 − x)); `eps` keeps x away from 0 and 1."""
    return c.ordered(input).with_dtype(floating(input.dtype))


@function("trunc", family="arithmetic")
def trunc(c: Call, input: TensorType) -> TensorType:
    """The integer part."""
    return c.real(input)


@function("frac", family="arithmetic")
def frac(c: Call, input: TensorType) -> TensorType:
    """The part after the point."""
    return c.floating(input)


@function("nan_to_num", family="arithmetic")
def nan_to_num(
    c: Call, input: TensorType, nan: Number | None = None, posinf: Number | None = None, neginf: Number | None = None
) -> TensorType:
    """NaN and infinities replaced by numbers, 0 and the largest ones if none are given."""
    return input


@function("isnan", family="comparison")
def isnan(c: Call, input: TensorType) -> TensorType:
    """Whether it is NaN."""
    return input.with_dtype(DType.bool)


@function("isinf", family="comparison")
def isinf(c: Call, input: TensorType) -> TensorType:
    """Whether it is infinite."""
    return input.with_dtype(DType.bool)


@function("isfinite", family="comparison")
def isfinite(c: Call, input: TensorType) -> TensorType:
    """Whether it is neither NaN nor infinite."""
    return input.with_dtype(DType.bool)


@function("fmax", family="arithmetic")
def fmax(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The larger of the two; of a number and NaN the number."""
    return c.ordered(elementwise(c, input, other))


@function("fmin", family="arithmetic")
def fmin(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The smaller of the two; of a number and NaN the number."""
    return c.ordered(elementwise(c, input, other))


@function("hypot", family="arithmetic")
def hypot(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """√(x² + y²)."""
    return c.floating(elementwise(c, input, other))


@function("logaddexp", family="arithmetic")
def logaddexp(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """log(eˣ + eʸ), without overflow."""
    return c.floating(elementwise(c, input, other), complex=True)


@function("sgn", family="arithmetic")
def sgn(c: Call, input: TensorType) -> TensorType:
    """The sign; of a complex number the one of absolute value 1 in its direction."""
    return input


@function("signbit", family="comparison")
def signbit(c: Call, input: TensorType) -> TensorType:
    """Whether the sign is minus, that of -0.0 too."""
    return c.ordered(input).with_dtype(DType.bool)


@function("positive", family="arithmetic")
def positive(c: Call, input: TensorType) -> TensorType:
    """+x: the same."""
    if input.dtype is DType.bool:
        c.refuse("truth values have no sign", "input", code="NNC0503")
    return input


@function("isneginf", family="comparison")
def isneginf(c: Call, input: TensorType) -> TensorType:
    """Whether it is -inf."""
    return c.ordered(input).with_dtype(DType.bool)


@function("isposinf", family="comparison")
def isposinf(c: Call, input: TensorType) -> TensorType:
    """Whether it is inf."""
    return c.ordered(input).with_dtype(DType.bool)


@function("isclose", family="comparison")
def isclose(
    c: Call, input: TensorType, other: TensorType, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> TensorType:
    """Whether |x − y| ≤ atol + rtol · |y|."""
    if other.dtype is not input.dtype:
        c.refuse(f"other is {other.dtype}, input is {input.dtype}", "other", code="NNC0503")
    if rtol < 0 or atol < 0:
        c.refuse("a tolerance is not negative", "rtol" if rtol < 0 else "atol")
    if equal_nan and input.dtype.is_complex:
        c.refuse("equal_nan is not for complex numbers", "equal_nan", code="NNC0503")
    return elementwise(c, input, other).with_dtype(DType.bool)


@function("copysign", family="arithmetic")
def copysign(c: Call, input: TensorType, other: TensorType | Number) -> TensorType:
    """The size of `input` with the sign of `other`."""
    result = c.ordered(elementwise(c, input, other))
    return result.with_dtype(floating(result.dtype))


@function("heaviside", family="arithmetic")
def heaviside(c: Call, input: TensorType, values: TensorType) -> TensorType:
    """0 below 0, 1 above it, and `values` where it is 0."""
    if values.dtype is not input.dtype:
        c.refuse(f"values is {values.dtype}, input is {input.dtype}", "values", code="NNC0503")
    return c.ordered(elementwise(c, input, values, subject="values"))


@function("ldexp", family="arithmetic")
def ldexp(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """input · 2^other."""
    if other.dtype is DType.bool:
        c.refuse("an exponent is a number, not a truth value", "other", code="NNC0503")
    power = other.with_dtype(floating(other.dtype))
    return elementwise(c, input, power)


@function("logaddexp2", family="arithmetic")
def logaddexp2(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """log₂(2ˣ + 2ʸ), without overflow."""
    return c.floating(elementwise(c, input, other))


@function("xlogy", family="arithmetic")
def xlogy(c: Call, input: Operand, other: Operand) -> TensorType:
    """x · log y, which is 0 where x is 0."""
    result = c.ordered(elementwise(c, input, other))
    return result.with_dtype(floating(result.dtype))


@function("float_power", family="arithmetic")
def float_power(c: Call, input: Operand, exponent: Operand) -> TensorType:
    """x^y in double precision."""
    result = elementwise(c, input, exponent, subject="exponent")
    return result.with_dtype(DType.complex128 if result.dtype.is_complex else DType.float64)


@function("i0", family="arithmetic")
def i0(c: Call, input: TensorType) -> TensorType:
    """The modified Bessel function of the first kind, of order 0."""
    return c.ordered(input).with_dtype(floating(input.dtype))


@function("polygamma", family="arithmetic")
def polygamma(c: Call, n: NonNegative, input: TensorType) -> TensorType:
    """The n-th derivative of the digamma function."""
    return c.ordered(input).with_dtype(floating(input.dtype))


@function("gcd", family="arithmetic")
def gcd(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The greatest common divisor."""
    return _whole(c, elementwise(c, input, other))


@function("lcm", family="arithmetic")
def lcm(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The least common multiple."""
    return _whole(c, elementwise(c, input, other))


@function("bitwise_left_shift", family="arithmetic")
def bitwise_left_shift(c: Call, input: TensorType, other: TensorType | int) -> TensorType:
    """Bits moved up: input · 2^other."""
    return _whole(c, elementwise(c, input, other))


@function("bitwise_right_shift", family="arithmetic")
def bitwise_right_shift(c: Call, input: TensorType, other: TensorType | int) -> TensorType:
    """Bits moved down: ⌊input / 2^other⌋."""
    return _whole(c, elementwise(c, input, other))


def _whole(c: Call, result: TensorType) -> TensorType:
    if not result.dtype.is_integer:
        c.refuse(f"{c.op} takes integers, these are {result.dtype}", "input", code="NNC0503")
    return result


@function("addcdiv", family="arithmetic")
def addcdiv(c: Call, input: TensorType, tensor1: TensorType, tensor2: TensorType, *, value: Number = 1) -> TensorType:
    """input + value · tensor1 / tensor2."""
    if not any(t.dtype.is_floating or t.dtype.is_complex for t in (tensor1, tensor2)):
        c.refuse(f"addcdiv does not divide {tensor1.dtype} by {tensor2.dtype}", "tensor1", code="NNC0503")
    return elementwise(c, input, tensor1, tensor2, subject="tensor1")


@function("clamp_min", family="arithmetic")
def clamp_min(c: Call, input: TensorType, min: Operand) -> TensorType:
    """The larger of `input` and `min`."""
    result = elementwise(c, input, min, subject="min")
    return c.ordered(result) if isinstance(min, TensorType) else c.real(result)


@function("clamp_max", family="arithmetic")
def clamp_max(c: Call, input: TensorType, max: Operand) -> TensorType:
    """The smaller of `input` and `max`."""
    result = elementwise(c, input, max, subject="max")
    return c.ordered(result) if isinstance(max, TensorType) else c.real(result)


OPS: tuple[OpDef, ...] = (
    tan, asin, acos, sinh, cosh, asinh, acosh, atanh, exp2, log10, sinc, erfc, erfinv, lgamma, digamma, deg2rad,
    rad2deg, logit, trunc, frac, nan_to_num, isnan, isinf, isfinite, fmax, fmin, hypot, logaddexp, sgn, signbit, positive,
    isneginf, isposinf, isclose, copysign, heaviside, ldexp, logaddexp2, xlogy, float_power, i0, polygamma, gcd, lcm,
    bitwise_left_shift, bitwise_right_shift, addcdiv, clamp_min, clamp_max,
)  # fmt: skip
