"""Cases for layers whose arguments must fit their input."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nnc.compiler.ops.catalogue import CATALOGUE
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
    sizes,
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
        # One offset is no bag with include_last_offset, and torch's kernel writes where it must not.
        least = 2 if case["include_last_offset"] is True else 1
        case["offsets"] = TensorType((draw(st.integers(least, 6)),), dtype(draw, first.dtype))
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


def channelwise(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, (2, 3, 4)), dtype(draw, others=4))
    channels = first.shape[1:2] or (1,)
    case: Case = settings(draw, op) | {"input": first}
    for names in (("running_mean", "running_var"), ("weight",), ("bias",)):
        given = chance(draw, 60)
        for name in names:
            if given != chance(draw, 4):
                case[name] = TensorType(equal(draw, channels) if chance(draw, 15) else channels, dtype(draw, others=3))
            elif op.name == "batch_norm" and name.startswith("running"):
                case[name] = None
    return case


def bilinear_function(draw: Draw, op: OpDef) -> Case:
    case = bilinear(draw, CATALOGUE["Bilinear"])
    first, second, out = case["input1"], case["input2"], draw(SIZES)
    weight = (out, *(first.shape[-1:] or (1,)), *(second.shape[-1:] or (1,)))
    drawn: Case = {"input1": first, "input2": second, "weight": TensorType(equal(draw, weight), dtype(draw, others=4))}
    return drawn | ({"bias": TensorType(equal(draw, (out,)))} if chance(draw, 40) else {})


def sampled(draw: Draw, op: OpDef) -> Case:
    n = draw(st.sampled_from([2, 2, 3]))
    first = TensorType(shape(draw, (n + 2,), SPACE), dtype(draw, others=4))
    if op.name == "affine_grid":
        size = tuple(draw(SIZES) for _ in range(n + 2))
        return settings(draw, op, size=size) | {
            "theta": TensorType(equal(draw, (size[0], n, n + 1)), dtype(draw, others=4))
        }
    places = (*first.shape[:1], *(draw(SIZES) for _ in range(n)), n)
    return settings(draw, op) | {"input": first, "grid": TensorType(equal(draw, places), dtype(draw, others=4))}


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


def folded(draw: Draw, op: OpDef) -> Case:
    """Columns that mostly are as many as the blocks of the image."""
    case = settings(draw, op)
    image, kernel = draw(st.integers(2, 8)), draw(st.integers(1, 3))
    case |= {"output_size": (image, image) if chance(draw, 50) else image, "kernel_size": kernel}
    step, pad, hole = (
        v if isinstance(v := case[n], int) else (1 if n != "padding" else 0) for n in ("stride", "padding", "dilation")
    )
    case |= {"stride": step, "padding": pad, "dilation": hole}
    along = (image + 2 * pad - hole * (kernel - 1) - 1) // step + 1
    lead = (draw(SIZES),) if chance(draw, 60) else ()
    wanted = (*lead, draw(st.integers(1, 3)) * kernel * kernel, max(along, 0) ** 2)
    return case | {"input": TensorType(equal(draw, wanted), dtype(draw, others=5))}


def unpooled(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, ranks(op), SPACE), dtype(draw, others=5))
    case = settings(draw, op, output_size=MISSING)
    n = int(op.name.replace("_module", "")[-2])
    kernel = case["kernel_size"] = draw(st.integers(1, 3))
    case["indices"] = TensorType(equal(draw, first.shape), dtype(draw, DType.int64, 5))
    if chance(draw, 40):
        case |= {"stride": MISSING, "padding": MISSING}
        case["output_size"] = tuple(s * kernel + draw(st.sampled_from([0, 0, 1, -1])) for s in sizes(first)[-n:])
    return case | {"input": first}


def fractional(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, ranks(op), st.integers(3, 12)), dtype(draw, others=5))
    case = settings(draw, op, kernel_size=draw(st.integers(1, 3)), output_size=MISSING, output_ratio=MISSING)
    n = int(op.name[-2])
    if chance(draw, 55):
        case["output_size"] = draw(st.integers(1, 5))
    if (case["output_size"] is MISSING) != chance(draw, 5):
        ratio = st.sampled_from([0.5, 0.25, 0.7, 1.0])
        case["output_ratio"] = tuple(draw(ratio) for _ in range(n)) if chance(draw, 50) else draw(ratio)
    return case | {"input": first}


def convolved(draw: Draw, op: OpDef) -> Case:
    n = int(op.name[-2])
    spread = "transpose" in op.name
    case = settings(draw, op)
    groups = 1 if case["groups"] is MISSING else case["groups"]
    channels, out = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    first = (*((draw(SIZES),) if chance(draw, 70) else ()), channels, *(draw(SPACE) for _ in range(n)))
    pair = (channels, out // groups) if spread else (out, channels // groups)
    weight = (*pair, *(draw(st.integers(1, 3)) for _ in range(n)))
    case |= {"input": TensorType(equal(draw, first), dtype(draw, others=4)), "weight": TensorType(equal(draw, weight))}
    if chance(draw, 40):
        case["bias"] = TensorType(equal(draw, (out,)))
    return case


def deformed(draw: Draw, op: OpDef) -> Case:
    case = settings(draw, op, groups=1, kernel_size=draw(st.integers(1, 3)), stride=1, dilation=1)
    kernel, pad = case["kernel_size"], case["padding"] if isinstance(case["padding"], int) else 0
    case["padding"] = pad
    batch, height, width = draw(SIZES), draw(SPACE), draw(SPACE)
    space = tuple(max(s + 2 * pad - kernel + 1, 1) for s in (height, width))
    parts = draw(st.integers(1, 2))
    case["input"] = TensorType((batch, draw(st.integers(1, 4)), height, width), dtype(draw, others=4))
    case["offset"] = TensorType(equal(draw, (batch, 2 * parts * kernel * kernel, *space)))
    if chance(draw, 40):
        case["mask"] = TensorType(equal(draw, (batch, parts * kernel * kernel, *space)))
    return case


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
    **dict.fromkeys(("Fold", "fold"), folded),
    **dict.fromkeys([f"{name}{n}d" for name in ("MaxUnpool", "max_unpool") for n in (1, 2, 3)], unpooled),
    **dict.fromkeys(
        [f"{name}{n}d" for name in ("FractionalMaxPool", "fractional_max_pool") for n in (2, 3)], fractional
    ),
    **dict.fromkeys([f"{name}{n}d" for name in ("conv", "conv_transpose") for n in (1, 2, 3)], convolved),
    "DeformConv2d": deformed,
    "batch_norm": channelwise,
    "instance_norm": channelwise,
    "bilinear": bilinear_function,
    "grid_sample": sampled,
    "affine_grid": sampled,
}
