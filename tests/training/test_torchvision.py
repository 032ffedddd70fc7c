"""Every public name of torchvision.datasets and torchvision.transforms.v2 either works or is answered with a reason; fields and
joint transforms are what the datasets hold."""

from __future__ import annotations

import textwrap

import pytest
import torchvision
from torchvision.transforms import v2

from nnc.compiler.diagnostics import Problems
from nnc.compiler.source import read_text
from nnc.compiler.training.config import DataConfig
from nnc.compiler.training.read.data import read_data
from nnc.compiler.training.vocabulary import INSTEAD, VOCABULARY
from nnc.compiler.training.vocabulary.not_datasets import NOT_DATASETS

ENUMERATIONS = {"AutoAugmentPolicy", "InterpolationMode"}  # written as the texts of their members


def data(text: str) -> tuple[DataConfig | None, list[str]]:
    """A `data:` section and its faults."""
    problems = Problems()
    tree = read_text(textwrap.dedent(text), "spec.yaml", problems)
    assert tree is not None
    config = read_data(tree, problems)
    return config, [f"[{d.code}] {d.message} {d.fix.title if d.fix else ''}" for d in problems]


def test_every_dataset_works_or_is_answered() -> None:
    public = set(torchvision.datasets.__all__)
    offered = {n for n, d in VOCABULARY["dataset"].items() if d.parts is not None}
    assert offered | NOT_DATASETS.keys() == public
    assert not offered & NOT_DATASETS.keys()


def test_every_transform_works_or_is_answered() -> None:
    public = {n for n, c in vars(v2).items() if isinstance(c, type)}
    theirs = VOCABULARY["transform"].keys() & public
    assert theirs | INSTEAD.keys() | ENUMERATIONS == public
    assert not theirs & INSTEAD.keys()


@pytest.mark.parametrize("name", ["LSUN", "CocoDetection", "Kinetics", "VisionDataset"])
def test_what_is_not_a_dataset_says_why(name: str) -> None:
    _, faults = data(f"train: {name}(root='x')")
    assert len(faults) == 1
    assert faults[0].startswith(f"[NNC0801] `{name}` is no dataset of a spec: ")


def test_one_fault_is_one_error() -> None:
    """Which fields an unknown dataset has is not known: nothing is said of these."""
    _, faults = data(
        "train: VOCSegmentatoin('d')\ntransforms:\n  image, mask: [CenterCrop(4)]\n  truth: [CenterCrop(4)]"
    )
    assert len(faults) == 1
    assert "did you mean `VOCSegmentation`" in faults[0]


@pytest.mark.parametrize("name", ["TenCrop", "RandomIoUCrop", "CutMix", "ToPILImage"])
def test_what_is_not_a_transform_says_why(name: str) -> None:
    _, faults = data(f"train: FakeData\ntransforms: {{image: {{train: [{name}], eval: []}}}}")
    assert len(faults) == 1
    assert "is not among a field's transforms" in faults[0]


@pytest.mark.parametrize(
    ("call", "fields"),
    [
        ("MNIST('d')", {"image": "image", "label": "label"}),
        ("VOCSegmentation('d')", {"image": "image", "mask": "mask"}),
        ("SBDataset('d')", {"image": "image", "boundaries": "values"}),
        ("OxfordIIITPet('d', target_types=['category', 'segmentation'])",
         {"image": "image", "label": "label", "mask": "mask"}),
        ("CelebA('d', target_type=['attr', 'bbox'])", {"image": "image", "attributes": "values", "bbox": "values"}),
        ("Cityscapes('d', target_type='semantic')", {"image": "image", "mask": "mask"}),
        ("KittiFlow('d')", {"image1": "image", "image2": "image", "flow": "flow", "valid": "mask"}),
        ("KittiFlow('d', split='test')", {"image1": "image", "image2": "image"}),
        ("CarlaStereo('d')", {"left": "image", "right": "image", "disparity": "disparity"}),
        ("MovingMNIST('d')", {"frames": "frames"}),
        ("PhotoTour('d', name='liberty')", {"image": "image"}),
    ],
)  # fmt: skip
def test_fields_are_by_default_what_the_dataset_holds(call: str, fields: dict[str, str]) -> None:
    config, faults = data(f'train: "{call}"')
    assert faults == []
    assert config is not None
    assert config.fields == tuple(fields)
    assert config.kinds == fields


def test_fields_have_names_of_ones_own() -> None:
    config, faults = data("train: VOCSegmentation('d')\nfields: [photo, truth]")
    assert faults == []
    assert config is not None
    assert config.kinds == {"photo": "image", "truth": "mask"}
    config, faults = data("train: Npz('d')\nfields: {photo: image, truth: mask}")
    assert faults == []
    assert config is not None
    assert (config.fields, config.kinds) == (("photo", "truth"), {"photo": "image", "truth": "mask"})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("train: VOCSegmentation('d')\nfields: [image]", "[NNC0810] VOCSegmentation has 2 fields, such as [image, mask]"),
        ("train: Npz('d')\nfields: {photo: imgae}", "[NNC0804] a field is one of image, mask, .* did you mean `image`"),
        ("train: QMNIST('d', compat=False)", "[NNC0811] QMNIST: compat: false gives eight numbers"),
        ("train: SEMEION('/etc')", "[NNC0817] a download may only write below the folder of the spec"),
        ("train: DatasetFolder('d')", "[NNC0811] DatasetFolder: extensions says which files are samples"),
        ("train: DatasetFolder('d', extensions=['.pkl'])", "[NNC0811] DatasetFolder: extensions are among .bmp"),
        ("train: DatasetFolder('d', loader=1)", "[NNC0809] `loader` of DatasetFolder cannot be given"),
        ("train: VOCSegmentation('d', image_set='test')", "[NNC0811] VOCSegmentation: only 2007 has a test set"),
        ("train: CelebA('d', target_type=['attr', 'attr'])", "[NNC0811] CelebA: a target is named twice"),
        ("train: INaturalist('d', '2019', 'genus')", "[NNC0811] INaturalist: version 2019 has full, super"),
    ],
)  # fmt: skip
def test_faults_of_datasets(text: str, fault: str) -> None:
    _, faults = data(text)
    assert len(faults) == 1
    expected, _, offer = fault.partition(".*")
    assert faults[0].startswith(expected)
    assert offer in faults[0]


JOINT = "train: VOCSegmentation('d')\ntransforms:\n  image, mask:\n    train:\n      - %s\n    eval: []"


def test_a_joint_list_is_a_stage() -> None:
    config, faults = data(
        """
        train: VOCSegmentation('d')
        transforms:
          image, mask:
            train: [RandomHorizontalFlip]
            eval: [CenterCrop(4)]
          image: [RGB]
        """
    )
    assert faults == []
    assert config is not None
    assert [s.fields for s in config.stages] == [("image", "mask"), ("image",)]
    assert [c.name for c in config.transforms["image"].train] == ["RandomHorizontalFlip", "RGB"]
    assert [c.name for c in config.transforms["mask"].eval] == ["CenterCrop"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (JOINT % "RandAugment", "[NNC0811] RandAugment moves the pixels of one image, and no mask with it"),
        (JOINT % "RandomApply([RandomInvert, AugMix])", "[NNC0811] AugMix moves the pixels of one image"),
        (JOINT.replace("image, mask:", "image, maks:") % "RandomInvert",
         "[NNC0810] there is no field `maks` did you mean `mask`"),
        (JOINT.replace("image, mask:", "image, image:") % "RandomInvert", "[NNC0805] a field is named twice"),
        (JOINT.replace("VOCSegmentation", "FakeData").replace("'d'", "").replace("mask", "label") % "RandomInvert",
         "[NNC0810] `label` is a label, which no transform moves"),
        (JOINT.replace("VOCSegmentation('d')", "Npz('d')\nfields: [image, truth]").replace("mask", "truth") % "RandomInvert",
         "[NNC0810] what `truth` holds is not known, and a list for several fields must know it say it: `fields: {truth: mask}`"),
        (JOINT.replace("VOCSegmentation", "FlyingChairs").replace("image, mask", "image1, image2, flow")
         % "RandomHorizontalFlip",
         "[NNC0811] RandomHorizontalFlip would move the pixels of `flow`, whose numbers say where pixels are"),
        (JOINT.replace("eval: []", "eval: [RandomInvert]") % "RandomInvert", "[NNC0812] RandomInvert is random"),
        (JOINT % "{type: RandomCrop, size: 4, fill: {image: 0, masks: 255}}", "[NNC0804] `fill` must be a number"),
    ],
)  # fmt: skip
def test_faults_of_joint_transforms(text: str, fault: str) -> None:
    _, faults = data(text)
    assert len(faults) == 1, faults
    assert faults[0].startswith(fault)


def test_what_a_flow_can_take() -> None:
    flow = JOINT.replace("VOCSegmentation", "FlyingChairs").replace("image, mask", "image1, image2, flow")
    assert data(flow % "RandomCrop(8)")[1] == []


def test_a_loss_block_takes_masks_as_they_are() -> None:
    """Nothing is assumed of their shape: only class numbers are one for each sample."""
    from nnc.compiler.driver import compile_text

    text = """
nnc: 1
inputs: {image: [B, 3, H, W]}
layers: {score: "Conv2d(21, 1)"}
data: {train: VOCSegmentation("d")}
train:
  loss:
    layers:
      ce: {type: CrossEntropyLoss, from: [output, mask]}
      twice: ce * 2
  optimizer: SGD
  epochs: 1
"""
    assert [str(p) for p in compile_text(text).problems] == []
    wrong = text.replace("VOCSegmentation", "FakeData").replace('("d")', "").replace("mask", "label")
    assert [p.code for p in compile_text(wrong).problems], "class numbers (B,) do not go with scores (B, 21, H, W)"
