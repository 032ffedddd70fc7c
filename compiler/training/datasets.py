"""Datasets: torchvision's classification datasets under their own names, arrays and tables from files.

torchvision's all deliver an image and a class number. Those with the trait `memory` are arrays and stay in memory, the others
are read as needed. Files of one's own hold anything: `arrays` stay in memory, a `table` too unless a column names image files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from nnc.compiler.training.kinds import Columns, Fields, Letter, NonNegative, Positive, ThreePositive
from nnc.compiler.training.registry import CallDef, Vocabulary, declare, refuse
from nnc.compiler.training.sequences import SEQUENCES

__all__ = ["DATASETS"]

OMITTED = {
    "transform": "write the transforms under `transforms:`",
    "target_transform": "write the transforms under `transforms:`",
    "transforms": "write the transforms under `transforms:`",
    "loader": "it is a Python function; images are read with Pillow",
    "is_valid_file": "it is a Python function",
    "target_types": "the field is the class number",
}


def dataset(*traits: str) -> Callable[[Callable[..., None]], CallDef]:
    return declare("dataset", omitted=OMITTED, traits=traits)


# -- arrays ------------------------------------------------------------------------------------------------------------


@dataset("arrays")
def Npz(file: str, arrays: Fields | None = None) -> None:
    """Arrays of a NumPy .npz file, the first axis counting the samples. `arrays` names them in the order of `fields`;
    without it they are called as the fields: `Npz("digits.npz", ["train_images", "train_labels"])`."""


@dataset("arrays")
def Safetensors(file: str, arrays: Fields | None = None) -> None:
    """Tensors of a .safetensors file, as Npz has arrays of an .npz."""


@dataset("table")
def Csv(
    file: str,
    columns: Columns | None = None,
    *,
    names: Fields | None = None,
    images: Fields | None = None,
    root: str | None = None,
    delimiter: Letter = ",",
) -> None:
    """Columns of a text file (.gz is unpacked), called as its head line says, or `names` where it has none. `columns` says
    which one each field takes, or which ones, side by side; without it they are called as the fields. Texts are classes,
    numbered in alphabetical order of those in the training data; the fields in `images` are names of image files below
    `root` (by default the file's folder)."""
    if columns is not None and images is not None and not set(images) <= columns.keys():
        refuse("`images` names fields that have a column", "images")


@dataset("table")
def Parquet(
    file: str, columns: Columns | None = None, *, images: Fields | None = None, root: str | None = None
) -> None:
    """Columns of a Parquet file, as Csv has them; a column of equally long lists is a tensor of a row each."""
    if columns is not None and images is not None and not set(images) <= columns.keys():
        refuse("`images` names fields that have a column", "images")


# -- torchvision, in memory --------------------------------------------------------------------------------------------


@dataset("memory")
def MNIST(root: str, train: bool = True, *, download: bool = False) -> None:
    """Handwritten digits, 28×28 gray: 60,000 and 10,000."""


@dataset("memory")
def FashionMNIST(root: str, train: bool = True, *, download: bool = False) -> None:
    """Clothing, 28×28 gray: 60,000 and 10,000."""


@dataset("memory")
def KMNIST(root: str, train: bool = True, *, download: bool = False) -> None:
    """Cursive Japanese characters, 28×28 gray: 60,000 and 10,000."""


@dataset("memory")
def EMNIST(
    root: str,
    split: Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"],
    *,
    train: bool = True,
    download: bool = False,
) -> None:
    """Handwritten letters and digits, 28×28 gray."""


@dataset("memory")
def USPS(root: str, train: bool = True, *, download: bool = False) -> None:
    """Handwritten digits, 16×16 gray: 7,291 and 2,007."""


@dataset("memory")
def CIFAR10(root: str, train: bool = True, *, download: bool = False) -> None:
    """Ten classes of objects, 32×32 color: 50,000 and 10,000."""


@dataset("memory")
def CIFAR100(root: str, train: bool = True, *, download: bool = False) -> None:
    """A hundred classes of objects, 32×32 color: 50,000 and 10,000."""


# -- torchvision, read as needed ---------------------------------------------------------------------------------------


@dataset()
def ImageFolder(root: str, *, allow_empty: bool = False) -> None:
    """Image files in one folder per class: `root/cat/1.png`. The classes are numbered in alphabetical order."""


@dataset()
def FakeData(
    size: Positive = 1000,
    image_size: ThreePositive = (3, 224, 224),
    num_classes: Positive = 10,
    *,
    random_offset: NonNegative = 0,
) -> None:
    """Random images with random labels, for trying things out."""


@dataset()
def Country211(root: str, split: Literal["train", "valid", "test"] = "train", *, download: bool = False) -> None:
    """Photographs from 211 countries."""


@dataset()
def DTD(
    root: str, split: Literal["train", "val", "test"] = "train", partition: Positive = 1, *, download: bool = False
) -> None:
    """Describable textures, 47 classes."""


@dataset()
def EuroSAT(root: str, *, download: bool = False) -> None:
    """Land use from satellites, 10 classes, 64×64 color."""


@dataset()
def FGVCAircraft(
    root: str,
    split: Literal["train", "val", "trainval", "test"] = "trainval",
    annotation_level: Literal["variant", "family", "manufacturer"] = "variant",
    *,
    download: bool = False,
) -> None:
    """Aircraft, 100 variants."""


@dataset()
def Food101(root: str, split: Literal["train", "test"] = "train", *, download: bool = False) -> None:
    """Dishes, 101 classes."""


@dataset()
def GTSRB(root: str, split: Literal["train", "test"] = "train", *, download: bool = False) -> None:
    """German traffic signs, 43 classes."""


@dataset()
def Imagenette(
    root: str,
    split: Literal["train", "val"] = "train",
    size: Literal["full", "320px", "160px"] = "full",
    download: bool = False,
) -> None:
    """Ten easy classes of ImageNet."""


@dataset()
def OxfordIIITPet(root: str, split: Literal["trainval", "test"] = "trainval", *, download: bool = False) -> None:
    """Cats and dogs, 37 breeds."""


@dataset()
def RenderedSST2(root: str, split: Literal["train", "val", "test"] = "train", *, download: bool = False) -> None:
    """Sentences as pictures, positive or negative."""


DATASETS = Vocabulary(
    "dataset",
    CIFAR10, CIFAR100, Country211, Csv, DTD, EMNIST, EuroSAT, FakeData, FashionMNIST, FGVCAircraft, Food101, GTSRB,
    ImageFolder, Imagenette, KMNIST, MNIST, Npz, OxfordIIITPet, Parquet, RenderedSST2, Safetensors, USPS,
    *SEQUENCES,
)  # fmt: skip
