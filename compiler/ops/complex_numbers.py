"""Complex numbers and their parts. Everything else computes with them as far as torch does: what needs an order (`relu`,
`max`, `<`) refuses them."""

from __future__ import annotations

from nnc.compiler.ops.arithmetic import elementwise
from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import complexified, magnitude
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.types.dtype import DType, floating
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


def _of_parts(c: Call, first: TensorType, second: TensorType, name: str) -> TensorType:
    if first.dtype not in (DType.float32, DType.float64):
        c.refuse(f"complex numbers are made of float32 or float64, not {first.dtype}", code="NNC0503")
    if second.dtype is not first.dtype:
        c.refuse(f"{name} is {second.dtype}, not {first.dtype}", name, code="NNC0503")
    return elementwise(c, first, second, subject=name).with_dtype(complexified(first.dtype))


@function("complex", family="arithmetic")
def complex_(c: Call, real: TensorType, imag: TensorType) -> TensorType:
    """Complex numbers of their real and imaginary parts."""
    return _of_parts(c, real, imag, "imag")


@function("polar", family="arithmetic")
def polar(c: Call, abs: TensorType, angle: TensorType) -> TensorType:
    """Complex numbers of their absolute values and angles."""
    return _of_parts(c, abs, angle, "angle")


@function("real", family="arithmetic")
def real(c: Call, input: TensorType) -> TensorType:
    """The real part."""
    return input.with_dtype(magnitude(input.dtype))


@function("imag", family="arithmetic")
def imag(c: Call, input: TensorType) -> TensorType:
    """The imaginary part of complex numbers."""
    return _complex(c, input).with_dtype(magnitude(input.dtype))


@function("conj", family="arithmetic")
def conj(c: Call, input: TensorType) -> TensorType:
    """The complex conjugate; of real numbers the same."""
    return input


@function("angle", family="arithmetic")
def angle(c: Call, input: TensorType) -> TensorType:
    """The angle of a complex number; of a real one 0 or π."""
    return input.with_dtype(magnitude(floating(input.dtype)))


@function("view_as_real", family="shape")
def view_as_real(c: Call, input: TensorType) -> TensorType:
    """Real and imaginary parts side by side: (*) complex → (*, 2)."""
    return _complex(c, input).with_shape(*input.shape, 2).with_dtype(magnitude(input.dtype))


@function("view_as_complex", family="shape")
def view_as_complex(c: Call, input: TensorType) -> TensorType:
    """Complex numbers of pairs: (*, 2) → (*) complex. The pairs are copied, for torch's view wants them side by side in
    memory."""
    if input.dtype not in (DType.float32, DType.float64):
        c.refuse(f"complex numbers are made of float32 or float64, not {input.dtype}", "input", code="NNC0503")
    c.at_least_rank(input, 1)
    c.equal(input.shape[-1], 2, f"a complex number is a pair, and the last dimension has {input.shape[-1]}", "input")
    return input.with_shape(*input.shape[:-1]).with_dtype(complexified(input.dtype))


def _complex(c: Call, input: TensorType) -> TensorType:
    if not input.dtype.is_complex:
        c.refuse(f"{c.op} takes complex numbers, this is {input.dtype}", "input", code="NNC0503")
    return input


OPS: tuple[OpDef, ...] = (complex_, polar, real, imag, conj, angle, view_as_real, view_as_complex)
