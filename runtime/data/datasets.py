"""A dataset by its name: columns of arrays in memory, or samples that are read when they are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from nnc.compiler.training.config import BoundCall
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.compiler.training.vocabulary.dataset_parts import DEFAULT_PARTS, parts_of
from nnc.compiler.training.vocabulary.registry import CallDef, Vocabulary
from nnc.runtime.data.broken import Broken
from nnc.runtime.data.lines import read_folder, read_lines
from nnc.runtime.data.npz import read_npz, read_safetensors
from nnc.runtime.data.ragged import Ragged
from nnc.runtime.data.tables import Categories, ImageTable, Rows, read_table
from nnc.runtime.data.tokenize import Encoder, encode
from nnc.runtime.data.transforms import image_batch
from nnc.runtime.data.vision import VisionSamples, class_names, column_tensors, open_vision, part_tensor
from nnc.runtime.data.vocabulary import Vocabulary as Tokens
from nnc.runtime.data.windows import Windows, open_windows
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.own import open_own

__all__ = ["Columns", "Samples", "open_dataset"]


@dataclass(frozen=True)
class Columns:
    """A dataset in memory: by field, tensors whose first axis counts the samples. torchvision's images are (N, C, H,
    W); `arrays` are laid out as their owner chose.

    Other fields are `texts` until they are cut into tokens, `sequences` of different lengths, or what the `windows` of one
    long sequence deliver, called as `windowed`. `places` says where samples come from, `dropped` which were left out."""

    fields: Mapping[str, torch.Tensor]
    classes: tuple[str, ...] | None
    arrays: bool = False
    categories: Categories = field(default_factory=dict)
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sequences: Mapping[str, Ragged] = field(default_factory=dict)
    windows: Windows | None = None
    windowed: tuple[str, ...] = ()
    places: Sequence[str] = ()
    dropped: tuple[Broken, ...] = ()

    def __len__(self) -> int:
        if self.windows is not None:
            return len(self.windows)
        columns: tuple[Sized, ...] = (*self.fields.values(), *self.texts.values(), *self.sequences.values())
        return len(columns[0])

    def name(self, index: int) -> str:
        """What to call a sample in a message."""
        return self.places[index] if index < len(self.places) else f"sample {index}"


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
    encoders: Mapping[str, Encoder] = field(default_factory=dict)
    dropped: tuple[Broken, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """One sample as tensors: images (C, H, W), class numbers int64, texts as their tokens (T,)."""
        values = zip(self.fields, self.dataset[index], strict=True)
        return {
            f: encode(self.encoders[f], v) if f in self.encoders else _tensor(v, self.kinds.get(f)) for f, v in values
        }

    def readable(self, index: int) -> dict[str, torch.Tensor]:
        """One sample. Raises `Failure` where it cannot be read."""
        try:
            return self[index]
        except Exception as error:  # whatever a decoder says about a broken file
            raise Failure("NNC0823", self.name(index), f"cannot be read: {reason_of(error)}") from error

    def length(self, field: str, index: int) -> int:
        """How long a sample of a field is; of a table's texts, without reading the rest of the sample."""
        texts = getattr(getattr(self.dataset, "table", None), "texts", {})
        if field in texts and field in self.encoders:
            return len(encode(self.encoders[field], texts[field][index]))
        return len(self.readable(index)[field])

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
    texts: tuple[str, ...] = (),
    padded: tuple[str, ...] = (),
    skip: bool = False,
    tokens: Tokens | None = None,
    kinds: Mapping[str, str] | None = None,
    vocabulary: Vocabulary = VOCABULARY["dataset"],
) -> Columns | Samples:
    """Opens the dataset that a spec names; its paths are relative to `base`. `categories` are the classes of texts in the
    training data, and `tokens` those of a stream, where they are known. The fields in `texts` stay texts, samples of those
    in `padded` may differ in length; with `skip`, what lacks a value is left out; `kinds` says which fields are masks. Raises
    `Failure`."""
    found, kinds = vocabulary[call.name], kinds or {}
    arguments = {k: _path(k, v, base) for k, v in call.arguments.items()}
    if "own" in found.traits:
        own, names = open_own(call, fields)
        return Samples(own, fields, names, kinds=kinds)
    if "arrays" in found.traits:
        return _arrays(call, fields, Path(arguments["file"]))
    if "table" in found.traits:
        table = read_table(call, fields, base, categories or {}, texts=texts, padded=padded, skip=skip)
        classes = table.categories.get(fields[-1])
        if table.images:
            masks = frozenset(f for f, k in kinds.items() if k == "mask")
            images = ImageTable(table, fields, masks)
            return Samples(images, fields, classes, table.categories, dropped=table.dropped, kinds=kinds)
        columns = {f: table.columns[f] for f in fields if f in table.columns}
        return Columns(
            columns, classes, True, table.categories,
            texts=table.texts, sequences=table.sequences, places=table.places, dropped=table.dropped,
        )  # fmt: skip
    if not found.traits.isdisjoint(("lines", "folder")):
        lines = read_lines(call, base) if "lines" in found.traits else read_folder(call, base)
        labels = {} if lines.labels is None else {fields[1]: torch.tensor(lines.labels)}
        return Columns(labels, lines.classes, True, texts={fields[0]: lines.texts}, places=lines.places)
    if "stream" in found.traits:
        windows = open_windows(call, base, shift=len(fields) - 1, known=tokens)
        return Columns({}, None, True, windows=windows, windowed=fields)
    return _open_vision(call, found, arguments, fields, base, download)


def _open_vision(
    call: BoundCall, found: CallDef, arguments: Mapping[str, Any], fields: tuple[str, ...], base: Path, download: bool
) -> Columns | Samples:
    parts = parts_of(found, call.arguments) or DEFAULT_PARTS
    dataset = open_vision(call, found, arguments, base, download=download)
    names = class_names(call, found, dataset)
    if "memory" in found.traits:
        return Columns(dict(zip(fields, column_tensors(dataset, parts), strict=True)), names)
    return Samples(VisionSamples(dataset, parts, list(parts)[-1] == "label"), fields, names)


def _tensor(value: Any, kind: str | None = None) -> torch.Tensor:
    """One part of a sample: images (C, H, W), masks (H, W)."""
    if kind == "mask":
        return part_tensor(value, kind)
    if isinstance(value, int | float | torch.Tensor):
        return torch.as_tensor(value)
    return image_batch(torch.as_tensor(np.array(value))[None])[0]


def _path(argument: str, value: Any, base: Path) -> Any:
    return str(base / value) if argument in ("root", "file") and isinstance(value, str) else value


def _arrays(call: BoundCall, fields: tuple[str, ...], path: Path) -> Columns:
    names: tuple[str, ...] = call.arguments.get("arrays") or fields
    arrays = read_npz(path, names) if call.name == "Npz" else read_safetensors(path, names)
    columns = {field: _column(arrays[name]) for field, name in zip(fields, names, strict=True)}
    lengths = {name: len(arrays[name]) if arrays[name].ndim else 0 for name in names}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        listed = ", ".join(f"{n} has {length}" for n, length in lengths.items())
        raise Failure("NNC0814", path, f"the arrays do not hold the same number of samples: {listed}")
    places = Rows(path, range(len(next(iter(columns.values())))), "sample")
    return Columns(columns, None, arrays=True, places=places)


def _column(array: torch.Tensor) -> torch.Tensor:
    """Whole numbers, one per sample, are int64, as `DataLoader` makes them of Python's."""
    integers = (torch.uint8, torch.int8, torch.int16, torch.int32)
    return array.to(torch.int64) if array.ndim == 1 and array.dtype in integers else array
