"""Cases for Fourier transforms: numbers of points and dimensions that mostly go together."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops.drawing import MISSING, Case, Draw, Generator, chance, dtype, settings, shape

__all__ = ["GENERATORS"]

NUMBERS = st.sampled_from([DType.float32, DType.float32, DType.float64, DType.complex64, DType.int64])
REALS = st.sampled_from([DType.float32, DType.float32, DType.float64, DType.bool])
POINTS = st.sampled_from([1, 2, 3, 4, 5, 8, 8, 9, 0, -1])


def numbers(draw: Draw, op: OpDef) -> DType:
    real = op.name.startswith(("fft.rfft", "fft.ihfft"))
    if chance(draw, 4):
        return draw(st.sampled_from([DType.float16, DType.bfloat16]))
    return dtype(draw, draw(REALS if real else NUMBERS), 8)


def one(draw: Draw, op: OpDef) -> Case:
    n = draw(POINTS) if chance(draw, 50) else MISSING
    return settings(draw, op, n=n) | {"input": TensorType(shape(draw, (1, 2, 3)), numbers(draw, op))}


def many(draw: Draw, op: OpDef) -> Case:
    first = shape(draw, (1, 2, 3, 4))
    dims: Any = tuple(draw(st.permutations(range(-len(first), 0)))[: draw(st.integers(0, 3))])
    dims = draw(st.sampled_from([dims, dims, MISSING, MISSING, -1, (0, 0), (1, 5)]))
    count = len(dims) if isinstance(dims, tuple) else 1 if dims == -1 else 2
    s: Any = MISSING
    if chance(draw, 50):
        s = tuple(draw(POINTS) for _ in range(count if chance(draw, 90) else draw(st.integers(0, 3))))
        s = s[0] if count == 1 and s and chance(draw, 20) else s
    return settings(draw, op, s=s, dim=dims) | {"input": TensorType(first, numbers(draw, op))}


def frequencies(draw: Draw, op: OpDef) -> Case:
    return settings(draw, op, d=draw(st.sampled_from([MISSING, 0.5, 2]))) | {"n": draw(st.integers(-1, 9))}


def pairs(draw: Draw, op: OpDef) -> Case:
    last = 2 if chance(draw, 85) else draw(st.integers(1, 3))
    whole = (*shape(draw, (0, 1, 2)), last) if chance(draw, 95) else ()
    return {"input": TensorType(whole, dtype(draw, draw(st.sampled_from([DType.float32, DType.float64])), 10))}


def complex_numbers(draw: Draw, op: OpDef) -> Case:
    kind = dtype(draw, draw(st.sampled_from([DType.complex64, DType.complex128])), 20)
    return {"input": TensorType(shape(draw), kind)}


ONE = ("fft.fft", "fft.ifft", "fft.rfft", "fft.irfft", "fft.hfft", "fft.ihfft")
MANY = ("fft.fft2", "fft.ifft2", "fft.rfft2", "fft.irfft2", "fft.fftn", "fft.ifftn", "fft.rfftn", "fft.irfftn")

GENERATORS: dict[str, Generator] = (
    dict.fromkeys(ONE, one)
    | dict.fromkeys(MANY, many)
    | dict.fromkeys(("fft.fftfreq", "fft.rfftfreq"), frequencies)
    | dict.fromkeys(("real", "imag", "conj", "angle", "view_as_real"), complex_numbers)
    | {"view_as_complex": pairs}
)
