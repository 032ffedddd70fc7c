"""A dataset by its name: columns of arrays in memory, or samples that are read when they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from nnc.compiler.training.config import BoundCall
from nnc.compiler.training.registry import Vocabulary
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.data.npz import read_npz, read_safetensors
from nnc.runtime.data.tables import Categories, ImageTable, read_table
from nnc.runtime.data.transforms import image_batch
from nnc.runtime.failure import Failure, reason_of

__all__ = ["Columns", "Samples", "open_dataset"]


@dataclass(frozen=True)
class Columns:
    """A dataset in memory: by field, tensors whose first axis counts the samples. torchvision's images are (N, C, H,
    W); `arrays` are laid out as their owner chose."""

    fields: Mapping[str, torch.Tensor]
    classes: tuple[str, ...] | None
    arrays: bool = False
    categories: Categories = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))


class Readable(Protocol):
    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


@dataclass(frozen=True)
class Samples:
    """A dataset whose items, tuples in the order of `fields`, are read one by one."""

    dataset: Readable
    fields: tuple[str, ...]
    classes: tuple[str, ...] | None
    categories: Categories = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """One sample as tensors: images (C, H, W), class numbers int64."""
        return {f: _tensor(v) for f, v in zip(self.fields, self.dataset[index], strict=True)}

    def targets(self) -> torch.Tensor | None:
        """Class numbers of all samples (N,), where the dataset knows them without reading any."""
        for attribute in ("targets", "_labels"):
            known = getattr(self.dataset, attribute, None)
            if isinstance(known, list | tuple) and len(known) == len(self) and all(isinstance(k, int) for k in known):
                return torch.tensor(known)
        return None

    def name(self, index: int) -> str:
        """What to call a sample in a message: its file where it has one."""
        files = getattr(self.dataset, "samples", None) or getattr(self.dataset, "imgs", None)
        if isinstance(files, list) and index < len(files) and isinstance(files[index], tuple):
            return str(files[index][0])
        return f"sample {index}"


def open_dataset(
    call: BoundCall,
    fields: tuple[str, ...],
    base: Path,
    *,
    download: bool = True,
    categories: Categories | None = None,
    vocabulary: Vocabulary = VOCABULARY["dataset"],
) -> Columns | Samples:
    """Opens the dataset that a spec names; its paths are relative to `base`. `categories` are the classes of texts in the
    training data, where they are known. Raises `Failure`."""
    found = vocabulary[call.name]
    given = {k: v for k, v in call.arguments.items() if download or k != "download"}
    arguments = {k: _path(k, v, base) for k, v in given.items()}
    if "arrays" in found.traits:
        return _arrays(call, fields, Path(arguments["file"]))
    if "table" in found.traits:
        table = read_table(call, fields, base, categories or {})
        classes = table.categories.get(fields[-1])
        if table.images:
            return Samples(ImageTable(table, fields), fields, classes, table.categories)
        return Columns({f: table.columns[f] for f in fields}, classes, True, table.categories)
    dataset = _torchvision(call, arguments)
    classes = getattr(dataset, "classes", None)
    names = tuple(map(str, classes)) if isinstance(classes, list | tuple) else None
    if "memory" not in found.traits:
        return Samples(dataset, fields, names)
    images, labels = torch.as_tensor(np.asarray(dataset.data)), torch.as_tensor(np.asarray(dataset.targets))
    tensors = (image_batch(images), labels.to(torch.int64))
    return Columns(dict(zip(fields, tensors, strict=True)), names)


def _tensor(value: Any) -> torch.Tensor:
    if isinstance(value, int | float | torch.Tensor):
        return torch.as_tensor(value)
    return image_batch(torch.as_tensor(np.array(value))[None])[0]


def _path(argument: str, value: Any, base: Path) -> Any:
    return str(base / value) if argument in ("root", "file") else value


def _arrays(call: BoundCall, fields: tuple[str, ...], path: Path) -> Columns:
    names: tuple[str, ...] = call.arguments.get("arrays") or fields
    arrays = read_npz(path, names) if call.name == "Npz" else read_safetensors(path, names)
    columns = {field: _column(arrays[name]) for field, name in zip(fields, names, strict=True)}
    lengths = {name: len(arrays[name]) if arrays[name].ndim else 0 for name in names}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        listed = ", ".join(f"{n} has {length}" for n, length in lengths.items())
        raise Failure("NNC0814", path, f"the arrays do not hold the same number of samples: {listed}")
    return Columns(columns, None, arrays=True)


def _column(array: torch.Tensor) -> torch.Tensor:
    """Whole numbers, one per sample, are int64, as `DataLoader` makes them of Python's."""
    integers = (torch.uint8, torch.int8, torch.int16, torch.int32)
    return array.to(torch.int64) if array.ndim == 1 and array.dtype in integers else array


def _torchvision(call: BoundCall, arguments: dict[str, Any]) -> Any:
    """The dataset of that name, which the vocabulary has allowed. MNIST's old `processed/*.pt` are read by torch with
    weights_only, CIFAR's pickles only after torchvision has compared their digests with those it knows."""
    import torchvision

    cls = getattr(torchvision.datasets, call.name)
    try:
        dataset = cls(**arguments)
    except Exception as error:
        fix = _download_note(call, error)
        raise Failure("NNC0814", call.span, f"{call.name} cannot be opened: {reason_of(error)}", notes=fix) from error
    if len(dataset) == 0:
        raise Failure("NNC0814", call.span, f"{call.name} is empty")
    return dataset


def _download_note(call: BoundCall, error: Exception) -> tuple[str, ...]:
    if "download=True" in str(error) and not call.arguments.get("download"):
        return ("add download=True to fetch it",)
    return ()
