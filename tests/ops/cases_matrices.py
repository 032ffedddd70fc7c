"""Cases for stacks, grids, diagonals and products beyond matmul."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops.drawing import MISSING, SIZES, Case, Draw, Generator, chance, dtype, equal, related, settings, shape

__all__ = ["GENERATORS"]

FLOATS = st.sampled_from([DType.float32, DType.float32, DType.float64])
WHOLE = st.sampled_from([DType.int64, DType.int32, DType.uint8])


def listed(draw: Draw, op: OpDef) -> Case:
    """Lists of tensors that mostly join."""
    first = shape(draw, (0, 1, 2, 3))
    tensors = [first]
    for _ in range(draw(st.integers(0, 2))):
        other = list(equal(draw, first))
        if other and chance(draw, 50):
            other[draw(st.integers(0, len(other) - 1))] = draw(SIZES)
        tensors.append(tuple(other))
    if op.name == "column_stack" and chance(draw, 30):
        tensors.append(first[:1])
    return {"tensors": tuple(TensorType(t, dtype(draw)) for t in tensors)}


def several(draw: Draw, op: OpDef) -> Case:
    """`*tensors`: those of a grid are vectors of one dtype."""
    kind = dtype(draw)
    if op.name == "broadcast_tensors":
        first = shape(draw)
        tensors = [TensorType(first, kind), *(TensorType(related(draw, first), dtype(draw)) for _ in range(2))]
    else:
        ranks = {"block_diag": (0, 1, 2, 2), "meshgrid": (0, 1, 1, 1), "cartesian_prod": (1,)}[op.name]
        tensors = [TensorType(shape(draw, ranks), dtype(draw, kind, 3)) for _ in range(draw(st.integers(1, 3)))]
    return settings(draw, op) | {"tensors": tuple(tensors)}


def pieces(draw: Draw, op: OpDef) -> Case:
    cuts = st.lists(st.integers(-3, 6), min_size=0, max_size=3).map(tuple)
    return {
        "input": TensorType(shape(draw), dtype(draw)),
        "indices_or_sections": draw(st.one_of(st.integers(1, 4), st.integers(1, 2), cuts)),
    }


def reshaped(draw: Draw, op: OpDef) -> Case:
    first = shape(draw)
    total = 1
    for size in first:
        total *= size
    other = draw(st.sampled_from([first, first[::-1], (total,), (1, total), (*first, 1)]))
    return {"input": TensorType(first, dtype(draw)), "other": TensorType(equal(draw, other), dtype(draw))}


def broadcast_to(draw: Draw, op: OpDef) -> Case:
    first = shape(draw, (0, 1, 2, 3))
    size = tuple(draw(SIZES) if s == 1 else draw(st.sampled_from([s, s, -1])) for s in first)
    return {"input": TensorType(first, dtype(draw)), "size": (*shape(draw, (0, 1)), *equal(draw, size))}


def turned(draw: Draw, op: OpDef) -> Case:
    plane = draw(st.sampled_from([MISSING, (0, 1), (1, 0), (-1, -2), (0, 2), (1, 1), (0,)]))
    return settings(draw, op, dims=plane) | {"input": TensorType(shape(draw, (2, 3, 4)), dtype(draw))}


def products(draw: Draw, op: OpDef) -> Case:
    n, k, m, b = (draw(SIZES) for _ in range(4))
    shapes: dict[str, dict[str, tuple[int, ...]]] = {
        "mv": {"input": (n, k), "vec": (k,)},
        "addmv": {"input": (n,), "mat": (n, k), "vec": (k,)},
        "addr": {"input": (n, m), "vec1": (n,), "vec2": (m,)},
        "addbmm": {"input": (n, m), "batch1": (b, n, k), "batch2": (b, k, m)},
        "inner": {"input": (*shape(draw, (0, 1)), k), "other": (*shape(draw, (0, 1)), k)},
    }
    kind = dtype(draw, draw(FLOATS), 4)
    case: Case = {}
    for name, wanted in shapes[op.name].items():
        own = related(draw, wanted) if name == "input" and op.name.startswith("add") else wanted
        case[name] = TensorType(equal(draw, own), dtype(draw, kind, 4))
    return case


def tensordot(draw: Draw, op: OpDef) -> Case:
    first, count = shape(draw, (1, 2, 3)), draw(st.integers(0, 2))
    kind = dtype(draw, draw(FLOATS), 4)
    if chance(draw, 50):
        second: tuple[int, ...] = (*first[len(first) - min(count, len(first)) :], *shape(draw, (0, 1)))
        dims: Any = count
    else:
        left = tuple(draw(st.permutations(range(len(first)))))[:count]
        second = (*(first[i] for i in left), draw(SIZES))
        dims = (left, tuple(range(len(left))))
    return {
        "a": TensorType(first, kind),
        "b": TensorType(equal(draw, second), dtype(draw, kind, 4)),
        "dims": draw(st.sampled_from([dims, dims, dims, 5, -1, ((0,), (0, 1)), ((0, 0), (0, 0))])),
    }


def cross(draw: Draw, op: OpDef) -> Case:
    first = tuple(3 if chance(draw, 50) else s for s in shape(draw, (1, 2, 3)))
    kind = dtype(draw)
    return settings(draw, op) | {
        "input": TensorType(first, kind),
        "other": TensorType(equal(draw, related(draw, first)[-len(first) :]), dtype(draw, kind, 5)),
    }


def diagonals(draw: Draw, op: OpDef) -> Case:
    ranks = {"diag": (1, 2), "trace": (2,)}.get(op.name, (1, 2, 3))
    return settings(draw, op) | {"input": TensorType(shape(draw, ranks), dtype(draw))}


def square(draw: Draw, op: OpDef) -> Case:
    n = draw(SIZES)
    return settings(draw, op) | {
        "input": TensorType(equal(draw, (*shape(draw, (0, 1)), n, n)), dtype(draw, draw(FLOATS), 8))
    }


def rows(draw: Draw, op: OpDef) -> Case:
    return settings(draw, op, fweights=MISSING, aweights=MISSING) | {
        "input": TensorType(shape(draw, (0, 1, 2)), dtype(draw, draw(FLOATS), 8))
    }


def whole(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw), dtype(draw, draw(WHOLE), 8))
    other: Any = TensorType(related(draw, first.shape), dtype(draw, draw(WHOLE), 8))
    if "shift" in op.name and chance(draw, 30):
        other = 2
    return {"input": first, "other": other}


def same_kind(draw: Draw, op: OpDef) -> Case:
    """Two tensors of one dtype, mostly."""
    names = [a.name for a in op.arguments if a.kind.tensor]
    first = TensorType(shape(draw), dtype(draw))
    return settings(draw, op) | {
        names[0]: first,
        names[1]: TensorType(related(draw, first.shape), dtype(draw, first.dtype, 8)),
    }


def vectors(draw: Draw, op: OpDef) -> Case:
    size, kind = draw(SIZES), dtype(draw, draw(FLOATS), 8)
    return {
        "input": TensorType(equal(draw, (size,)), kind),
        "other": TensorType(equal(draw, (size,)), dtype(draw, kind, 5)),
    }


def time_first(draw: Draw, op: OpDef) -> Case:
    steps, batch, channels, width, kernel = (draw(SIZES) for _ in range(5))
    kind = dtype(draw, draw(FLOATS), 4)
    return settings(draw, op) | {
        "input": TensorType(equal(draw, (steps, batch, channels)), kind),
        "weight": TensorType(equal(draw, (min(kernel, 3), channels, width)), dtype(draw, kind, 4)),
        "bias": TensorType(equal(draw, (width,)), dtype(draw, kind, 4)),
    }


def bags(draw: Draw, op: OpDef) -> Case:
    """Bags are rows of the input, or begin where offsets say; the sample's are all 0."""
    index = dtype(draw, draw(st.sampled_from([DType.int64, DType.int64, DType.int32])), 4)
    table = TensorType((draw(SIZES), draw(SIZES)), dtype(draw, draw(FLOATS), 5))
    first = TensorType(shape(draw, (1, 2, 2)), index)
    case = settings(draw, op, max_norm=MISSING, padding_idx=MISSING, include_last_offset=MISSING)
    case |= {"input": first, "weight": table}
    if (first.rank == 1) != chance(draw, 10):
        case["offsets"] = TensorType(shape(draw, (1,)), dtype(draw, index, 5))
    if chance(draw, 25):
        sizes: tuple[Any, ...] = first.shape
        case |= {"per_sample_weights": TensorType(equal(draw, sizes), dtype(draw, table.dtype, 5)), "mode": "sum"}
    return case


def polygamma(draw: Draw, op: OpDef) -> Case:
    return {"n": draw(st.integers(0, 3)), "input": TensorType(shape(draw), dtype(draw))}


GENERATORS: dict[str, Generator] = (
    dict.fromkeys(("hstack", "vstack", "dstack", "column_stack"), listed)
    | dict.fromkeys(("broadcast_tensors", "meshgrid", "cartesian_prod", "block_diag"), several)
    | dict.fromkeys(("hsplit", "vsplit", "dsplit"), pieces)
    | dict.fromkeys(("reshape_as", "view_as"), reshaped)
    | dict.fromkeys(("mv", "addmv", "addr", "addbmm", "inner"), products)
    | dict.fromkeys(("diag", "diagflat", "diag_embed", "trace"), diagonals)
    | dict.fromkeys(("adjoint", "det", "logdet", "slogdet", "inverse", "matrix_exp", "matrix_power"), square)
    | dict.fromkeys(("cov", "corrcoef"), rows)
    | dict.fromkeys(("gcd", "lcm", "bitwise_left_shift", "bitwise_right_shift"), whole)
    | dict.fromkeys(("isclose", "heaviside"), same_kind)
    | {
        "broadcast_to": broadcast_to,
        "rot90": turned,
        "tensordot": tensordot,
        "cross": cross,
        "polygamma": polygamma,
        "vdot": vectors,
        "conv_tbc": time_first,
        "embedding_bag": bags,
    }
)
