"""Cases for spectrograms, and for torch.special."""

from __future__ import annotations

from hypothesis import strategies as st

from nnc.compiler.ops.catalogue import CATALOGUE
from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops.drawing import MISSING, Case, Draw, Generator, chance, dtype, related, settings, shape

__all__ = ["GENERATORS"]

WINDOWS = st.sampled_from([1, 2, 3, 4, 5, 8, 8])
REALS = st.sampled_from([DType.float32, DType.float32, DType.float64])


def windows(draw: Draw, n_fft: int, kind: DType) -> Case:
    """Lengths and a window that mostly go with n_fft."""
    hop = draw(st.sampled_from([MISSING, 1, 2, 3])) if n_fft >= 4 else draw(st.integers(1, 3))
    win = draw(st.sampled_from([MISSING, MISSING, n_fft, max(n_fft - 1, 1), n_fft + 1]))
    case: Case = {"n_fft": n_fft, "hop_length": hop, "win_length": win}
    if chance(draw, 60):
        size = n_fft if win is MISSING else win
        size = size if chance(draw, 93) else size + 1
        case["window"] = TensorType((size,), dtype(draw, kind, 4))
    return case


def spectrogram(draw: Draw, op: OpDef) -> Case:
    kind = dtype(draw, draw(REALS), 12)
    length = draw(st.sampled_from([1, 3, 5, 8, 12, 20, 33]))
    case = settings(draw, op, window=MISSING) | windows(draw, draw(WINDOWS), kind)
    if chance(draw, 85):
        case["return_complex"] = draw(st.sampled_from([True, True, False]))
    if chance(draw, 90):
        case["align_to_window"] = MISSING
    return case | {"input": TensorType((*shape(draw, (0, 1)), length), kind)}


def signal(draw: Draw, op: OpDef) -> Case:
    n_fft = draw(WINDOWS)
    frequencies = draw(st.sampled_from([n_fft // 2 + 1, n_fft // 2 + 1, n_fft // 2 + 1, n_fft, 3]))
    kind = dtype(draw, draw(st.sampled_from([DType.complex64, DType.complex128])), 8)
    real = DType.float64 if kind is DType.complex128 else DType.float32
    case = settings(draw, op) | windows(draw, n_fft, real)
    case["length"] = draw(st.sampled_from([MISSING, MISSING, 1, 7, 40]))
    return case | {"input": TensorType((*shape(draw, (0, 1)), frequencies, draw(st.integers(1, 9))), kind)}


def of_two(draw: Draw, op: OpDef) -> Case:
    """Tensors of one kind, or one and a number."""
    first, second = (a.name for a in op.arguments)
    kind = dtype(draw, draw(REALS), 15)
    one = TensorType(shape(draw), kind)
    other = TensorType(related(draw, one.shape), dtype(draw, kind, 15))
    numbers = op.arguments[1].kind.symbolic and chance(draw, 35)
    pair = [one, draw(st.sampled_from([0, 1, 2, 0.5]))] if numbers else [one, other]
    return dict(zip((first, second), pair[::-1] if numbers and chance(draw, 40) else pair, strict=True))


def halves(draw: Draw, op: OpDef) -> Case:
    kind = draw(st.sampled_from([DType.float16, DType.bfloat16])) if chance(draw, 20) else dtype(draw, draw(REALS), 25)
    return settings(draw, op) | {op.arguments[0].name: TensorType(shape(draw), kind)}


SPECIAL = [op for name, op in CATALOGUE.items() if name.startswith("special.")]
GENERATORS: dict[str, Generator] = (
    {"stft": spectrogram, "istft": signal}
    | {op.name: halves for op in SPECIAL if sum(a.kind.tensor for a in op.arguments) == 1}
    | {op.name: of_two for op in SPECIAL if sum(a.kind.tensor for a in op.arguments) == 2}
)
