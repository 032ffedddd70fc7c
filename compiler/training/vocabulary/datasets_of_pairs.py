"""torchvision's datasets of images with masks, of several images, of frames, optical flow and depth, under their own names and
arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from nnc.compiler.training.vocabulary.dataset_parts import dataset, parts_of_targets
from nnc.compiler.training.vocabulary.kinds import Positive
from nnc.compiler.training.vocabulary.registry import CallDef, Parts, refuse

__all__ = ["PAIRS"]

SEGMENTATION = {"image": "image", "mask": "mask"}
STREET = {"instance": ("instances", "mask"), "semantic": ("mask", "mask"), "color": ("color", "image")}
TWO = {"image1": "image", "image2": "image"}
STEREO = {"left": "image", "right": "image"}


def _unless_test(images: Mapping[str, str], rest: Mapping[str, str]) -> Parts:
    """The test split has the images alone."""

    def parts(arguments: Mapping[str, Any]) -> Mapping[str, str]:
        return {**images} if arguments["split"] == "test" else {**images, **rest}

    return parts


FLOW = {"flow": "flow"}
FLOW_AND_VALID = {"flow": "flow", "valid": "mask"}
DISPARITY = {"disparity": "disparity"}
DISPARITY_AND_VALID = {"disparity": "disparity", "valid": "mask"}

# -- an image and its mask ---------------------------------------------------------------------------------------------


@dataset("unpacks", parts=parts_of_targets("target_type", STREET))
def Cityscapes(
    root: str,
    split: Literal["train", "test", "val", "train_extra"] = "train",
    mode: Literal["fine", "coarse"] = "fine",
    target_type: Literal["instance", "semantic", "color"]
    | Sequence[Literal["instance", "semantic", "color"]] = "instance",
) -> None:
    """Streets with what each pixel shows, and which of several it belongs to."""
    known = ("train", "test", "val") if mode == "fine" else ("train", "train_extra", "val")
    if split not in known:
        refuse(f"mode {mode} has the splits {', '.join(known)}", "split")


@dataset(parts=lambda a: SEGMENTATION if a["mode"] == "segmentation" else {"image": "image", "boundaries": "values"})
def SBDataset(
    root: str,
    image_set: Literal["train", "val", "train_noval"] = "train",
    mode: Literal["boundaries", "segmentation"] = "boundaries",
    download: bool = False,
) -> None:
    """The Semantic Boundaries Dataset: masks of 20 classes, or their boundaries (20, H, W). Needs scipy."""


@dataset(parts=SEGMENTATION)
def VOCSegmentation(
    root: str,
    year: Literal["2007", "2008", "2009", "2010", "2011", "2012"] = "2012",
    image_set: Literal["train", "trainval", "val", "test"] = "train",
    download: bool = False,
) -> None:
    """Pascal VOC: masks of 20 classes and the background, 0; 255 is not to count: `CrossEntropyLoss(ignore_index=255)`."""
    if image_set == "test" and year != "2007":
        refuse("only 2007 has a test set", "image_set")


# -- several images, frames --------------------------------------------------------------------------------------------


@dataset(parts=TWO | {"label": "label"})
def LFWPairs(
    root: str,
    split: Literal["10fold", "train", "test"] = "10fold",
    image_set: Literal["original", "funneled", "deepfunneled"] = "funneled",
    *,
    download: bool = False,
) -> None:
    """Two faces, and whether they are one person's: 1, or 0."""


@dataset("memory", parts={"frames": "frames"})
def MovingMNIST(
    root: str, split: Literal["train", "test"] | None = None, split_ratio: Positive = 10, download: bool = False
) -> None:
    """Two moving digits, 20 frames of 64×64 gray: the first `split_ratio` of them with split="train", the rest with "test"."""
    if split_ratio > 19:
        refuse("split_ratio is from 1 to 19", "split_ratio")


@dataset("unpacks", parts=lambda a: {"image": "image"} if a["train"] else TWO | {"label": "label"})
def PhotoTour(
    root: str,
    name: Literal["notredame_harris", "yosemite_harris", "liberty_harris", "notredame", "yosemite", "liberty"],
    train: bool = True,
    *,
    download: bool = False,
) -> None:
    """Patches of 64×64 gray; with train=False two of them, and whether they show the same place: 1, or 0."""


# -- optical flow ------------------------------------------------------------------------------------------------------


@dataset(parts=TWO | FLOW)
def FlyingChairs(root: str, split: Literal["train", "val"] = "train") -> None:
    """Rendered chairs that fly."""


@dataset(parts=TWO | FLOW)
def FlyingThings3D(
    root: str,
    split: Literal["train", "test"] = "train",
    pass_name: Literal["clean", "final", "both"] = "clean",
    camera: Literal["left", "right", "both"] = "left",
) -> None:
    """Rendered things that fly."""


@dataset(parts=_unless_test(TWO, FLOW_AND_VALID))
def HD1K(root: str, split: Literal["train", "test"] = "train") -> None:
    """Flow of street scenes, and where it is known."""


@dataset(parts=_unless_test(TWO, FLOW_AND_VALID))
def KittiFlow(root: str, split: Literal["train", "test"] = "train") -> None:
    """Flow of street scenes, and where it is known."""


@dataset(parts=_unless_test(TWO, FLOW))
def Sintel(
    root: str, split: Literal["train", "test"] = "train", pass_name: Literal["clean", "final", "both"] = "clean"
) -> None:
    """Flow of a rendered film."""


# -- two cameras -------------------------------------------------------------------------------------------------------


@dataset(parts=STEREO | DISPARITY)
def CarlaStereo(root: str) -> None:
    """Streets of a simulator."""


@dataset(parts=STEREO | DISPARITY)
def CREStereo(root: str) -> None:
    """Rendered scenes."""


@dataset(parts=_unless_test(STEREO, DISPARITY_AND_VALID))
def ETH3DStereo(root: str, split: Literal["train", "test"] = "train") -> None:
    """Two views, gray."""


@dataset(parts=STEREO | DISPARITY)
def FallingThingsStereo(root: str, variant: Literal["single", "mixed", "both"] = "single") -> None:
    """Rendered household things."""


@dataset(parts=STEREO | DISPARITY)
def InStereo2k(root: str, split: Literal["train", "test"] = "train") -> None:
    """Indoor scenes."""


@dataset(parts=_unless_test(STEREO, DISPARITY))
def Kitti2012Stereo(root: str, split: Literal["train", "test"] = "train") -> None:
    """Streets; where the disparity is 0 it is not known."""


@dataset(parts=_unless_test(STEREO, DISPARITY))
def Kitti2015Stereo(root: str, split: Literal["train", "test"] = "train") -> None:
    """Streets; where the disparity is 0 it is not known."""


@dataset(
    parts=_unless_test(STEREO, DISPARITY_AND_VALID),
    omitted={"use_ambient_views": "views are drawn anew each time one is read"},
)
def Middlebury2014Stereo(
    root: str,
    split: Literal["train", "test", "additional"] = "train",
    calibration: Literal["perfect", "imperfect", "both"] | None = "perfect",
    *,
    download: bool = False,
) -> None:
    """Indoor scenes at high resolution."""
    if split == "test" and calibration is not None:
        refuse("the test split has no calibrations: `calibration: null`", "calibration")
    if split != "test" and calibration is None:
        refuse(f"the {split} split has calibrations: perfect, imperfect or both", "calibration")


@dataset(parts=STEREO | DISPARITY)
def SceneFlowStereo(
    root: str,
    variant: Literal["FlyingThings3D", "Driving", "Monkaa"] = "FlyingThings3D",
    pass_name: Literal["clean", "final", "both"] = "clean",
) -> None:
    """Rendered scenes."""


@dataset(parts=STEREO | DISPARITY_AND_VALID)
def SintelStereo(root: str, pass_name: Literal["final", "clean", "both"] = "final") -> None:
    """A rendered film, and where the disparity is known."""


PAIRS: tuple[CallDef, ...] = (
    CREStereo, CarlaStereo, Cityscapes, ETH3DStereo, FallingThingsStereo, FlyingChairs, FlyingThings3D, HD1K, InStereo2k,
    Kitti2012Stereo, Kitti2015Stereo, KittiFlow, LFWPairs, Middlebury2014Stereo, MovingMNIST, PhotoTour, SBDataset,
    SceneFlowStereo, Sintel, SintelStereo, VOCSegmentation,
)  # fmt: skip
