"""Rarer functions of one or two tensors, element by element."""

from __future__ import annotations

from nnc.compiler.ops.arithmetic import elementwise
from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Number
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


OPS: tuple[OpDef, ...] = (
    tan, asin, acos, sinh, cosh, asinh, acosh, atanh, exp2, log10, sinc, erfc, erfinv, lgamma, digamma, deg2rad,
    rad2deg, logit, trunc, frac, nan_to_num, isnan, isinf, isfinite, fmax, fmin, hypot, logaddexp,
)  # fmt: skip
