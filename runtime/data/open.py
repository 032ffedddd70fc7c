"""All the data of one `DataConfig`: training, validation and test, each with its transforms."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from nnc.compiler.training.config import BoundCall, DataConfig
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.data.datasets import Columns, Samples, open_dataset
from nnc.runtime.data.splits import InMemory, Split, Streamed
from nnc.runtime.data.tables import Categories
from nnc.runtime.data.transforms import chains_of
from nnc.runtime.failure import Failure
from nnc.runtime.seed import generator

__all__ = ["Data", "open_data"]

MOST_WORKERS = 4


@dataclass(frozen=True)
class Data:
    """The splits that were asked for. `classes` are the names of the classes, where they are known; `arrays` says that
    images came from arrays, and not from image files."""

    fields: tuple[str, ...]
    train: Split | None
    validation: Split | None
    test: Split | None
    classes: tuple[str, ...] | None
    arrays: bool = False

    @property
    def first(self) -> Split:
        """Some split: what holds for it holds for all."""
        return next(s for s in (self.train, self.validation, self.test) if s is not None)


def open_data(
    config: DataConfig, base: Path, parts: tuple[str, ...] = ("train", "validation"), *, download: bool = True
) -> Data:
    """Opens the splits named by `parts`; paths are relative to `base`, the folder of the spec. With `download=False`
    nothing is fetched, whatever the spec says. Raises `Failure`."""
    splits: dict[str, Split] = {}
    opened: list[Columns | Samples] = []
    categories: Categories | None = None
    shared = not isinstance(config.validation, BoundCall)  # validation is split off the training data
    if "train" in parts or ("validation" in parts and shared and config.validation is not None):
        source = open_dataset(config.train, config.fields, base, download=download)
        categories = source.categories
        opened.append(source)
        kept, held = _divide(len(source), config) if shared else (None, None)
        if "train" in parts:
            splits["train"] = _split(source, config, "train", kept)
        if "validation" in parts and held is not None:
            splits["validation"] = _split(source, config, "eval", held)
    for part, call in (("validation", config.validation), ("test", config.test)):
        if part in parts and isinstance(call, BoundCall):
            categories = _categories(config, base) if categories is None else categories
            source = open_dataset(call, config.fields, base, download=download, categories=categories)
            opened.append(source)
            splits[part] = _split(source, config, "eval", None)
    if not opened:
        raise Failure("NNC0824", config.span, f"`data:` has no {' or '.join(parts)}")
    classes = config.classes or next((s.classes for s in opened if s.classes), None)
    arrays = isinstance(opened[0], Columns) and opened[0].arrays
    return Data(config.fields, splits.get("train"), splits.get("validation"), splits.get("test"), classes, arrays)


def _categories(config: DataConfig, base: Path) -> Categories:
    """What texts stand for where the training data are not opened: the names of the classes, else the training data say it."""
    if "table" not in VOCABULARY["dataset"][config.train.name].traits:
        return {}
    if config.classes is not None:
        return {config.fields[-1]: config.classes}
    return open_dataset(config.train, config.fields, base).categories


def _divide(length: int, config: DataConfig) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """The samples to train on and those held out for validation, by the seed of `data:`."""
    if config.validation is None or isinstance(config.validation, BoundCall):
        return None, None
    count = config.validation if isinstance(config.validation, int) else round(length * config.validation)
    if not 0 < count < length:
        span = config.spans.get("validation", config.span)
        raise Failure("NNC0813", span, f"of {length} samples, {count} would be for validation: both parts need some")
    order = torch.randperm(length, generator=generator(config.seed, "validation"))
    return order[count:].sort().values, order[:count].sort().values


def _split(source: Columns | Samples, config: DataConfig, use: Literal["train", "eval"], indices: torch.Tensor | None) -> Split:
    arrays = isinstance(source, Columns) and source.arrays
    chains = chains_of(config.stages, config.kinds, use, arrays=arrays)
    if isinstance(source, Columns):
        return InMemory(source, chains, indices)
    workers = min(MOST_WORKERS, os.cpu_count() or 1) if config.workers is None else config.workers
    return Streamed(source, chains, indices, workers)
