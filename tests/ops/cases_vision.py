"""Cases for torchvision's blocks, regions and boxes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from nnc.compiler.ops.registry import OpDef
from nnc.compiler.types.dtype import DType
from nnc.compiler.types.tensor import TensorType
from tests.ops.drawing import MISSING, SIZES, SPACE, Case, Draw, Generator, chance, dtype, equal, settings, shape

__all__ = ["GENERATORS"]

FLOATS = st.sampled_from([DType.float32, DType.float32, DType.float32, DType.float64])


def space(draw: Draw, n: int) -> tuple[int, ...]:
    return tuple(draw(SPACE) for _ in range(n))


def conv_norm_activation(draw: Draw, op: OpDef) -> Case:
    n = 3 if "3d" in op.name else 2
    groups = draw(st.sampled_from([MISSING, MISSING, 1, 2]))
    width = draw(st.sampled_from([1, 2, 4]))
    case = settings(draw, op, out_channels=width, groups=groups)
    return case | {"input": TensorType(equal(draw, (draw(SIZES), draw(SIZES), *space(draw, n))), dtype(draw, others=4))}


def mlp(draw: Draw, op: OpDef) -> Case:
    widths = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    return settings(draw, op, hidden_channels=widths) | {"input": TensorType(shape(draw), dtype(draw, others=4))}


def squeeze(draw: Draw, op: OpDef) -> Case:
    return settings(draw, op) | {"input": TensorType(shape(draw, (3, 4)), dtype(draw, others=4))}


def pyramid(draw: Draw, op: OpDef) -> Case:
    batch = draw(SIZES)
    maps = draw(st.integers(1, 3))
    x = tuple(
        TensorType(equal(draw, (batch, draw(SIZES), *space(draw, 2))) if chance(draw, 30) else (batch, 2, 4, 4 + i))
        for i in range(maps)
    )
    return settings(draw, op, in_channels_list=MISSING) | {"x": x}


def regions(draw: Draw, op: OpDef) -> Case:
    """There are always several images: the sample's regions are of number 0 and 1."""
    case = settings(draw, op)
    size = case["output_size"]
    places = size**2 if isinstance(size, int) else 4
    channels = draw(st.sampled_from([1, 2, 3])) * (
        places if chance(draw, 85) and op.name.lower().startswith("ps") else 1
    )
    first = TensorType((2 + draw(SIZES), channels, *space(draw, 2)), dtype(draw, draw(FLOATS), 4))
    name = "rois" if op.form == "module" else "boxes"
    return case | {"input": first, name: TensorType(equal(draw, (draw(SIZES), 5)), dtype(draw, first.dtype, 4))}


def boxes(draw: Draw, op: OpDef) -> Case:
    names = [a.name for a in op.arguments if a.kind.tensor]
    case = settings(draw, op, **({"size": (8, 9)} if op.name == "clip_boxes_to_image" else {}))
    lead: tuple[int, ...] = (draw(SIZES),) if len(names) == 2 else shape(draw, (0, 1, 2))
    first = TensorType(equal(draw, (*lead, 4)), dtype(draw, draw(FLOATS), 4))
    case[names[0]] = first
    if len(names) == 2:
        second = lead if op.name.endswith("loss") else (draw(SIZES),)
        case[names[1]] = TensorType(equal(draw, (*second, 4)), dtype(draw, first.dtype, 4))
    return case


def focal(draw: Draw, op: OpDef) -> Case:
    first = TensorType(shape(draw, (0, 1, 2, 3)), dtype(draw, draw(FLOATS), 4))
    sizes: tuple[Any, ...] = first.shape
    alpha = draw(st.sampled_from([MISSING, 0.25, 1.0, -1, 2.0]))
    return settings(draw, op, alpha=alpha) | {
        "inputs": first,
        "targets": TensorType(equal(draw, sizes), dtype(draw, first.dtype, 4)),
    }


def deformed(draw: Draw, op: OpDef) -> Case:
    case = settings(draw, op, stride=MISSING, padding=draw(st.sampled_from([MISSING, 1])), dilation=MISSING)
    groups, kernel = draw(st.sampled_from([1, 1, 2])), (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    channels, width, batch = 2 * groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2)), draw(SIZES)
    first = TensorType((batch, channels, *space(draw, 2)), dtype(draw, draw(FLOATS), 4))
    pad = 1 if case["padding"] == 1 else 0
    out = tuple(max(s + 2 * pad - k + 1, 1) for s, k in zip(first.shape[2:], kernel, strict=True) if isinstance(s, int))
    moved = kernel[0] * kernel[1] * draw(st.sampled_from([1, 1, 2, 3]))
    case |= {
        "input": first,
        "weight": TensorType(equal(draw, (width, channels // groups, *kernel)), dtype(draw, first.dtype, 3)),
        "offset": TensorType(equal(draw, (batch, 2 * moved, *out)), dtype(draw, first.dtype, 3)),
    }
    if chance(draw, 40):
        case["bias"] = TensorType(equal(draw, (width,)), dtype(draw, first.dtype, 3))
    if chance(draw, 40):
        case["mask"] = TensorType(equal(draw, (batch, moved, *out)), dtype(draw, first.dtype, 3))
    return case


REGIONS = "RoIAlign RoIPool PSRoIAlign PSRoIPool roi_align roi_pool ps_roi_align ps_roi_pool"
BOXES = (
    "box_area box_convert clip_boxes_to_image box_iou generalized_box_iou distance_box_iou complete_box_iou "
    "generalized_box_iou_loss distance_box_iou_loss complete_box_iou_loss"
)
GENERATORS: dict[str, Generator] = (
    dict.fromkeys(REGIONS.split(), regions)
    | dict.fromkeys(BOXES.split(), boxes)
    | dict.fromkeys(("Conv2dNormActivation", "Conv3dNormActivation"), conv_norm_activation)
    | {
        "MLP": mlp,
        "SqueezeExcitation": squeeze,
        "FeaturePyramidNetwork": pyramid,
        "sigmoid_focal_loss": focal,
        "deform_conv2d": deformed,
    }
)
