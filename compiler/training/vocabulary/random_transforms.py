"""torchvision.transforms.v2: transforms that differ from sample to sample (trait `random`), for training only. In a list for
several fields all get the same draw; those with the trait `alone` cannot do that, and those with `cuts` leave every number as it
is."""

from __future__ import annotations

from typing import Literal

from nnc.compiler.training.vocabulary.kinds import (
    AtLeast0,
    Fill,
    Finite,
    Fraction,
    ImageSize,
    Interpolation,
    NonNegative,
    NumberOrRange,
    Numbers,
    OneFill,
    Padding,
    Positive,
    Quality,
    Sizes,
    Transforms,
    TwoNumbers,
    TwoSizes,
)
from nnc.compiler.training.vocabulary.registry import CallDef, refuse
from nnc.compiler.training.vocabulary.transform_rules import check_padding, check_ratio, for_tensors, transform

__all__ = ["RANDOM"]


@transform("random", "alone")
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
    for_tensors(interpolation)


@transform("random", "alone")
def AutoAugment(
    policy: Literal["imagenet", "cifar10", "svhn"] = "imagenet",
    interpolation: Interpolation = "nearest",
    fill: Fill | None = None,
) -> None:
    """Learned policies of augmentations (https://arxiv.org/abs/1805.09501)."""
    for_tensors(interpolation)


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
    for_tensors(interpolation)


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
def JPEG(quality: Quality) -> None:
    """Compresses as JPEG does, with a quality from the range; takes uint8."""
    if isinstance(quality, tuple) and quality[0] > quality[1]:
        refuse("quality is [least, most]", "quality")


@transform("random", "alone")
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
    for_tensors(interpolation)


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
    for_tensors(interpolation)


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


@transform("random", "cuts")
def RandomCrop(
    size: ImageSize,
    padding: Padding | None = None,
    pad_if_needed: bool = False,
    fill: Fill = 0,
    padding_mode: Literal["constant", "edge", "reflect", "symmetric"] = "constant",
) -> None:
    """A part of the image, after padding it."""
    check_padding(padding)


@transform("random")
def RandomEqualize(p: Fraction = 0.5) -> None:
    """Equalizes the histogram with probability p."""


@transform("random")
def RandomErasing(
    p: Fraction = 0.5, scale: TwoNumbers = (0.02, 0.33), ratio: TwoNumbers = (0.3, 3.3), value: OneFill = 0.0
) -> None:
    """Erases a rectangle with probability p."""
    if not 0 <= scale[0] <= scale[1] <= 1:
        refuse("scale is [least, most], from 0 to 1", "scale")
    check_ratio(ratio)


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
    for_tensors(interpolation)


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
def RandomResize(
    min_size: Positive, max_size: Positive, interpolation: Interpolation = "bilinear", antialias: bool | None = True
) -> None:
    """The shorter edge to a size from the range, max_size excluded."""
    if min_size >= max_size:
        refuse("min_size is below max_size", "max_size")
    for_tensors(interpolation)


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
    check_ratio(ratio)
    for_tensors(interpolation)


@transform("random")
def RandomRotation(
    degrees: NumberOrRange,
    interpolation: Interpolation = "nearest",
    expand: bool = False,
    center: TwoNumbers | None = None,
    fill: Fill | None = 0,
) -> None:
    """Rotates by an angle from the range (a number d stands for -d … d)."""
    for_tensors(interpolation)


@transform("random")
def RandomShortestSize(
    min_size: Sizes,
    max_size: Positive | None = None,
    interpolation: Interpolation = "bilinear",
    antialias: bool | None = True,
) -> None:
    """The shorter edge to one of the sizes, the longer one to at most max_size."""
    for_tensors(interpolation)


@transform("random")
def RandomSolarize(threshold: AtLeast0, p: Fraction = 0.5) -> None:
    """Inverts what is above the threshold, with probability p."""


@transform("random")
def RandomVerticalFlip(p: Fraction = 0.5) -> None:
    """Top and bottom exchanged with probability p."""


@transform("random")
def RandomZoomOut(fill: Fill | None = 0, side_range: TwoNumbers = (1.0, 4.0), p: Fraction = 0.5) -> None:
    """Pads to a canvas larger by a factor from the range, with probability p."""
    if not 1 <= side_range[0] <= side_range[1]:
        refuse("side_range is [least, most], from 1 on", "side_range")


@transform("random")
def ScaleJitter(
    target_size: TwoSizes,
    scale_range: TwoNumbers = (0.1, 2.0),
    interpolation: Interpolation = "bilinear",
    antialias: bool | None = True,
) -> None:
    """Resizes to fit `[height, width]`, times a factor from the range."""
    if not 0 < scale_range[0] <= scale_range[1]:
        refuse("scale_range is [least, most], above 0", "scale_range")
    for_tensors(interpolation)


@transform("random", "alone")
def TrivialAugmentWide(
    num_magnitude_bins: Positive = 31, interpolation: Interpolation = "nearest", fill: Fill | None = None
) -> None:
    """One random augmentation of random strength (https://arxiv.org/abs/2103.10158)."""
    for_tensors(interpolation)


RANDOM: tuple[CallDef, ...] = (
    AugMix,
    AutoAugment,
    ColorJitter,
    ElasticTransform,
    GaussianBlur,
    GaussianNoise,
    JPEG,
    RandAugment,
    RandomAdjustSharpness,
    RandomAffine,
    RandomApply,
    RandomAutocontrast,
    RandomChannelPermutation,
    RandomChoice,
    RandomCrop,
    RandomEqualize,
    RandomErasing,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomInvert,
    RandomOrder,
    RandomPerspective,
    RandomPhotometricDistort,
    RandomPosterize,
    RandomResize,
    RandomResizedCrop,
    RandomRotation,
    RandomShortestSize,
    RandomSolarize,
    RandomVerticalFlip,
    RandomZoomOut,
    ScaleJitter,
    TrivialAugmentWide,
)
