"""torchvision's datasets of images and their classes, under their own names and arguments.

Those with the trait `memory` are arrays and stay in memory, the others are read as needed. Those with the trait `unpacks` write
into their folder even without a download.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from nnc.compiler.training.vocabulary.dataset_parts import DEFAULT_PARTS, dataset, parts_of_targets
from nnc.compiler.training.vocabulary.kinds import Fields, NonNegative, Positive, ThreePositive
from nnc.compiler.training.vocabulary.registry import CallDef, refuse

__all__ = ["CLASSIFICATION"]

_RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "super")
_PETS = {"category": ("label", "label"), "binary-category": ("binary_label", "label"), "segmentation": ("mask", "mask")}
_CELEBRITIES = {
    "attr": ("attributes", "values"),
    "identity": ("identity", "label"),
    "bbox": ("bbox", "values"),
    "landmarks": ("landmarks", "values"),
}
FILES = (".bmp", ".gif", ".jpeg", ".jpg", ".npy", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
_SPECIES = {"full": ("label", "label")} | {rank: (rank, "label") for rank in _RANKS}


# -- torchvision, in memory --------------------------------------------------------------------------------------------


@dataset("memory", parts=DEFAULT_PARTS)
def MNIST(root: str, train: bool = True, *, download: bool = False) -> None:
    """Handwritten digits, 28×28 gray: 60,000 and 10,000."""


@dataset("memory", parts=DEFAULT_PARTS)
def FashionMNIST(root: str, train: bool = True, *, download: bool = False) -> None:
    """Clothing, 28×28 gray: 60,000 and 10,000."""


@dataset("memory", parts=DEFAULT_PARTS)
def KMNIST(root: str, train: bool = True, *, download: bool = False) -> None:
    """Cursive Japanese characters, 28×28 gray: 60,000 and 10,000."""


@dataset("memory", parts=DEFAULT_PARTS)
def EMNIST(
    root: str,
    split: Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"],
    *,
    train: bool = True,
    download: bool = False,
) -> None:
    """Handwritten letters and digits, 28×28 gray."""


@dataset("memory", parts=DEFAULT_PARTS)
def USPS(root: str, train: bool = True, *, download: bool = False) -> None:
    """Handwritten digits, 16×16 gray: 7,291 and 2,007."""


@dataset("memory", parts=DEFAULT_PARTS)
def CIFAR10(root: str, train: bool = True, *, download: bool = False) -> None:
    """Ten classes of objects, 32×32 color: 50,000 and 10,000."""


@dataset("memory", parts=DEFAULT_PARTS)
def CIFAR100(root: str, train: bool = True, *, download: bool = False) -> None:
    """A hundred classes of objects, 32×32 color: 50,000 and 10,000."""


@dataset("memory", parts=DEFAULT_PARTS)
def QMNIST(
    root: str,
    what: Literal["train", "test", "test10k", "test50k", "nist"] | None = None,
    compat: bool = True,
    train: bool = True,
    *,
    download: bool = False,
) -> None:
    """MNIST with all of its test digits, 28×28 gray: 60,000 and 60,000."""
    if not compat:
        refuse("compat: false gives eight numbers of provenance in place of a class", "compat")


@dataset("memory", parts=DEFAULT_PARTS)
def SEMEION(root: str, *, download: bool = True) -> None:
    """Handwritten digits, 16×16 black and white: 1,593."""


@dataset("memory", parts=DEFAULT_PARTS)
def STL10(
    root: str,
    split: Literal["train", "test", "unlabeled", "train+unlabeled"] = "train",
    folds: NonNegative | None = None,
    *,
    download: bool = False,
) -> None:
    """Ten classes of objects, 96×96 color: 5,000 and 8,000; those without a class have -1."""
    if folds is not None and folds > 9:
        refuse("folds is from 0 to 9", "folds")


@dataset("memory", parts=DEFAULT_PARTS)
def SVHN(root: str, split: Literal["train", "test", "extra"] = "train", *, download: bool = False) -> None:
    """House numbers, 32×32 color: 73,257 and 26,032. Needs scipy."""


# -- torchvision, read as needed ---------------------------------------------------------------------------------------


@dataset(parts=DEFAULT_PARTS)
def ImageFolder(root: str, *, allow_empty: bool = False) -> None:
    """Image files in one folder per class: `root/cat/1.png`. The classes are numbered in alphabetical order."""


@dataset(parts=DEFAULT_PARTS)
def FakeData(
    size: Positive = 1000,
    image_size: ThreePositive = (3, 224, 224),
    num_classes: Positive = 10,
    *,
    random_offset: NonNegative = 0,
) -> None:
    """Random images with random labels, for trying things out."""


@dataset(parts=DEFAULT_PARTS)
def DatasetFolder(root: str, *, extensions: Fields | None = None, allow_empty: bool = False) -> None:
    """Files of the named kinds in one folder per class: `DatasetFolder("spectra", extensions=[".npy"])`. Arrays are taken as
    they are, image files as images."""
    if extensions is None:
        refuse('extensions says which files are samples, such as [".npy"]')
    if not extensions or not all(e.lower() in FILES for e in extensions):
        refuse(f"extensions are among {', '.join(FILES)}", "extensions")


@dataset("unpacks", parts=DEFAULT_PARTS)
def ImageNet(root: str, split: Literal["train", "val"] = "train", *, allow_empty: bool = False) -> None:
    """A thousand classes of objects. `root` holds ILSVRC's archives, or what torchvision made of them. Needs scipy at first."""


@dataset(parts=DEFAULT_PARTS)
def Caltech101(root: str, target_type: Literal["category"] = "category", *, download: bool = False) -> None:
    """101 classes of objects."""


@dataset(parts=DEFAULT_PARTS)
def Caltech256(root: str, *, download: bool = False) -> None:
    """257 classes of objects."""


@dataset(parts=parts_of_targets("target_type", _CELEBRITIES))
def CelebA(
    root: str,
    split: Literal["train", "valid", "test", "all"] = "train",
    target_type: Literal["attr", "identity", "bbox", "landmarks"]
    | Sequence[Literal["attr", "identity", "bbox", "landmarks"]] = "attr",
    *,
    download: bool = False,
) -> None:
    """Faces of the famous: 40 attributes that are 0 or 1, who it is, a box [x, y, width, height], five landmarks."""
    _targets(target_type, "target_type")


@dataset(parts=DEFAULT_PARTS)
def CLEVRClassification(root: str, split: Literal["train", "val", "test"] = "train", *, download: bool = False) -> None:
    """Rendered scenes by the number of their objects. The test split has no classes."""
    if split == "test":
        refuse("the test split has no classes", "split")


@dataset(parts=DEFAULT_PARTS)
def Country211(root: str, split: Literal["train", "valid", "test"] = "train", *, download: bool = False) -> None:
    """Photographs from 211 countries."""


@dataset(parts=DEFAULT_PARTS)
def DTD(
    root: str, split: Literal["train", "val", "test"] = "train", partition: Positive = 1, *, download: bool = False
) -> None:
    """Describable textures, 47 classes."""


@dataset(parts=DEFAULT_PARTS)
def EuroSAT(root: str, *, download: bool = False) -> None:
    """Land use from satellites, 10 classes, 64×64 color."""


@dataset(parts=DEFAULT_PARTS)
def FGVCAircraft(
    root: str,
    split: Literal["train", "val", "trainval", "test"] = "trainval",
    annotation_level: Literal["variant", "family", "manufacturer"] = "variant",
    *,
    download: bool = False,
) -> None:
    """Aircraft, 100 variants."""


@dataset(parts=DEFAULT_PARTS)
def FER2013(root: str, split: Literal["train", "test"] = "train") -> None:
    """Seven expressions of faces, 48×48 gray."""


@dataset(parts=DEFAULT_PARTS)
def Flowers102(root: str, split: Literal["train", "val", "test"] = "train", *, download: bool = False) -> None:
    """Flowers, 102 classes. Needs scipy."""


@dataset(parts=DEFAULT_PARTS)
def Food101(root: str, split: Literal["train", "test"] = "train", *, download: bool = False) -> None:
    """Dishes, 101 classes."""


@dataset(parts=DEFAULT_PARTS)
def GTSRB(root: str, split: Literal["train", "test"] = "train", *, download: bool = False) -> None:
    """German traffic signs, 43 classes."""


@dataset("unpacks", parts=parts_of_targets("target_type", _SPECIES))
def INaturalist(
    root: str,
    version: Literal["2017", "2018", "2019", "2021_train", "2021_train_mini", "2021_valid"] = "2021_train",
    target_type: Literal["full", "kingdom", "phylum", "class", "order", "family", "genus", "super"]
    | Sequence[Literal["full", "kingdom", "phylum", "class", "order", "family", "genus", "super"]] = "full",
    *,
    download: bool = False,
) -> None:
    """Species of plants and animals, 10,000 in 2021, or their kingdom … genus; before 2021 their super-category."""
    _targets(target_type, "target_type")
    chosen = {target_type} if isinstance(target_type, str) else set(target_type)
    known = {"full", *_RANKS[:-1]} if version.startswith("2021") else {"full", "super"}
    if not chosen <= known:
        refuse(f"version {version} has {', '.join(sorted(known))}", "target_type")


@dataset(parts=DEFAULT_PARTS)
def Imagenette(
    root: str,
    split: Literal["train", "val"] = "train",
    size: Literal["full", "320px", "160px"] = "full",
    download: bool = False,
) -> None:
    """Ten easy classes of ImageNet."""


@dataset(parts=DEFAULT_PARTS)
def LFWPeople(
    root: str,
    split: Literal["10fold", "train", "test"] = "10fold",
    image_set: Literal["original", "funneled", "deepfunneled"] = "funneled",
    *,
    download: bool = False,
) -> None:
    """Faces by the person's name."""


@dataset(parts=DEFAULT_PARTS)
def Omniglot(root: str, background: bool = True, *, download: bool = False) -> None:
    """Handwritten characters of 50 alphabets, 105×105 black and white."""


@dataset(parts=parts_of_targets("target_types", _PETS))
def OxfordIIITPet(
    root: str,
    split: Literal["trainval", "test"] = "trainval",
    target_types: Literal["category", "binary-category", "segmentation"]
    | Sequence[Literal["category", "binary-category", "segmentation"]] = "category",
    *,
    download: bool = False,
) -> None:
    """Cats and dogs: 37 breeds, or the two; or a mask of pet (1), background (2) and border (3)."""
    _targets(target_types, "target_types")


@dataset(parts=DEFAULT_PARTS)
def PCAM(root: str, split: Literal["train", "test", "val"] = "train", *, download: bool = False) -> None:
    """Tissue with and without a tumor, 96×96 color. Needs h5py."""


@dataset(parts=DEFAULT_PARTS)
def Places365(
    root: str,
    split: Literal["train-standard", "train-challenge", "val", "test"] = "train-standard",
    small: bool = False,
    *,
    download: bool = False,
) -> None:
    """Places, 365 classes."""
    if split == "test":
        refuse("the test split has no classes", "split")


@dataset(parts=DEFAULT_PARTS)
def RenderedSST2(root: str, split: Literal["train", "val", "test"] = "train", *, download: bool = False) -> None:
    """Sentences as pictures, positive or negative."""


@dataset(parts=DEFAULT_PARTS)
def StanfordCars(root: str, split: Literal["train", "test"] = "train", *, download: bool = False) -> None:
    """Cars, 196 models. Needs scipy."""


@dataset(parts=DEFAULT_PARTS)
def SUN397(root: str, *, download: bool = False) -> None:
    """Scenes, 397 classes."""


def _targets(written: str | Sequence[str], argument: str) -> None:
    if not isinstance(written, str) and len(set(written)) < len(written):
        refuse("a target is named twice", argument)


CLASSIFICATION: tuple[CallDef, ...] = (
    CIFAR10, CIFAR100, CLEVRClassification, Caltech101, Caltech256, CelebA, Country211, DTD, DatasetFolder, EMNIST, EuroSAT,
    FER2013, FGVCAircraft, FakeData, FashionMNIST, Flowers102, Food101, GTSRB, INaturalist, ImageFolder, ImageNet, Imagenette,
    KMNIST, LFWPeople, MNIST, Omniglot, OxfordIIITPet, PCAM, Places365, QMNIST, RenderedSST2, SEMEION, STL10, SUN397, SVHN,
    StanfordCars, USPS,
)  # fmt: skip
