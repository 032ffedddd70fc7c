"""Boxes and regions of interest, as torchvision.ops has them. A box is four numbers, (x1, y1, x2, y2) unless `fmt` says
otherwise; a region is a box with the number of its image before it: (K, 5)."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.ops.call import Call
from nnc.compiler.ops.kinds import Positive, PositivePair, Sizes
from nnc.compiler.ops.loss_rules import alike, reduced
from nnc.compiler.ops.registry import OpDef, function, module
from nnc.compiler.ops.shapes import ntuple
from nnc.compiler.types.dim import DimLike
from nnc.compiler.types.tensor import TensorType

__all__ = ["OPS"]


# -- pooling regions ---------------------------------------------------------------------------------------------------


@module("RoIAlign", family="vision")
def roi_align_module(
    c: Call,
    input: TensorType,
    rois: TensorType,
    output_size: PositivePair,
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool = False,
) -> TensorType:
    """Each region resampled to one size: (N, C, H, W) and (K, 5) → (K, C, *output_size)."""
    return _regions(c, input, rois, "rois", output_size)


@module("RoIPool", family="vision")
def roi_pool_module(
    c: Call, input: TensorType, rois: TensorType, output_size: PositivePair, spatial_scale: float
) -> TensorType:
    """The largest values of each region, on a grid: (N, C, H, W) and (K, 5) → (K, C, *output_size)."""
    return _regions(c, input, rois, "rois", output_size)


@module("PSRoIAlign", family="vision")
def ps_roi_align_module(
    c: Call, input: TensorType, rois: TensorType, output_size: Positive, spatial_scale: float, sampling_ratio: int
) -> TensorType:
    """As RoIAlign, each place of the grid from channels of its own: (N, C · s², H, W) and (K, 5) → (K, C, s, s)."""
    return _regions(c, input, rois, "rois", output_size, apart=True)


@module("PSRoIPool", family="vision")
def ps_roi_pool_module(
    c: Call, input: TensorType, rois: TensorType, output_size: Positive, spatial_scale: float
) -> TensorType:
    """As RoIPool, each place of the grid from channels of its own: (N, C · s², H, W) and (K, 5) → (K, C, s, s)."""
    return _regions(c, input, rois, "rois", output_size, apart=True)


@function("roi_align", family="vision")
def roi_align(
    c: Call,
    input: TensorType,
    boxes: TensorType,
    output_size: PositivePair,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> TensorType:
    """Each region resampled to one size: (N, C, H, W) and (K, 5) → (K, C, *output_size)."""
    return _regions(c, input, boxes, "boxes", output_size)


@function("roi_pool", family="vision")
def roi_pool(
    c: Call, input: TensorType, boxes: TensorType, output_size: PositivePair, spatial_scale: float = 1.0
) -> TensorType:
    """The largest values of each region, on a grid: (N, C, H, W) and (K, 5) → (K, C, *output_size)."""
    return _regions(c, input, boxes, "boxes", output_size)


@function("ps_roi_align", family="vision")
def ps_roi_align(
    c: Call,
    input: TensorType,
    boxes: TensorType,
    output_size: Positive,
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
) -> TensorType:
    """As roi_align, each place of the grid from channels of its own: (N, C · s², H, W) and (K, 5) → (K, C, s, s)."""
    return _regions(c, input, boxes, "boxes", output_size, apart=True)


@function("ps_roi_pool", family="vision")
def ps_roi_pool(
    c: Call, input: TensorType, boxes: TensorType, output_size: Positive, spatial_scale: float = 1.0
) -> TensorType:
    """As roi_pool, each place of the grid from channels of its own: (N, C · s², H, W) and (K, 5) → (K, C, s, s)."""
    return _regions(c, input, boxes, "boxes", output_size, apart=True)


def _regions(
    c: Call,
    input: TensorType,
    rois: TensorType,
    name: str,
    output_size: int | tuple[int, ...],
    *,
    apart: bool = False,
) -> TensorType:
    c.rank(c.floating(input), 4)
    if rois.dtype is not input.dtype:
        c.refuse(f"{name} are {rois.dtype}, input is {input.dtype}", name, code="NNC0503")
    c.rank(rois, 2, name=name)
    c.equal(rois.shape[1], 5, f"a region is 5 numbers, its image's and a box's, not {rois.shape[1]}", name)
    grid = ntuple(c, output_size, 2, "output_size")
    channels: DimLike = input.shape[1]
    if apart:
        places = grid[0] * grid[1]
        c.multiple(channels, places, f"{channels} channels do not divide among {places} places", "output_size")
        channels = channels // places
    return input.with_shape(rois.shape[0], channels, *grid)


# -- boxes -------------------------------------------------------------------------------------------------------------


@function("box_area", family="vision")
def box_area(c: Call, boxes: TensorType, fmt: Literal["xyxy", "xywh", "cxcywh"] = "xyxy") -> TensorType:
    """The area of each box: (*, 4) → (*)."""
    return boxes.with_shape(*_boxes(c, boxes, "boxes").shape[:-1])


@function("box_convert", family="vision")
def box_convert(
    c: Call,
    boxes: TensorType,
    in_fmt: Literal["xyxy", "xywh", "cxcywh"],
    out_fmt: Literal["xyxy", "xywh", "cxcywh"],
) -> TensorType:
    """Boxes by other numbers, corners, corner and size, or center and size: (*, 4) → (*, 4)."""
    return _boxes(c, boxes, "boxes")


@function("clip_boxes_to_image", family="vision")
def clip_boxes_to_image(c: Call, boxes: TensorType, size: Sizes) -> TensorType:
    """Boxes cut to an image of `size` (height, width): (*, 4) → (*, 4)."""
    if len(size) != 2:
        c.refuse(f"size is a height and a width, not {len(size)} numbers", "size")
    return _boxes(c, boxes, "boxes")


@function("box_iou", family="vision")
def box_iou(
    c: Call, boxes1: TensorType, boxes2: TensorType, fmt: Literal["xyxy", "xywh", "cxcywh"] = "xyxy"
) -> TensorType:
    """Intersection over union of every two boxes: (N, 4), (M, 4) → (N, M)."""
    return _every_two(c, boxes1, boxes2)


@function("generalized_box_iou", family="vision")
def generalized_box_iou(c: Call, boxes1: TensorType, boxes2: TensorType) -> TensorType:
    """Generalized intersection over union of every two boxes: (N, 4), (M, 4) → (N, M)."""
    return _every_two(c, boxes1, boxes2)


@function("distance_box_iou", family="vision")
def distance_box_iou(c: Call, boxes1: TensorType, boxes2: TensorType, eps: float = 1e-07) -> TensorType:
    """Intersection over union less the distance of centers, of every two boxes: (N, 4), (M, 4) → (N, M)."""
    return _every_two(c, boxes1, boxes2)


@function("complete_box_iou", family="vision")
def complete_box_iou(c: Call, boxes1: TensorType, boxes2: TensorType, eps: float = 1e-07) -> TensorType:
    """Intersection over union less distance and difference of proportions, of every two boxes: (N, 4), (M, 4) → (N, M)."""
    return _every_two(c, boxes1, boxes2)


def _boxes(c: Call, boxes: TensorType, name: str) -> TensorType:
    c.at_least_rank(c.floating(boxes, name), 1, name)
    c.equal(boxes.shape[-1], 4, f"a box is 4 numbers, not {boxes.shape[-1]}", name)
    return boxes


def _every_two(c: Call, boxes1: TensorType, boxes2: TensorType) -> TensorType:
    c.rank(_boxes(c, boxes1, "boxes1"), 2, name="boxes1")
    c.rank(_boxes(c, boxes2, "boxes2"), 2, name="boxes2")
    if boxes2.dtype is not boxes1.dtype:
        c.refuse(f"boxes2 are {boxes2.dtype}, boxes1 {boxes1.dtype}", "boxes2", code="NNC0503")
    return boxes1.with_shape(boxes1.shape[0], boxes2.shape[0])


# -- losses ------------------------------------------------------------------------------------------------------------


@function("sigmoid_focal_loss", family="loss")
def sigmoid_focal_loss(
    c: Call,
    inputs: TensorType,
    targets: TensorType,
    alpha: float = 0.25,
    gamma: float = 2,
    reduction: Literal["none", "mean", "sum"] = "none",
) -> TensorType:
    """Binary cross entropy that counts what is easy less: logits (*) against targets from 0 to 1 (*); `alpha` -1 weighs
    both classes alike (Lin et al., https://arxiv.org/abs/1708.02002)."""
    if not (0 <= alpha <= 1 or alpha == -1):
        c.refuse(f"alpha is a number from 0 to 1, or -1, not {alpha}", "alpha")
    alike(c, inputs, targets, "targets", "inputs")
    return reduced(inputs, inputs.shape, reduction)


@function("generalized_box_iou_loss", family="loss")
def generalized_box_iou_loss(
    c: Call,
    boxes1: TensorType,
    boxes2: TensorType,
    reduction: Literal["none", "mean", "sum"] = "none",
    eps: float = 1e-07,
) -> TensorType:
    """1 − the generalized intersection over union of each two boxes: (N, 4), (N, 4) → (N)."""
    return _box_loss(c, boxes1, boxes2, reduction)


@function("distance_box_iou_loss", family="loss")
def distance_box_iou_loss(
    c: Call,
    boxes1: TensorType,
    boxes2: TensorType,
    reduction: Literal["none", "mean", "sum"] = "none",
    eps: float = 1e-07,
) -> TensorType:
    """1 − intersection over union + the distance of centers, of each two boxes: (N, 4), (N, 4) → (N)."""
    return _box_loss(c, boxes1, boxes2, reduction)


@function("complete_box_iou_loss", family="loss")
def complete_box_iou_loss(
    c: Call,
    boxes1: TensorType,
    boxes2: TensorType,
    reduction: Literal["none", "mean", "sum"] = "none",
    eps: float = 1e-07,
) -> TensorType:
    """1 − intersection over union + distance and difference of proportions, of each two boxes: (N, 4), (N, 4) → (N)."""
    return _box_loss(c, boxes1, boxes2, reduction)


def _box_loss(c: Call, boxes1: TensorType, boxes2: TensorType, reduction: str) -> TensorType:
    alike(c, _boxes(c, boxes1, "boxes1"), boxes2, "boxes2", "boxes1")
    return reduced(boxes1, boxes1.shape[:-1], reduction)


OPS: tuple[OpDef, ...] = (
    roi_align_module, roi_pool_module, ps_roi_align_module, ps_roi_pool_module, roi_align, roi_pool, ps_roi_align,
    ps_roi_pool, box_area, box_convert, clip_boxes_to_image, box_iou, generalized_box_iou, distance_box_iou,
    complete_box_iou, sigmoid_focal_loss, generalized_box_iou_loss, distance_box_iou_loss, complete_box_iou_loss,
)  # fmt: skip
