"""`torch.special` beyond what bears the same name in torch (`special.erf` is `erf`): Bessel and Airy functions, the normal
distribution, gamma functions, orthogonal polynomials; element by element, the shape stays."""

from __future__ import annotations

from nnc.compiler.ops.arithmetic import elementwise
from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Operand, Positive
from nnc.compiler.ops.registry import OpDef, Rule, function
from nnc.compiler.types.dtype import DType, floating
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


def _of_one(name: str, doc: str, *, half: bool = True) -> OpDef:
    """A function of real numbers. `half`: torch has it for float16 and bfloat16 too."""

    def rule(c: Call, input: TensorType) -> TensorType:
        result = c.ordered(input).with_dtype(floating(input.dtype))
        return result if half else _wide(c, result, "input")

    return _declared(name, rule, doc)


def _of_x(name: str, doc: str) -> OpDef:
    """One whose argument torch calls `x`, without a kernel for half precision."""

    def rule(c: Call, x: TensorType) -> TensorType:
        return _wide(c, c.ordered(x, "x").with_dtype(floating(x.dtype)), "x")

    return _declared(name, rule, doc)


def _polynomial(name: str, doc: str) -> OpDef:
    """A polynomial of a degree. No gradient flows through it."""

    def rule(c: Call, x: Operand, n: Operand) -> TensorType:
        result = c.ordered(elementwise(c, x, n, subject="n"), "x")
        return _wide(c, result.with_dtype(floating(result.dtype)), "x")

    return _declared(name, rule, doc)


def _declared(name: str, rule: Rule, doc: str) -> OpDef:
    rule.__doc__ = doc
    return function(name, family="arithmetic")(rule)


def _wide(c: Call, result: TensorType, name: str) -> TensorType:
    if result.dtype in (DType.float16, DType.bfloat16):
        c.refuse(f"{c.op} takes float32 or wider, this is {result.dtype}", name, code="NNC0503")
    return result


@function("special.xlog1py", family="arithmetic")
def xlog1py(c: Call, input: Operand, other: Operand) -> TensorType:
    """x · log(1 + y), which is 0 where x is 0."""
    result = c.ordered(elementwise(c, input, other))
    return result.with_dtype(floating(result.dtype))


@function("special.zeta", family="arithmetic")
def zeta(c: Call, input: Operand, other: Operand) -> TensorType:
    """Hurwitz' zeta function: Σ 1 / (k + y)ˣ."""
    result = c.ordered(elementwise(c, input, other))
    return _wide(c, result.with_dtype(floating(result.dtype)), "input")


@function("special.gammainc", family="arithmetic")
def gammainc(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The regularized lower incomplete gamma function; no gradient flows to `input`."""
    return c.floating(elementwise(c, input, other))


@function("special.gammaincc", family="arithmetic")
def gammaincc(c: Call, input: TensorType, other: TensorType) -> TensorType:
    """The regularized upper incomplete gamma function; no gradient flows to `input`."""
    return c.floating(elementwise(c, input, other))


@function("special.multigammaln", family="arithmetic")
def multigammaln(c: Call, input: TensorType, p: Positive) -> TensorType:
    """The logarithm of the gamma function of dimension p, of numbers above (p − 1) / 2."""
    if input.dtype is DType.bool:
        c.refuse("multigammaln takes numbers, these are truth values", "input", code="NNC0503")
    return c.ordered(input).with_dtype(floating(input.dtype))


OPS: tuple[OpDef, ...] = (
    xlog1py, zeta, gammainc, gammaincc, multigammaln,
    _of_one("special.entr", "−x · log x, 0 at 0 and −inf below."),
    _of_one("special.erfcx", "exp(x²) · erfc(x), without overflow.", half=False),
    _of_one("special.bessel_j0", "The Bessel function of the first kind, of order 0.", half=False),
    _of_one("special.bessel_j1", "The Bessel function of the first kind, of order 1.", half=False),
    _of_one("special.bessel_y0", "The Bessel function of the second kind, of order 0.", half=False),
    _of_one("special.bessel_y1", "The Bessel function of the second kind, of order 1.", half=False),
    _of_one("special.i0e", "i0(x) · exp(−|x|)."),
    _of_one("special.i1", "The modified Bessel function of the first kind, of order 1."),
    _of_one("special.i1e", "i1(x) · exp(−|x|)."),
    _of_one("special.modified_bessel_i0", "The modified Bessel function of the first kind, of order 0.", half=False),
    _of_one("special.modified_bessel_i1", "The modified Bessel function of the first kind, of order 1.", half=False),
    _of_one("special.modified_bessel_k0", "The modified Bessel function of the second kind, of order 0.", half=False),
    _of_one("special.modified_bessel_k1", "The modified Bessel function of the second kind, of order 1.", half=False),
    _of_one("special.ndtr", "The normal distribution's share below x."),
    _of_one("special.ndtri", "The x below which the normal distribution has this share.", half=False),
    _of_one("special.log_ndtr", "The logarithm of the normal distribution's share below x.", half=False),
    _of_x("special.airy_ai", "The Airy function Ai."),
    _of_x("special.scaled_modified_bessel_k0", "modified_bessel_k0(x) · exp(x)."),
    _of_x("special.scaled_modified_bessel_k1", "modified_bessel_k1(x) · exp(x)."),
    _of_x("special.spherical_bessel_j0", "The spherical Bessel function of the first kind, of order 0."),
    _polynomial("special.chebyshev_polynomial_t", "Chebyshev's polynomial of the first kind, of degree n."),
    _polynomial("special.chebyshev_polynomial_u", "Chebyshev's polynomial of the second kind, of degree n."),
    _polynomial("special.chebyshev_polynomial_v", "Chebyshev's polynomial of the third kind, of degree n."),
    _polynomial("special.chebyshev_polynomial_w", "Chebyshev's polynomial of the fourth kind, of degree n."),
    _polynomial("special.shifted_chebyshev_polynomial_t", "chebyshev_polynomial_t of 2x − 1."),
    _polynomial("special.shifted_chebyshev_polynomial_u", "chebyshev_polynomial_u of 2x − 1."),
    _polynomial("special.shifted_chebyshev_polynomial_v", "chebyshev_polynomial_v of 2x − 1."),
    _polynomial("special.shifted_chebyshev_polynomial_w", "chebyshev_polynomial_w of 2x − 1."),
    _polynomial("special.hermite_polynomial_h", "Hermite's polynomial of the physicists, of degree n."),
    _polynomial("special.hermite_polynomial_he", "Hermite's polynomial of the probabilists, of degree n."),
    _polynomial("special.laguerre_polynomial_l", "Laguerre's polynomial of degree n."),
    _polynomial("special.legendre_polynomial_p", "Legendre's polynomial of degree n."),
)  # fmt: skip
