"""`torch.fft`: discrete Fourier transforms, with sizes that may be free.

A transform of real numbers is symmetric, and its second half is left out: n numbers have n // 2 + 1 frequencies. Back from
these, both 2·(N − 1) and 2·(N − 1) + 1 numbers are possible: `n` (or `s`) says which, and without it the even count is meant.

Transforms count no multiply-adds, as in torch.utils.flop_counter: a fast one takes of the order of n · log n of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import complexified, magnitude
from nnc.compiler.ops.kinds import Dtype, Ints, Norm, Number, Size, Sizes
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.ops.shapes import axis
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]

Ends = Literal["whole", "half", "from half"]
"""What a transform makes of its last dimension: as many frequencies, those that differ, or numbers of these."""


# -- what they share ---------------------------------------------------------------------------------------------------


def _transformed(c: Call, input: TensorType, sizes: dict[int, DimLike], last: int | None, ends: Ends) -> TensorType:
    """`sizes` has the number of points of each dimension that is transformed; `last` is the one that `ends` is about."""
    if input.dtype in (DType.float16, DType.bfloat16):
        c.refuse(
            f"{c.op} takes float32 or wider, this is {input.dtype}", "input", "`float(x)` converts x", code="NNC0503"
        )
    if ends == "half" and input.dtype.is_complex:
        c.refuse(f"{c.op} takes real numbers, this is {input.dtype}", "input", code="NNC0503")
    shape = list(input.shape)
    for i, points in sizes.items():
        c.at_least(points, 1, f"a transform has at least one point, not {points}", "input")
        shape[i] = points // 2 + 1 if i == last and ends == "half" else points
    numbers = complexified(input.dtype)
    return TensorType(tuple(shape), magnitude(numbers) if ends == "from half" else numbers)


def _one(c: Call, input: TensorType, n: DimLike | None, dim: int, ends: Ends) -> TensorType:
    c.at_least_rank(input, 1)
    i = axis(c, dim, input.rank)
    if n is not None:
        c.at_least(n, 1, f"a transform has at least one point, not {n}", "n")
    return _transformed(c, input, {i: _points(input, i, n, ends)}, i, ends)


def _many(c: Call, input: TensorType, s: Size | Sizes | None, dim: Ints | None, ends: Ends) -> TensorType:
    """Without `dim` the last of them as `s` has sizes, or all; a size of −1 leaves a dimension as it is."""
    wanted = None if s is None else tuple(s) if isinstance(s, Sequence) else (s,)
    dims = _dims(c, input, wanted, dim)
    if not dims and ends != "whole":
        c.refuse(f"{c.op} transforms at least one dimension", "dim" if dim is not None else "input", code="NNC0502")
    last = dims[-1] if dims else None
    sizes: dict[int, DimLike] = {}
    for place, i in enumerate(dims):
        n = None if wanted is None or wanted[place] == -1 else wanted[place]
        if n is not None:
            c.at_least(n, 1, f"a transform has at least one point, not {n}", "s")
        sizes[i] = _points(input, i, n, ends if i == last else "whole")
    return _transformed(c, input, sizes, last, ends)


def _dims(c: Call, input: TensorType, sizes: tuple[DimLike, ...] | None, dim: Ints | None) -> tuple[int, ...]:
    if dim is None:
        count = input.rank if sizes is None else len(sizes)
        if count > input.rank:
            c.refuse(f"s has {count} sizes, the tensor {input.rank} dimensions", "s")
        return tuple(range(input.rank - count, input.rank))
    listed = (dim,) if isinstance(dim, int) else tuple(dim)
    if sizes is not None and len(sizes) != len(listed):
        c.refuse(f"s has {len(sizes)} sizes, dim {len(listed)} dimensions", "s")
    if listed:
        c.at_least_rank(input, 1)
    found = tuple(axis(c, d, input.rank) for d in listed)
    if len(set(found)) != len(found):
        c.refuse("dim names one dimension twice", "dim")
    return found


def _points(input: TensorType, i: int, n: DimLike | None, ends: Ends) -> DimLike:
    if n is not None:
        return n
    return 2 * (input.shape[i] - 1) if ends == "from half" else input.shape[i]


# -- one dimension -----------------------------------------------------------------------------------------------------


@function("fft.fft", family="fourier")
def fft(c: Call, input: TensorType, n: Size | None = None, dim: int = -1, norm: Norm | None = None) -> TensorType:
    """The discrete Fourier transform along `dim`, of `n` points: (*, N) → (*, n) complex."""
    return _one(c, input, n, dim, "whole")


@function("fft.ifft", family="fourier")
def ifft(c: Call, input: TensorType, n: Size | None = None, dim: int = -1, norm: Norm | None = None) -> TensorType:
    """Back from `fft.fft`: (*, N) → (*, n) complex."""
    return _one(c, input, n, dim, "whole")


@function("fft.rfft", family="fourier")
def rfft(c: Call, input: TensorType, n: Size | None = None, dim: int = -1, norm: Norm | None = None) -> TensorType:
    """The transform of real numbers, without the half that follows from the other: (*, N) → (*, N // 2 + 1) complex."""
    return _one(c, input, n, dim, "half")


@function("fft.irfft", family="fourier")
def irfft(c: Call, input: TensorType, n: Size | None = None, dim: int = -1, norm: Norm | None = None) -> TensorType:
    """Back from `fft.rfft`, to `n` real numbers or 2·(N − 1): (*, N) → (*, n)."""
    return _one(c, input, n, dim, "from half")


@function("fft.hfft", family="fourier")
def hfft(c: Call, input: TensorType, n: Size | None = None, dim: int = -1, norm: Norm | None = None) -> TensorType:
    """The transform of numbers that are symmetric, given their first half: (*, N) → (*, n) real, or 2·(N − 1)."""
    return _one(c, input, n, dim, "from half")


@function("fft.ihfft", family="fourier")
def ihfft(c: Call, input: TensorType, n: Size | None = None, dim: int = -1, norm: Norm | None = None) -> TensorType:
    """Back from `fft.hfft`: (*, N) real → (*, N // 2 + 1) complex."""
    return _one(c, input, n, dim, "half")


# -- two dimensions ----------------------------------------------------------------------------------------------------


@function("fft.fft2", family="fourier")
def fft2(
    c: Call, input: TensorType, s: Size | Sizes | None = None, dim: Ints = (-2, -1), norm: Norm | None = None
) -> TensorType:
    """The transform of the last two dimensions: (*, H, W) → the same, complex."""
    return _many(c, input, s, dim, "whole")


@function("fft.ifft2", family="fourier")
def ifft2(
    c: Call, input: TensorType, s: Size | Sizes | None = None, dim: Ints = (-2, -1), norm: Norm | None = None
) -> TensorType:
    """Back from `fft.fft2`: (*, H, W) → the same, complex."""
    return _many(c, input, s, dim, "whole")


@function("fft.rfft2", family="fourier")
def rfft2(
    c: Call, input: TensorType, s: Size | Sizes | None = None, dim: Ints = (-2, -1), norm: Norm | None = None
) -> TensorType:
    """The transform of real images, half of it: (*, H, W) → (*, H, W // 2 + 1) complex."""
    return _many(c, input, s, dim, "half")


@function("fft.irfft2", family="fourier")
def irfft2(
    c: Call, input: TensorType, s: Size | Sizes | None = None, dim: Ints = (-2, -1), norm: Norm | None = None
) -> TensorType:
    """Back from `fft.rfft2`: (*, H, W) → (*, H, 2·(W − 1)), or of the sizes `s`: `fft.irfft2(z, s=[H, W])`."""
    return _many(c, input, s, dim, "from half")


# -- any number of dimensions ------------------------------------------------------------------------------------------


@function("fft.fftn", family="fourier")
def fftn(
    c: Call, input: TensorType, s: Size | Sizes | None = None, dim: Ints | None = None, norm: Norm | None = None
) -> TensorType:
    """The transform of all dimensions, or of `dim`: (*) → the same, complex."""
    return _many(c, input, s, dim, "whole")


@function("fft.ifftn", family="fourier")
def ifftn(
    c: Call, input: TensorType, s: Size | Sizes | None = None, dim: Ints | None = None, norm: Norm | None = None
) -> TensorType:
    """Back from `fft.fftn`: (*) → the same, complex."""
    return _many(c, input, s, dim, "whole")


@function("fft.rfftn", family="fourier")
def rfftn(
    c: Call, input: TensorType, s: Size | Sizes | None = None, dim: Ints | None = None, norm: Norm | None = None
) -> TensorType:
    """The transform of real numbers, half of its last dimension: (*, N) → (*, N // 2 + 1) complex."""
    return _many(c, input, s, dim, "half")


@function("fft.irfftn", family="fourier")
def irfftn(
    c: Call, input: TensorType, s: Size | Sizes | None = None, dim: Ints | None = None, norm: Norm | None = None
) -> TensorType:
    """Back from `fft.rfftn`, to the sizes `s`, or 2·(N − 1) of the last: (*, N) → (*, n)."""
    return _many(c, input, s, dim, "from half")


# -- frequencies -------------------------------------------------------------------------------------------------------


def _frequencies(c: Call, n: DimLike, count: DimLike, dtype: DType | None) -> TensorType:
    c.at_least(n, 1, f"there are no frequencies of {n} points", "n")
    if dtype is not None and not dtype.is_floating:
        c.refuse(f"frequencies are floating-point numbers, not {dtype}", "dtype", code="NNC0503")
    return TensorType((count,), dtype or DType.float32)


@function("fft.fftfreq", family="constructor")
def fftfreq(c: Call, n: Size, d: Number = 1.0, *, dtype: Dtype | None = None) -> TensorType:
    """The frequencies of `fft.fft` of n points that are `d` apart, in cycles per unit: (n)."""
    return _frequencies(c, n, n, dtype)


@function("fft.rfftfreq", family="constructor")
def rfftfreq(c: Call, n: Size, d: Number = 1.0, *, dtype: Dtype | None = None) -> TensorType:
    """The frequencies of `fft.rfft` of n points that are `d` apart, in cycles per unit: (n // 2 + 1)."""
    return _frequencies(c, n, n // 2 + 1, dtype)


def _shifted(c: Call, input: TensorType, dim: Ints | None) -> TensorType:
    dims = range(input.rank) if dim is None else (dim,) if isinstance(dim, int) else dim
    if not dims:
        c.refuse(f"{c.op} moves at least one dimension", "input" if dim is None else "dim", code="NNC0502")
    c.at_least_rank(input, 1)
    for d in dims:
        axis(c, d, input.rank)
    return input


@function("fft.fftshift", family="fourier")
def fftshift(c: Call, input: TensorType, dim: Ints | None = None) -> TensorType:
    """The frequency 0 in the middle of all dimensions, or of `dim`: (*) → the same."""
    return _shifted(c, input, dim)


@function("fft.ifftshift", family="fourier")
def ifftshift(c: Call, input: TensorType, dim: Ints | None = None) -> TensorType:
    """Back from `fft.fftshift`: (*) → the same."""
    return _shifted(c, input, dim)


OPS: tuple[OpDef, ...] = (
    fft, ifft, rfft, irfft, hfft, ihfft, fft2, ifft2, rfft2, irfft2, fftn, ifftn, rfftn, irfftn, fftfreq, rfftfreq,
    fftshift, ifftshift,
)  # fmt: skip
