"""torchvision.transforms.v2: transforms of one field. Those with the trait `random` differ from sample to sample and
belong to training; the others give the same result for a batch as for its samples one by one."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.training.vocabulary.kinds import (
    Dtype,
    Fill,
    ImageSize,
    Interpolation,
    Numbers,
    OneOrThree,
    Padding,
    Positive,
)
from nnc.compiler.training.vocabulary.random_transforms import RANDOM
from nnc.compiler.training.vocabulary.registry import Vocabulary, refuse
from nnc.compiler.training.vocabulary.text import TEXT
from nnc.compiler.training.vocabulary.transform_rules import check_padding, for_tensors, transform

__all__ = ["INSTEAD", "TRANSFORMS"]

# Names that torchvision has and a field's transforms do not, with what to write.
_BOXES = "it is for boxes and key points, and the fields of a spec are images, masks, labels and values"
INSTEAD = {
    "ToTensor": "it is deprecated in torchvision: write ToImage, then ToDtype(float32, scale=True)",
    "ConvertImageDtype": "it is deprecated in torchvision: write ToDtype(float32, scale=True)",
    "PILToTensor": "write ToImage: it takes images and arrays alike",
    "ToPILImage": "images are tensors all the way: leave it out",
    "Compose": "write its transforms one by one",
    "Lambda": "it takes a Python function, and a spec is data",
    "Transform": "it is the base of the others",
    "CutMix": "it works on whole batches: `mix: CutMix` under `train:`",
    "MixUp": "it works on whole batches: `mix: MixUp` under `train:`",
    "FiveCrop": "it makes five images of one, and a field holds one: `CenterCrop`, or RandomCrop in training",
    "TenCrop": "it makes ten images of one, and a field holds one: `CenterCrop`, or RandomCrop in training",
    "LinearTransformation": "its matrix has as many rows as an image has numbers: make it the first layer, a frozen Linear",
    **dict.fromkeys(
        (
            "ClampBoundingBoxes", "ClampKeyPoints", "ConvertBoundingBoxFormat", "RandomIoUCrop", "SanitizeBoundingBoxes",
            "SanitizeKeyPoints", "SetClampingMode",
        ),
        _BOXES,
    ),
}  # fmt: skip


# -- the same for every sample -----------------------------------------------------------------------------------------


@transform("cuts")
def CenterCrop(size: ImageSize) -> None:
    """The middle of the image, filled with 0 where the image is smaller."""


@transform()
def Grayscale(num_output_channels: OneOrThree = 1) -> None:
    """Gray of a color image."""


@transform()
def ChannelsBeforeTime() -> None:
    """Frames (T, C, H, W) as a video network takes them: (C, T, H, W). Not torchvision's: there it is the last step of the
    preset that comes with weights for videos."""


@transform("cuts")
def Identity() -> None:
    """The image itself."""


@transform()
def Normalize(mean: Numbers, std: Numbers) -> None:
    """(x - mean) / std by channel, for floating-point images."""
    if 0 in std:
        refuse("a std of 0 divides by zero", "std")
    if len(mean) != len(std) and 1 not in (len(mean), len(std)):
        refuse(f"{len(mean)} means and {len(std)} stds: one per channel each", "std")


@transform()
def Pad(
    padding: Padding, fill: Fill = 0, padding_mode: Literal["constant", "edge", "reflect", "symmetric"] = "constant"
) -> None:
    """Pads left, top, right and bottom."""
    check_padding(padding)


@transform()
def RGB() -> None:
    """Three channels of a gray image."""


@transform()
def Resize(
    size: ImageSize | None,
    interpolation: Interpolation = "bilinear",
    max_size: Positive | None = None,
    antialias: bool | None = True,
) -> None:
    """To `[height, width]`, or the shorter edge to `size`."""
    if size is None and max_size is None:
        refuse("give a size or a max_size", "size")
    if isinstance(size, tuple) and len(size) == 2 and max_size is not None:
        refuse("max_size goes with one size for the shorter edge", "max_size")
    for_tensors(interpolation)


@transform()
def ToDtype(dtype: Dtype, scale: bool = False) -> None:
    """To another dtype; with scale, from and to the range of an image (uint8 0…255, float 0…1)."""


@transform()
def ToImage() -> None:
    """An image file or an array (H, W) or (H, W, C) to a tensor (C, H, W)."""


@transform("cuts")
def ToPureTensor() -> None:
    """Drops torchvision's image type: the tensor itself."""


@transform()
def UniformTemporalSubsample(num_samples: Positive) -> None:
    """So many frames of (T, C, H, W), evenly spaced."""


TRANSFORMS = Vocabulary(
    "transform",
    CenterCrop, ChannelsBeforeTime, Grayscale, Identity, Normalize, Pad, RGB, Resize, ToDtype, ToImage, ToPureTensor,
    UniformTemporalSubsample, *RANDOM, *TEXT,
)  # fmt: skip
