"""Functions of one tensor, element by element: the shape stays."""

from __future__ import annotations

from nnc.compiler.ops.arithmetic import elementwise
from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import magnitude
from nnc.compiler.ops.kinds import Scalar
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.types.dtype import DType, floating
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


@function("neg", family="arithmetic")
def neg(c: Call, input: TensorType) -> TensorType:
    """−x."""
    if input.dtype is DType.bool:
        c.refuse("torch does not negate truth values; `logical_not` is their operation", "input", code="NNC0503")
    return input


@function("abs", family="arithmetic")
def abs_(c: Call, input: TensorType) -> TensorType:
    """|x|; of complex numbers the real magnitude."""
    if input.dtype is DType.bool:
        c.refuse("truth values have no magnitude", "input", code="NNC0503")
    return input.with_dtype(magnitude(input.dtype))


@function("sign", family="arithmetic")
def sign(c: Call, input: TensorType) -> TensorType:
    """−1, 0 or 1."""
    return c.ordered(input)


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
def round_(c: Call, input: TensorType, *, decimals: int = 0) -> TensorType:
    """The nearest integer, or the nearest number of `decimals` digits; halves go to the even one."""
    if "decimals" in c.given and not input.dtype.is_floating:
        c.refuse(f"decimals need floating-point numbers, this is {input.dtype}", "decimals", code="NNC0503")
    return c.real(input)


@function("exp", family="arithmetic")
def exp(c: Call, input: TensorType) -> TensorType:
    """eˣ."""
    return input.with_dtype(floating(input.dtype))


@function("expm1", family="arithmetic")
def expm1(c: Call, input: TensorType) -> TensorType:
    """eˣ − 1, exact near 0."""
    return input.with_dtype(floating(input.dtype))


@function("log", family="arithmetic")
def log(c: Call, input: TensorType) -> TensorType:
    """The natural logarithm."""
    return input.with_dtype(floating(input.dtype))


@function("log1p", family="arithmetic")
def log1p(c: Call, input: TensorType) -> TensorType:
    """log(1 + x), exact near 0."""
    return input.with_dtype(floating(input.dtype))


@function("log2", family="arithmetic")
def log2(c: Call, input: TensorType) -> TensorType:
    """The logarithm to base 2."""
    return input.with_dtype(floating(input.dtype))


@function("sqrt", family="arithmetic")
def sqrt(c: Call, input: TensorType) -> TensorType:
    """√x."""
    return input.with_dtype(floating(input.dtype))


@function("rsqrt", family="arithmetic")
def rsqrt(c: Call, input: TensorType) -> TensorType:
    """1 / √x."""
    return input.with_dtype(floating(input.dtype))


@function("reciprocal", family="arithmetic")
def reciprocal(c: Call, input: TensorType) -> TensorType:
    """1 / x."""
    return input.with_dtype(floating(input.dtype))


@function("sin", family="arithmetic")
def sin(c: Call, input: TensorType) -> TensorType:
    """The sine."""
    return input.with_dtype(floating(input.dtype))


@function("cos", family="arithmetic")
def cos(c: Call, input: TensorType) -> TensorType:
    """The cosine."""
    return input.with_dtype(floating(input.dtype))


@function("atan", family="arithmetic")
def atan(c: Call, input: TensorType) -> TensorType:
    """The arc tangent."""
    return input.with_dtype(floating(input.dtype))


@function("erf", family="arithmetic")
def erf(c: Call, input: TensorType) -> TensorType:
    """The error function."""
    return c.ordered(input).with_dtype(floating(input.dtype))


@function("clamp", family="arithmetic")
def clamp(
    c: Call, input: TensorType, min: TensorType | Scalar | None = None, max: TensorType | Scalar | None = None
) -> TensorType:
    """x held within [min, max]; both may be tensors that broadcast."""
    bounds = [b for b in (min, max) if b is not None]
    if not bounds:
        c.refuse("clamp needs min, or max, or both", "min")
    if len({isinstance(b, TensorType) for b in bounds}) > 1:
        c.refuse("min and max are either both tensors or both numbers", "min")
    result = c.ordered(elementwise(c, input, *bounds, subject="min"))
    if result.dtype is DType.bool and (len(bounds) == 2 or not isinstance(bounds[0], TensorType)):
        c.refuse("clamp takes real numbers, these are truth values", "input", code="NNC0503")
    return result


@function("clip", family="arithmetic")
def clip(
    c: Call, input: TensorType, min: TensorType | Scalar | None = None, max: TensorType | Scalar | None = None
) -> TensorType:
    """`clamp` under numpy's name."""
    clamped = clamp.rule(c, input, min, max)
    assert isinstance(clamped, TensorType)
    return clamped


OPS: tuple[OpDef, ...] = (
    neg, abs_, sign, square, floor, ceil, round_, exp, expm1, log, log1p, log2, sqrt, rsqrt, reciprocal, sin, cos,
    atan, erf, clamp, clip,
)  # fmt: skip
