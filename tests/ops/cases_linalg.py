"""Cases for matrices: mostly square where they must be, and systems whose sides meet."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops.drawing import SIZES, Case, Draw, Generator, chance, dtype, equal, related, settings, shape

__all__ = ["GENERATORS"]

NUMBERS = st.sampled_from([DType.float32, DType.float32, DType.float64, DType.complex64])
ORDERS = st.sampled_from([1, -1, 2, -2, 2.0, float("inf"), "fro", "nuc", 0, 3, 0.5])
PLANES = st.sampled_from([(0, 1), (-2, -1), (1, -1), (0, 0), (0,), 0, -1, (0, 1, 2), (1, 4)])

SQUARE = (
    "det",
    "slogdet",
    "inv",
    "matrix_exp",
    "matrix_power",
    "cholesky",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "cond",
)


def numbers(draw: Draw) -> DType:
    return dtype(draw, draw(NUMBERS), 8)


def square(draw: Draw, op: OpDef) -> Case:
    n = draw(SIZES)
    whole = equal(draw, (*shape(draw, (0, 1)), n, n))
    return settings(draw, op) | {op.arguments[0].name: TensorType(whole, numbers(draw))}


def any_matrix(draw: Draw, op: OpDef) -> Case:
    whole = shape(draw, (2, 2, 3))
    return settings(draw, op) | {op.arguments[0].name: TensorType(whole, numbers(draw))}


def normed(draw: Draw, op: OpDef) -> Case:
    case = settings(draw, op)
    if "ord" in case and op.name != "linalg.vector_norm" and chance(draw, 60):
        case["ord"] = draw(ORDERS)
    if chance(draw, 40):
        case["dim"] = draw(PLANES)
    kind = draw(st.sampled_from([DType.float16, DType.bfloat16])) if chance(draw, 6) else numbers(draw)
    return case | {op.arguments[0].name: TensorType(shape(draw, (1, 2, 2, 3)), kind)}


def system(draw: Draw, op: OpDef) -> Case:
    n, k = draw(SIZES), draw(SIZES)
    batch: tuple[int, ...] = shape(draw, (0, 1))
    kind = numbers(draw)
    left = not chance(draw, 25)
    wanted: tuple[int, ...] = (n, k) if left else (k, n)
    forms = [(*related(draw, batch), *wanted), (*batch, *wanted), (n,), (*batch, n)]
    A = TensorType(equal(draw, (*batch, n, n)), kind)
    B = TensorType(equal(draw, draw(st.sampled_from(forms))), dtype(draw, kind, 5))
    if op.name == "cholesky_solve":
        return settings(draw, op) | {"B": B, "L": A}
    return settings(draw, op) | {"A": A, "B": B, "left": left}


def crossed(draw: Draw, op: OpDef) -> Case:
    first = (*shape(draw, (0, 1, 2)), 3)
    first = first[::-1] if chance(draw, 20) else first
    kind = dtype(draw)
    other = related(draw, first)[-len(first) :]
    return settings(draw, op) | {
        "input": TensorType(equal(draw, first), kind),
        "other": TensorType(equal(draw, other), dtype(draw, kind, 5)),
    }


def dotted(draw: Draw, op: OpDef) -> Case:
    first = shape(draw, (1, 2, 3))
    kind = numbers(draw)
    return settings(draw, op) | {
        "x": TensorType(first, kind),
        "y": TensorType(related(draw, first), dtype(draw, kind, 5)),
    }


def powers(draw: Draw, op: OpDef) -> Case:
    return settings(draw, op) | {"x": TensorType((*shape(draw, (0, 1)), draw(SIZES)), dtype(draw))}


def chain(draw: Draw, op: OpDef) -> Case:
    sizes = [draw(SIZES) for _ in range(draw(st.integers(2, 5)))]
    kind = numbers(draw)
    factors: list[Any] = [
        TensorType(equal(draw, pair) if chance(draw, 15) else pair, dtype(draw, kind, 2)) for pair in pairwise(sizes)
    ]
    for place, keep in ((0, slice(1, None)), (-1, slice(0, 1))):
        if chance(draw, 25) and factors[place].rank == 2:
            factors[place] = factors[place].with_shape(*factors[place].shape[keep])
    return {"tensors": tuple(factors)}


def reflections(draw: Draw, op: OpDef) -> Case:
    low, middle, high = sorted(draw(SIZES) for _ in range(3))
    batch = shape(draw, (0, 1))
    kind = numbers(draw)
    return {
        "A": TensorType(equal(draw, (*batch, high, middle)), kind),
        "tau": TensorType(equal(draw, (*batch, low)), dtype(draw, kind, 5)),
    }


GENERATORS: dict[str, Generator] = (
    dict.fromkeys((f"linalg.{name}" for name in SQUARE), square)
    | dict.fromkeys(
        (f"linalg.{name}" for name in ("qr", "svd", "svdvals", "lu", "pinv", "matrix_rank", "diagonal")), any_matrix
    )
    | dict.fromkeys(("linalg.norm", "linalg.vector_norm", "linalg.matrix_norm"), normed)
    | dict.fromkeys(("linalg.solve", "linalg.solve_triangular", "cholesky_solve"), system)
    | {
        "cholesky_inverse": square,
        "linalg.cross": crossed,
        "linalg.vecdot": dotted,
        "linalg.vander": powers,
        "linalg.multi_dot": chain,
        "linalg.householder_product": reflections,
    }
)
