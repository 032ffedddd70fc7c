"""What a dataset holds: fields with shapes and ranges, how many samples of each class, and some of them as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from nnc.runtime.data.open import Data
from nnc.runtime.data.picture import Look, draw_samples, text_of
from nnc.runtime.data.splits import Split
from nnc.runtime.failure import Failure
from nnc.runtime.saving.files import write_file

__all__ = ["FieldFacts", "SplitFacts", "describe", "write_grid"]

LOOKED_AT = 256  # samples whose values are read
BINS = 12
VERSIONS = 6  # of an augmented sample
CPU = torch.device("cpu")


@dataclass(frozen=True)
class FieldFacts:
    """A field as the network gets it, judged by the first samples: `shape` of one, and its values' range, mean and standard
    deviation. `histogram` counts one number per sample in twelve equal steps of the range; `example` is a text."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    low: float
    high: float
    mean: float
    std: float = 0.0
    histogram: tuple[int, ...] = ()
    example: str = ""
    tokens: int = 0


@dataclass(frozen=True)
class SplitFacts:
    """`classes` counts the samples of each class, of the whole split, or with each label; None where no field holds such numbers.
    `shares` are the parts of the pixels that classes have, by mask, of the first samples."""

    name: str
    samples: int
    fields: tuple[FieldFacts, ...]
    classes: Mapping[str, int] | None
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def describe(data: Data) -> list[SplitFacts]:
    """The splits that are open. Raises `Failure` for a sample that cannot be read."""
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    return [_describe(name, split, data) for name, split in splits.items() if split is not None]


def _describe(name: str, split: Split, data: Data) -> SplitFacts:
    batch = _first(split, min(LOOKED_AT, len(split)))
    facts = tuple(_facts(f, batch[f], data) for f in data.fields)
    masks = [f for f in data.fields if data.kinds.get(f) == "mask"]
    return SplitFacts(
        name, len(split), facts, _balance(split, data, batch), {f: _shares(batch[f], data, f) for f in masks}
    )


def _first(split: Split, count: int, epoch: int = 1) -> Mapping[str, torch.Tensor]:
    """So many samples, from the whole of the split: classes often lie one after the other."""
    order = torch.linspace(0, len(split) - 1, count, dtype=torch.float64).round().long()
    batch = next(iter(split.batches(order, count, CPU, epoch=epoch)))
    if not batch:
        raise Failure("NNC0823", "data", f"none of the first {count} samples can be read")
    return batch


def _facts(name: str, tensor: torch.Tensor, data: Data) -> FieldFacts:
    values = tensor.double() if not tensor.is_complex() else tensor.abs().double()
    low, high, mean, std = (float(v) for v in (values.min(), values.max(), values.mean(), values.std(correction=0)))
    numbers = tensor.ndim == 1 and tensor.is_floating_point() and low < high
    counted = torch.histc(values, BINS, low, high).long().tolist() if numbers and abs(low) + abs(high) < 1e300 else []
    known = data.vocabularies.get(name)
    return FieldFacts(
        name, tuple(tensor.shape[1:]), str(tensor.dtype).removeprefix("torch."), low, high, mean, std, tuple(counted),
        text_of(tensor[0], known) if known else "", len(known) if known else 0,
    )  # fmt: skip


def _balance(split: Split, data: Data, batch: Mapping[str, torch.Tensor]) -> dict[str, int] | None:
    """Samples of each class of the last field, or with each of its labels."""
    last = batch[data.fields[-1]]
    if last.is_floating_point() and not bool(((last == 0) | (last == 1)).all()):
        return None
    if last.ndim == 1 and not last.is_floating_point() and data.fields[-1] not in data.vocabularies:
        return _counted(split.labels(data.fields[-1]), data.classes)
    if last.ndim == 2 and data.classes is not None and len(data.classes) == last.shape[1]:
        labels = split.labels(data.fields[-1])
        return dict(zip(data.classes, (labels != 0).sum(0).tolist(), strict=True))
    return None


def _counted(labels: torch.Tensor, names: tuple[str, ...] | None) -> dict[str, int]:
    numbers, counts = torch.unique(labels, return_counts=True)
    found = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    if names is not None and all(0 <= n < len(names) for n in found):
        return {name: found.get(i, 0) for i, name in enumerate(names)}
    return {str(n): c for n, c in found.items()}


def _shares(mask: torch.Tensor, data: Data, name: str) -> dict[str, float]:
    numbers, counts = torch.unique(mask.long(), return_counts=True)
    names = data.classes if data.classes is not None and name == data.fields[-1] else ()
    parts = zip(numbers.tolist(), (counts / mask.numel()).tolist(), strict=True)
    return {names[n] if 0 <= n < len(names) else str(n): share for n, share in parts}


# -- the picture -------------------------------------------------------------------------------------------------------


def write_grid(data: Data, path: Path, count: int = 36, *, augmented: bool = False) -> None:
    """Samples of the first split as one PNG, as the network gets them: images, masks, arrays, texts, with their classes or
    numbers. With `augmented` a row has one sample, as it is in six epochs. Raises `Failure`."""
    split = data.first
    vocabularies = {f: v for f, v in data.vocabularies.items() if f in data.fields}
    look = Look(data.fields, data.kinds, data.classes, vocabularies)
    if augmented:
        shown = min(8, count, len(split))
        epochs = [_samples(_first(split, shown, epoch), data.fields) for epoch in range(1, VERSIONS + 1)]
        rows = [list(row) for row in zip(*epochs, strict=True)]
    else:
        samples = list(_samples(_first(split, min(count, len(split))), data.fields))
        columns = max(1, round(len(samples) ** 0.5))
        rows = [samples[at : at + columns] for at in range(0, len(samples), columns)]
    write_file(path, draw_samples(rows, look))


def _samples(batch: Mapping[str, torch.Tensor], fields: tuple[str, ...]) -> Iterator[dict[str, torch.Tensor]]:
    for i in range(len(batch[fields[0]])):
        yield {f: batch[f][i] for f in fields}
