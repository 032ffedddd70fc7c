"""Datasets: arrays and tables from files, and torchvision's under their own names.

Files of one's own hold anything: `arrays` stay in memory, a `table` too unless a column names image files.
"""

from __future__ import annotations

from nnc.compiler.training.vocabulary.dataset_parts import dataset
from nnc.compiler.training.vocabulary.datasets_of_classes import CLASSIFICATION
from nnc.compiler.training.vocabulary.datasets_of_pairs import PAIRS
from nnc.compiler.training.vocabulary.kinds import Columns, Fields, Letter
from nnc.compiler.training.vocabulary.registry import Vocabulary, refuse
from nnc.compiler.training.vocabulary.sequences import SEQUENCES

__all__ = ["DATASETS"]

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


DATASETS = Vocabulary("dataset", Csv, Npz, Parquet, Safetensors, *SEQUENCES, *CLASSIFICATION, *PAIRS)
