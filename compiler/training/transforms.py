"""torchvision.transforms.v2: transforms of one field. Those with the trait `random` differ from sample to sample and
belong to training; the others give the same result for a batch as for its samples one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from nnc.compiler.training.kinds import (
    AtLeast0,
    Dtype,
    Fill,
    Finite,
    Fraction,
    ImageSize,
    Interpolation,
    NonNegative,
    NumberOrRange,
    Numbers,
    OneOrThree,
    Padding,
    Positive,
    Transforms,
    TwoNumbers,
)
from nnc.compiler.training.registry import CallDef, Vocabulary, declare, refuse
from nnc.compiler.training.text import TEXT

__all__ = ["INSTEAD", "TRANSFORMS"]

OMITTED = {"inplace": "the data is kept as it is"}
# Names that torchvision has and a field's transforms do not, with what to write.
INSTEAD = {
    "ToTensor": "it is deprecated in torchvision: write ToImage, then ToDtype(float32, scale=True)",
    "ConvertImageDtype": "it is deprecated in torchvision: write ToDtype(float32, scale=True)",
    "PILToTensor": "write ToImage: it takes images and arrays alike",
    "Compose": "write its transforms one by one",
    "Lambda": "it takes a Python function, and a spec is data",
}


def transform(*traits: str) -> Callable[[Callable[..., None]], CallDef]:
    return declare("transform", omitted=OMITTED, traits=traits)


# -- the same for every sample -----------------------------------------------------------------------------------------


@transform()
def CenterCrop(size: ImageSize) -> None:
    """The middle of the image, filled with 0 where the image is smaller."""


@transform()
def Grayscale(num_output_channels: OneOrThree = 1) -> None:
    """Gray of a color image."""


@transform()
def ChannelsBeforeTime() -> None:
    """Frames (T, C, H, W) as a video network takes them: (C, T, H, W). Not torchvision's: there it is the last step of the
    preset that comes with weights for videos."""


@transform()
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
    _padding(padding)


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
    _tensors(interpolation)


@transform()
def ToDtype(dtype: Dtype, scale: bool = False) -> None:
    """To another dtype; with scale, from and to the range of an image (uint8 0…255, float 0…1)."""


@transform()
def ToImage() -> None:
    """An image file or an array (H, W) or (H, W, C) to a tensor (C, H, W)."""


@transform()
def ToPureTensor() -> None:
    """Drops torchvision's image type: the tensor itself."""


# -- different for every sample: training only -------------------------------------------------------------------------


@transform("random")
def AugMix(
    severity: Positive = 3,
    mixture_width: Positive = 3,
    chain_depth: int = -1,
    alpha: AtLeast0 = 1.0,
    all_ops: bool = True,
    interpolation: Interpolation = "bilinear",
    fill: Fill | None = None,
) -> None:
    """Mixes chains of augmentations (https://arxiv.org/abs/1912.02781)."""
    if severity > 10:
        refuse("severity is from 1 to 10", "severity")
    _tensors(interpolation)


@transform("random")
def AutoAugment(
    policy: Literal["imagenet", "cifar10", "svhn"] = "imagenet",
    interpolation: Interpolation = "nearest",
    fill: Fill | None = None,
) -> None:
    """Learned policies of augmentations (https://arxiv.org/abs/1805.09501)."""
    _tensors(interpolation)


@transform("random")
def ColorJitter(
    brightness: NumberOrRange | None = None,
    contrast: NumberOrRange | None = None,
    saturation: NumberOrRange | None = None,
    hue: NumberOrRange | None = None,
) -> None:
    """Changes brightness, contrast, saturation and hue."""
    low, high = (-(hue or 0), hue or 0) if not isinstance(hue, tuple) else hue
    if low < -0.5 or high > 0.5:
        refuse("hue is at most 0.5", "hue")


@transform("random")
def ElasticTransform(
    alpha: NumberOrRange = 50.0,
    sigma: NumberOrRange = 5.0,
    interpolation: Interpolation = "bilinear",
    fill: Fill | None = 0,
) -> None:
    """Displaces pixels smoothly."""
    _tensors(interpolation)


@transform("random")
def GaussianBlur(kernel_size: ImageSize, sigma: NumberOrRange = (0.1, 2.0)) -> None:
    """Blurs with a sigma from the range."""
    sizes = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,)
    if any(s % 2 == 0 for s in sizes):
        refuse("kernel_size is odd", "kernel_size")
    if (sigma[0] if isinstance(sigma, tuple) else sigma) <= 0:
        refuse("sigma is above 0", "sigma")


@transform("random")
def GaussianNoise(mean: Finite = 0.0, sigma: AtLeast0 = 0.1, clip: bool = True) -> None:
    """Adds noise to a floating-point image."""


@transform("random")
def RandAugment(
    num_ops: Positive = 2,
    magnitude: NonNegative = 9,
    num_magnitude_bins: Positive = 31,
    interpolation: Interpolation = "nearest",
    fill: Fill | None = None,
) -> None:
    """A few augmentations of one strength (https://arxiv.org/abs/1909.13719)."""
    if magnitude >= num_magnitude_bins:
        refuse("magnitude is below num_magnitude_bins", "magnitude")
    _tensors(interpolation)


@transform("random")
def RandomAdjustSharpness(sharpness_factor: AtLeast0, p: Fraction = 0.5) -> None:
    """Sharpens or blurs with probability p."""


@transform("random")
def RandomAffine(
    degrees: NumberOrRange,
    translate: TwoNumbers | None = None,
    scale: TwoNumbers | None = None,
    shear: NumberOrRange | None = None,
    interpolation: Interpolation = "nearest",
    fill: Fill | None = 0,
    center: TwoNumbers | None = None,
) -> None:
    """Rotates, shifts, scales and shears."""
    if translate is not None and not all(0 <= t <= 1 for t in translate):
        refuse("translate is two parts of the width and height, from 0 to 1", "translate")
    if scale is not None and not all(s > 0 for s in scale):
        refuse("scale is two numbers above 0", "scale")
    _tensors(interpolation)


@transform("random", "combines")
def RandomApply(transforms: Transforms, p: Fraction = 0.5) -> None:
    """All of a list, with probability p."""


@transform("random")
def RandomAutocontrast(p: Fraction = 0.5) -> None:
    """Stretches the contrast with probability p."""


@transform("random")
def RandomChannelPermutation() -> None:
    """Shuffles the channels."""


@transform("random", "combines")
def RandomChoice(transforms: Transforms, p: Numbers | None = None) -> None:
    """One of a list."""
    if p is not None and len(p) != len(transforms):
        refuse(f"{len(transforms)} transforms have {len(transforms)} probabilities, not {len(p)}", "p")
    if p is not None and (min(p) < 0 or sum(p) <= 0):
        refuse("probabilities are at least 0, and one is above it", "p")


@transform("random")
def RandomCrop(
    size: ImageSize,
    padding: Padding | None = None,
    pad_if_needed: bool = False,
    fill: Fill = 0,
    padding_mode: Literal["constant", "edge", "reflect", "symmetric"] = "constant",
) -> None:
    """A part of the image, after padding it."""
    _padding(padding)


@transform("random")
def RandomEqualize(p: Fraction = 0.5) -> None:
    """Equalizes the histogram with probability p."""


@transform("random")
def RandomErasing(
    p: Fraction = 0.5, scale: TwoNumbers = (0.02, 0.33), ratio: TwoNumbers = (0.3, 3.3), value: Fill = 0.0
) -> None:
    """Erases a rectangle with probability p."""
    if not 0 <= scale[0] <= scale[1] <= 1:
        refuse("scale is [least, most], from 0 to 1", "scale")
    _ratio(ratio)


@transform("random")
def RandomGrayscale(p: Fraction = 0.1) -> None:
    """Gray with probability p."""


@transform("random")
def RandomHorizontalFlip(p: Fraction = 0.5) -> None:
    """Left and right exchanged with probability p."""


@transform("random")
def RandomInvert(p: Fraction = 0.5) -> None:
    """Inverts the colors with probability p."""


@transform("random", "combines")
def RandomOrder(transforms: Transforms) -> None:
    """All of a list, in any order."""


@transform("random")
def RandomPerspective(
    distortion_scale: Fraction = 0.5,
    p: Fraction = 0.5,
    interpolation: Interpolation = "bilinear",
    fill: Fill | None = 0,
) -> None:
    """Changes the perspective with probability p."""
    _tensors(interpolation)


@transform("random")
def RandomPhotometricDistort(
    brightness: TwoNumbers = (0.875, 1.125),
    contrast: TwoNumbers = (0.5, 1.5),
    saturation: TwoNumbers = (0.5, 1.5),
    hue: TwoNumbers = (-0.05, 0.05),
    p: Fraction = 0.5,
) -> None:
    """Distorts the colors, as SSD does (https://arxiv.org/abs/1512.02325)."""


@transform("random")
def RandomPosterize(bits: NonNegative, p: Fraction = 0.5) -> None:
    """Keeps so many bits per channel, with probability p."""
    if bits > 8:
        refuse("bits is from 0 to 8", "bits")


@transform("random")
def RandomResizedCrop(
    size: ImageSize,
    scale: TwoNumbers = (0.08, 1.0),
    ratio: TwoNumbers = (3 / 4, 4 / 3),
    interpolation: Interpolation = "bilinear",
    antialias: bool | None = True,
) -> None:
    """A part of the image, resized."""
    if not 0 < scale[0] <= scale[1]:
        refuse("scale is [least, most], above 0", "scale")
    _ratio(ratio)
    _tensors(interpolation)


@transform("random")
def RandomRotation(
    degrees: NumberOrRange,
    interpolation: Interpolation = "nearest",
    expand: bool = False,
    center: TwoNumbers | None = None,
    fill: Fill | None = 0,
) -> None:
    """Rotates by an angle from the range (a number d stands for -d … d)."""
    _tensors(interpolation)


@transform("random")
def RandomSolarize(threshold: AtLeast0, p: Fraction = 0.5) -> None:
    """Inverts what is above the threshold, with probability p."""


@transform("random")
def RandomVerticalFlip(p: Fraction = 0.5) -> None:
    """Top and bottom exchanged with probability p."""


@transform("random")
def TrivialAugmentWide(
    num_magnitude_bins: Positive = 31, interpolation: Interpolation = "nearest", fill: Fill | None = None
) -> None:
    """One random augmentation of random strength (https://arxiv.org/abs/2103.10158)."""
    _tensors(interpolation)


def _tensors(interpolation: Interpolation) -> None:
    if interpolation in ("box", "hamming"):
        refuse(f'"{interpolation}" works on image files only, not on tensors', "interpolation")


def _padding(padding: Padding | None) -> None:
    if isinstance(padding, tuple) and len(padding) == 3:
        refuse("padding is 1, 2 or 4 numbers", "padding")


def _ratio(ratio: TwoNumbers) -> None:
    if not 0 < ratio[0] <= ratio[1]:
        refuse("ratio is [least, most], above 0", "ratio")


TRANSFORMS = Vocabulary(
    "transform",
    AugMix, AutoAugment, CenterCrop, ChannelsBeforeTime, ColorJitter, ElasticTransform, GaussianBlur, GaussianNoise, Grayscale,
    Identity, Normalize, Pad, RGB, RandAugment, RandomAdjustSharpness, RandomAffine, RandomApply, RandomAutocontrast,
    RandomChannelPermutation, RandomChoice, RandomCrop, RandomEqualize, RandomErasing, RandomGrayscale,
    RandomHorizontalFlip, RandomInvert, RandomOrder, RandomPerspective, RandomPhotometricDistort, RandomPosterize,
    RandomResizedCrop, RandomRotation, RandomSolarize, RandomVerticalFlip, Resize, ToDtype, ToImage, ToPureTensor,
    TrivialAugmentWide, *TEXT,
)  # fmt: skip
