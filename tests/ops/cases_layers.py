"""Cases for layers whose arguments must fit their input."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops.drawing import (
    MISSING,
    SIZES,
    SPACE,
    Case,
    Draw,
    Generator,
    chance,
    dtype,
    equal,
    ranks,
    settings,
    shape,
    tensor,
)

__all__ = ["GENERATORS"]


def integer_input(draw: Draw, op: OpDef) -> Case:
    usual = draw(st.sampled_from([DType.int64, DType.int64, DType.int32]))
    return settings(draw, op) | {
        (op.inputs or op.arguments)[0].name: TensorType(shape(draw, (0, 1, 2, 3)), dtype(draw, usual))
    }


def embedding(draw: Draw, op: OpDef) -> Case:
    given = settings(draw, op) | {"input": TensorType(shape(draw, (0, 1, 2)), dtype(draw, DType.int64))}
    given.pop("max_norm", None)  # renormalizes the table in place at the indices
    return given | ({"weight": TensorType(shape(draw, (2,)), dtype(draw))} if op.form == "function" else {})


def embedding_bag(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, (1, 2)), dtype(draw, DType.int64))
    case = settings(draw, op) | {"input": first}
    case.pop("max_norm", None)
    if (len(first.shape) == 1) != chance(draw, 8):
        case["offsets"] = TensorType(shape(draw, (1,)), dtype(draw, first.dtype))
    if chance(draw, 25):
        case |= {"per_sample_weights": TensorType(equal(draw, first.shape), dtype(draw))}
        case |= {"mode": "sum"} if chance(draw, 80) else {}
    return case


def bilinear(draw: Draw, op: OpDef) -> Case:
    first = shape(draw, (1, 2, 3))
    second = (*equal(draw, first)[:-1], draw(SIZES))
    return settings(draw, op) | {"input1": TensorType(first, dtype(draw)), "input2": TensorType(second, dtype(draw))}


def linear(draw: Draw, op: OpDef) -> Case:
    first, out = shape(draw, (1, 2, 3)), draw(SIZES)
    wide = first[-1] if first and chance(draw, 90) else draw(SIZES)
    weight = (out, wide) if chance(draw, 85) else (wide,)
    case = {"input": TensorType(first, dtype(draw)), "weight": TensorType(weight, dtype(draw))}
    if chance(draw, 50):
        case["bias"] = TensorType(equal(draw, weight[:-1]), dtype(draw))
    return case


def normalized(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw), dtype(draw))
    case = settings(draw, op) | {(op.inputs or op.arguments)[0].name: first}
    k = draw(st.integers(1, 3))
    tail = equal(draw, first.shape[-k:]) if chance(draw, 90) else ()
    if op.form == "module":
        kind = draw(st.integers(0, 2))
        case["normalized_shape"] = MISSING if kind == 0 else tail if kind == 1 else (first.shape or (1,))[-1]
        return case
    case["normalized_shape"] = tail
    for name in ("weight", "bias"):
        if chance(draw, 40) and op.argument(name):
            case[name] = TensorType(equal(draw, tail), dtype(draw, others=4))
    return case


def group_norm(draw: Draw, op: OpDef) -> Case:
    case = settings(draw, op) | {"input": tensor(draw, op)}
    channels = case["input"].shape[1:2] or (1,)
    return case | {
        n: TensorType(equal(draw, channels), dtype(draw, others=4)) for n in ("weight", "bias") if chance(draw, 40)
    }


def prelu(draw: Draw, op: OpDef) -> Case:
    first = tensor(draw, op)
    slopes = draw(st.sampled_from([1, *first.shape[1:2]]))
    if op.form == "module":
        return {"input": first} | ({"num_parameters": slopes} if chance(draw, 60) else {})
    return {
        "input": first,
        "weight": TensorType(equal(draw, (slopes,) if chance(draw, 80) else ()), dtype(draw, others=4)),
    }


def padding(draw: Draw, op: OpDef) -> Case:
    n = {"1d": 1, "2d": 2, "3d": 3}.get(op.name[-2:]) or draw(st.integers(0, 3))
    amounts = st.sampled_from([0, 0, 1, 1, 2, 3, -1])
    pads: Any = tuple(draw(amounts) for _ in range(2 * n + (0 if chance(draw, 96) else 1)))
    if op.form == "module" and chance(draw, 40):
        pads = draw(amounts)
    first = TensorType(shape(draw, (n + 1, n + 2), SPACE), dtype(draw, others=5))
    return settings(draw, op) | {"input": first, "padding" if op.form == "module" else "pad": pads}


def interpolate(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, ranks(op), SPACE), dtype(draw, others=5))
    case = settings(draw, op, size=MISSING, scale_factor=MISSING)
    space = max(first.rank - 2, 0)
    if first.rank >= 3 and "mode" in case and chance(draw, 70):
        smooth = {3: "linear", 4: draw(st.sampled_from(["bilinear", "bicubic"])), 5: "trilinear"}.get(
            first.rank, "area"
        )
        case["mode"] = draw(st.sampled_from(["nearest", smooth, "area", "nearest-exact"]))
    many = space if chance(draw, 90) else draw(st.integers(1, 3))
    if chance(draw, 50):
        sizes = tuple(draw(st.integers(1, 9)) for _ in range(many))
        case["size"] = sizes if chance(draw, 60) else draw(st.integers(1, 9))
    if case["size"] is MISSING or chance(draw, 5):
        factor = st.sampled_from([0.5, 2, 2.0, 1.5, 0.3, 1 / 3, 0.25])
        case["scale_factor"] = tuple(draw(factor) for _ in range(many)) if chance(draw, 40) else draw(factor)
    if "align_corners" in case and chance(draw, 70):
        case["align_corners"] = MISSING
    return case | {"input": first}


def one_hot(draw: Draw, op: OpDef) -> Case:
    usual = TensorType(shape(draw, (0, 1, 2)), dtype(draw, DType.int64))
    return {"tensor": usual, "num_classes": draw(st.integers(-1, 4).filter(lambda n: n != -1))}


GENERATORS: dict[str, Generator] = {
    "Embedding": embedding,
    "embedding": embedding,
    "EmbeddingBag": embedding_bag,
    "one_hot": one_hot,
    "Bilinear": bilinear,
    "linear": linear,
    "LayerNorm": normalized,
    "RMSNorm": normalized,
    "layer_norm": normalized,
    "rms_norm": normalized,
    "group_norm": group_norm,
    "PReLU": prelu,
    "prelu": prelu,
    "pad": padding,
    "Upsample": interpolate,
    "interpolate": interpolate,
    "UpsamplingNearest2d": interpolate,
    "UpsamplingBilinear2d": interpolate,
    **dict.fromkeys(
        [f"{kind}Pad{n}d" for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular") for n in (1, 2, 3)],
        padding,
    ),
}
