"""Cases for quantiles, areas, places in sorted values, updates at places, and new tensors."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops.drawing import MISSING, SIZES, Case, Draw, Generator, chance, dtype, equal, related, settings, shape

__all__ = ["GENERATORS"]

FLOATS = st.sampled_from([DType.float32, DType.float32, DType.float64])


def one(draw: Draw, op: OpDef) -> Case:
    """A tensor of floating-point numbers, mostly."""
    return settings(draw, op) | {"input": TensorType(shape(draw, (0, 1, 2, 3)), dtype(draw, draw(FLOATS), 10))}


def quantile(draw: Draw, op: OpDef) -> Case:
    case = one(draw, op)
    usual = case["input"].dtype
    several = TensorType(shape(draw, (0, 1)), dtype(draw, usual, 5))
    return case | {"q": several if chance(draw, 40) else draw(st.sampled_from([0.0, 0.5, 1.0, 2.0]))}


def curve(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, (1, 2, 3)), dtype(draw, draw(FLOATS), 6))
    case = settings(draw, op, dx=draw(st.sampled_from([MISSING, MISSING, 0.5, 2])))
    if chance(draw, 40):
        case["dx"] = MISSING if chance(draw, 90) else case["dx"]
        sizes: tuple[Any, ...] = first.shape[-1:] if chance(draw, 40) else related(draw, first.shape)
        case["x"] = TensorType(equal(draw, sizes), dtype(draw, first.dtype, 5))
    return case | {"y": first}


def places(draw: Draw, op: OpDef) -> Case:
    kind = dtype(draw, draw(FLOATS))
    values = shape(draw, (1, 2))
    if op.name == "bucketize":
        return settings(draw, op) | {
            "input": TensorType(shape(draw), kind),
            "boundaries": TensorType(shape(draw, (1,)), dtype(draw, kind, 6)),
        }
    ordered = values if chance(draw, 50) else (draw(SIZES),)
    wanted = (*ordered[:-1], draw(SIZES)) if len(ordered) > 1 else shape(draw, (0, 1, 2))
    return settings(draw, op, sorter=MISSING) | {
        "sorted_sequence": TensorType(ordered, kind),
        "input": TensorType(equal(draw, wanted), dtype(draw, kind, 6)),
    }


def two(draw: Draw, op: OpDef) -> Case:
    names = [a.name for a in op.arguments if a.kind.tensor]
    first = TensorType(shape(draw), dtype(draw, draw(FLOATS), 10))
    return settings(draw, op) | {
        names[0]: first,
        names[1]: TensorType(related(draw, first.shape), dtype(draw, first.dtype, 8)),
    }


def slices(draw: Draw, op: OpDef) -> Case:
    first, kind = shape(draw, (1, 2, 3)) or (2,), dtype(draw)
    dim, count = draw(st.integers(-len(first), len(first) - 1)), draw(SIZES)
    wanted = list(first)
    wanted[dim] = count
    whole = st.sampled_from([DType.int64, DType.int64, DType.int32])
    case = settings(draw, op, dim=dim) | {
        "input": TensorType(first, kind),
        "index": TensorType(equal(draw, (count,)), dtype(draw, draw(whole), 5)),
    }
    if op.name != "index_fill":
        case["source"] = TensorType(equal(draw, tuple(wanted)), dtype(draw, kind, 5))
    return case


def scattered(draw: Draw, op: OpDef) -> Case:
    first, kind = shape(draw, (1, 2, 3)), dtype(draw)
    inside = tuple(draw(st.integers(1, s)) for s in first)
    return settings(draw, op) | {
        "input": TensorType(first, kind),
        "index": TensorType(equal(draw, inside), dtype(draw, DType.int64, 5)),
        "src": TensorType(equal(draw, first), dtype(draw, kind, 5)),
    }


def in_place_of(draw: Draw, op: OpDef) -> Case:
    first, kind = shape(draw, (2, 3)), dtype(draw)
    first = first if len(first) > 1 else (2, 3)
    if op.name == "select_scatter":
        dim = draw(st.integers(0, len(first) - 1))
        wanted = (*first[:dim], *first[dim + 1 :])
        case: Case = {"dim": dim, "index": draw(st.integers(-2, 2))}
    else:
        wanted = (*first[2:], min(first[:2]))
        case = settings(draw, op, dim1=MISSING, dim2=MISSING, offset=MISSING)
    return case | {"input": TensorType(first, kind), "src": TensorType(equal(draw, wanted), dtype(draw, kind, 5))}


def new(draw: Draw, op: OpDef) -> Case:
    return settings(draw, op, size=shape(draw, (0, 1, 2, 3))) | {"input": TensorType(shape(draw), dtype(draw))}


def randint(draw: Draw, op: OpDef) -> Case:
    bounds = st.sampled_from([-3, 0, 1, 5, 300])
    return settings(draw, op, size=shape(draw, (0, 1, 2, 3)), low=draw(bounds), high=draw(bounds))


def drawn(draw: Draw, op: OpDef) -> Case:
    """Probabilities and weights: the sample's are 1."""
    case = settings(draw, op, **({"num_samples": draw(st.integers(0, 5))} if op.name == "multinomial" else {}))
    ranks = (1, 2) if op.name == "multinomial" else (0, 1, 2, 3)
    return case | {"input": TensorType(shape(draw, ranks), dtype(draw, draw(FLOATS), 8))}


def maybe_complex(draw: Draw, op: OpDef) -> Case:
    return {"input": TensorType(shape(draw), dtype(draw, DType.complex64, 50))}


ONE = "nansum nanmean nanmedian std_mean var_mean renorm aminmax mode msort"
GENERATORS: dict[str, Generator] = (
    dict.fromkeys(ONE.split(), one)
    | dict.fromkeys(("quantile", "nanquantile"), quantile)
    | dict.fromkeys(("trapezoid", "cumulative_trapezoid"), curve)
    | dict.fromkeys(("bucketize", "searchsorted"), places)
    | dict.fromkeys(("isin", "dist", "complex", "polar"), two)
    | dict.fromkeys(("index_add", "index_copy", "index_fill"), slices)
    | dict.fromkeys(("select_scatter", "diagonal_scatter"), in_place_of)
    | dict.fromkeys(("new_zeros", "new_ones", "new_full"), new)
    | dict.fromkeys(("bernoulli", "poisson", "multinomial"), drawn)
    | dict.fromkeys(("real", "imag", "conj", "angle"), maybe_complex)
    | {"scatter_reduce": scattered, "randint": randint}
)
