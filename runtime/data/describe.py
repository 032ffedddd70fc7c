"""What a dataset holds: fields with shapes and ranges, how many samples of each class, and some of them as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nnc.runtime.data.open import Data
from nnc.runtime.data.splits import Split
from nnc.runtime.failure import Failure
from nnc.runtime.files import write_file

__all__ = ["FieldFacts", "SplitFacts", "describe", "write_grid"]

LOOKED_AT = 256  # samples whose values are read
CPU = torch.device("cpu")


@dataclass(frozen=True)
class FieldFacts:
    """A field as the network gets it, judged by the first samples: `shape` of one, and its values' range and mean."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    low: float
    high: float
    mean: float


@dataclass(frozen=True)
class SplitFacts:
    """`classes` counts the samples of each class, of the whole split; None where no field holds class numbers."""

    name: str
    samples: int
    fields: tuple[FieldFacts, ...]
    classes: Mapping[str, int] | None


def describe(data: Data) -> list[SplitFacts]:
    """The splits that are open. Raises `Failure` for a sample that cannot be read."""
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    return [_describe(name, split, data) for name, split in splits.items() if split is not None]


def _describe(name: str, split: Split, data: Data) -> SplitFacts:
    count = min(LOOKED_AT, len(split))
    batch = _first(split, count)
    facts = tuple(_facts(field, tensor) for field, tensor in batch.items())
    last = data.fields[-1]
    whole = batch[last].ndim == 1 and not batch[last].is_floating_point()
    return SplitFacts(name, len(split), facts, _counted(split.labels(last), data.classes) if whole else None)


def _first(split: Split, count: int) -> Mapping[str, torch.Tensor]:
    return next(iter(split.batches(torch.arange(count), count, CPU, epoch=1)))


def _facts(name: str, tensor: torch.Tensor) -> FieldFacts:
    values = tensor.double() if not tensor.is_complex() else tensor.abs().double()
    low, high, mean = (float(v) for v in (values.min(), values.max(), values.mean()))
    return FieldFacts(name, tuple(tensor.shape[1:]), str(tensor.dtype).removeprefix("torch."), low, high, mean)


def _counted(labels: torch.Tensor, names: tuple[str, ...] | None) -> dict[str, int]:
    numbers, counts = torch.unique(labels, return_counts=True)
    found = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    if names is not None and all(0 <= n < len(names) for n in found):
        return {name: found.get(i, 0) for i, name in enumerate(names)}
    return {str(n): c for n, c in found.items()}


def write_grid(data: Data, path: Path, count: int = 64) -> str:
    """Samples of the first split as one PNG, as the network gets them, each image spread over all grays. The name of the
    field that was drawn. Raises `Failure` where no field holds images."""
    import io

    from PIL import Image
    from torchvision.utils import make_grid

    split = data.first
    batch = _first(split, min(count, len(split)))
    images: dict[str, Any] = {
        f: t for f, t in batch.items() if t.ndim == 4 and t.shape[1] in (1, 3) and not t.is_complex()
    }
    if not images:
        shapes = ", ".join(f"`{f}` {list(t.shape[1:])}" for f, t in batch.items())
        raise Failure("NNC0813", "data", f"no field holds images (C, H, W) of 1 or 3 channels: there are {shapes}")
    field, tensor = next(iter(images.items()))
    columns = max(1, round(len(tensor) ** 0.5))
    grid = make_grid(tensor.float(), nrow=columns, normalize=True, scale_each=True, pad_value=1.0)
    pixels = grid.mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    write_file(path, buffer.getvalue())
    return field
