"""Short-time Fourier transforms: a signal as the frequencies of its windows, and back."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.dtypes import complexified, magnitude
from nnc.compiler.ops.kinds import Positive, Size
from nnc.compiler.ops.registry import OpDef, function
from nnc.compiler.types.dim import Dim, DimLike
from nnc.compiler.types.dtype import DType, promote
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


def _lengths(
    c: Call, n_fft: int, hop: int | None, win: int | None, window: TensorType | None, *, gapless: bool = False
) -> tuple[int, int]:
    """The step from window to window and the window's length, as torch fills them in."""
    hop, win = n_fft // 4 if hop is None else hop, n_fft if win is None else win
    if hop < 1:
        c.refuse(f"hop_length is n_fft // 4, which is {hop} for {n_fft}: give one", "n_fft")
    if win > n_fft:
        c.refuse(f"win_length {win} is more than n_fft, {n_fft}", "win_length")
    if gapless and hop > win:
        c.refuse(f"hop_length {hop} is more than win_length {win}: the windows leave gaps", "hop_length")
    if window is not None:
        c.rank(window, 1, name="window")
        c.equal(window.shape[0], win, f"the window has {window.shape[0]} numbers, win_length is {win}", "window")
    return hop, win


@function("stft", family="fourier")
def stft(
    c: Call,
    input: TensorType,
    n_fft: Positive,
    hop_length: Positive | None = None,
    win_length: Positive | None = None,
    window: TensorType | None = None,
    center: bool = True,
    pad_mode: Literal["reflect", "constant", "replicate", "circular"] = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> TensorType:
    """The frequencies of windows that lie `hop_length` apart: (*, T) → (*, n_fft // 2 + 1, T // hop_length + 1) complex.
    Of real numbers `return_complex=True` must be said. Without `center` there are (T − n_fft) // hop_length + 1 windows."""
    c.rank(input, 1, 2)
    kinds = [t.dtype for t in (input, window) if t is not None]
    for dtype, name in zip(kinds, ("input", "window"), strict=False):
        if dtype not in (DType.float32, DType.float64, DType.complex64, DType.complex128):
            c.refuse(f"stft takes float32 or float64, this is {dtype}", name, "`float(x)` converts x", code="NNC0503")
    if window is not None and magnitude(window.dtype) is not magnitude(input.dtype):
        c.refuse(f"the window is {window.dtype}, input {input.dtype}", "window", code="NNC0503")
    hop, _ = _lengths(c, n_fft, hop_length, win_length, window)
    is_complex = any(dtype.is_complex for dtype in kinds)
    if return_complex is None and not is_complex:
        c.refuse("of real numbers torch wants `return_complex=True`", "return_complex")
    if onesided and is_complex:
        c.refuse("of complex numbers all frequencies differ: onesided is for real ones", "onesided", code="NNC0503")
    if align_to_window is not None and center:
        c.refuse("align_to_window is for center=False", "align_to_window")
    if align_to_window:
        c.refuse("with it torch fails where lengths are odd: pad the signal instead", "align_to_window")
    length = input.shape[-1]
    if center:
        half = n_fft // 2
        if pad_mode in ("reflect", "circular"):
            least = half + 1 if pad_mode == "reflect" else half
            c.at_least(length, least, f"{half} numbers cannot be padded from {length}", "input")
        length = length + 2 * half
    c.at_least(length, n_fft, f"a window of {n_fft} does not fit into {length}", "input")
    half_of_them = not is_complex if onesided is None else onesided
    shape = (*input.shape[:-1], n_fft // 2 + 1 if half_of_them else n_fft, (length - n_fft) // hop + 1)
    numbers = complexified(magnitude(input.dtype))
    whole = return_complex is None or return_complex
    return TensorType(shape, numbers) if whole else TensorType((*shape, 2), magnitude(numbers))


@function("istft", family="fourier")
def istft(
    c: Call,
    input: TensorType,
    n_fft: Positive,
    hop_length: Positive | None = None,
    win_length: Positive | None = None,
    window: TensorType | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: Size | None = None,
    return_complex: bool = False,
) -> TensorType:
    """Back from `stft`: (*, n_fft // 2 + 1, frames) → (*, hop_length · (frames − 1)), or `length` numbers. The windows must
    overlap without a gap, which depends on their numbers: torch refuses others when the network runs."""
    if not input.dtype.is_complex:
        c.refuse(f"istft takes complex numbers, this is {input.dtype}", "input", code="NNC0503")
    c.rank(input, 2, 3)
    if window is not None and not window.dtype.is_floating:
        c.refuse(f"the window holds floating-point numbers, this is {window.dtype}", "window", code="NNC0503")
    if window is not None and window.dtype not in (DType.float32, DType.float64):
        c.refuse(f"istft takes float32 or float64, this is {window.dtype}", "window", code="NNC0503")
    hop, win = _lengths(c, n_fft, hop_length, win_length, window, gapless=True)
    half = _half(c, input.shape[-2], n_fft, onesided)
    wanted = n_fft // 2 + 1 if half else n_fft
    c.equal(input.shape[-2], wanted, f"there are {input.shape[-2]} frequencies, n_fft {n_fft} has {wanted}", "input")
    if return_complex and half:
        message = "half the frequencies give real numbers: return_complex is for onesided=False"
        c.refuse(message, "return_complex", code="NNC0503")
    total = n_fft + hop * (input.shape[-1] - 1)
    size: DimLike = total - 2 * (n_fft // 2) if center else total
    if length is not None:
        c.at_least(length, 1, f"length is {length}", "length")
        size = length
    else:
        if center and n_fft == 1:
            c.refuse("with windows of 1 torch cuts everything away: write center=False", "n_fft", code="NNC0504")
        c.at_least(size, 1, f"of {input.shape[-1]} frames nothing is left", "input")
    _covered(c, input.shape[-1], n_fft, hop, win, center, size)
    real = magnitude(input.dtype)
    real = real if window is None else promote(real, window.dtype)
    return TensorType((*input.shape[:-2], size), complexified(real) if return_complex else real)


def _covered(c: Call, frames: DimLike, n_fft: int, hop: int, win: int, center: bool, size: DimLike) -> None:
    """Windows shorter than n_fft stand in its middle: what lies before the first and behind the last cannot be found."""
    begins, before = (n_fft // 2 if center else 0), (n_fft - win) // 2
    if begins < before:
        c.refuse(f"windows of {win} in frames of {n_fft} leave a gap at the beginning", "win_length", code="NNC0504")
    if win < n_fft:
        ends = before + win + hop * (frames - 1) - begins
        c.at_least(ends, size, f"windows of {win} reach {ends} numbers, the result has {size}", "length")


def _half(c: Call, frequencies: DimLike, n_fft: int, onesided: bool | None) -> bool:
    """Whether the frequencies are those of real numbers; torch counts them where it is not said."""
    if onesided is not None:
        return onesided
    if isinstance(frequencies, Dim):
        c.undecided(
            "how many frequencies there are says whether they are half of them: say `onesided`", "input", frequencies
        )
    return frequencies != n_fft


OPS: tuple[OpDef, ...] = (stft, istft)
