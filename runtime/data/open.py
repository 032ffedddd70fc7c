"""All the data of one `DataConfig`: training, validation and test, each with its transforms."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch

from nnc.compiler.training.config import BoundCall, DataConfig
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime.data.broken import Broken
from nnc.runtime.data.collate import Collate
from nnc.runtime.data.datasets import Columns, Samples, open_dataset
from nnc.runtime.data.encode import encode_texts, learn
from nnc.runtime.data.fingerprint import fingerprint
from nnc.runtime.data.holdout import divide
from nnc.runtime.data.ragged import Ragged
from nnc.runtime.data.splits import InMemory, Split, Streamed
from nnc.runtime.data.tables import Categories
from nnc.runtime.data.transforms import Chain, chains_of
from nnc.runtime.data.vocabulary import Vocabulary
from nnc.runtime.failure import Failure

__all__ = ["Data", "open_data"]

MOST_WORKERS = 4


@dataclass(frozen=True)
class Data:
    """The splits that were asked for. `classes` are the names of the classes, where they are known; `arrays` says that
    images came from arrays, and not from image files. `categories` are what texts of tables stand for, by field,
    `kinds` what is known of the fields: image, mask …; `vocabularies` are the tokens of text fields, by number; `dropped`
    the samples that were left out of the splits from the start; `fingerprint` identifies what was opened."""

    fields: tuple[str, ...]
    train: Split | None
    validation: Split | None
    test: Split | None
    classes: tuple[str, ...] | None
    arrays: bool = False
    vocabularies: Mapping[str, Vocabulary] = field(default_factory=dict)
    categories: Categories = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[Broken, ...] = ()
    fingerprint: str = ""

    @property
    def first(self) -> Split:
        """Some split: what holds for it holds for all."""
        return next(s for s in (self.train, self.validation, self.test) if s is not None)


def open_data(
    config: DataConfig,
    base: Path,
    parts: tuple[str, ...] = ("train", "validation"),
    *,
    download: bool = True,
    vocabularies: Mapping[str, Vocabulary] | None = None,
) -> Data:
    """Opens the splits named by `parts`; paths are relative to `base`, the folder of the spec. With `download=False`
    nothing is fetched, whatever the spec says. `vocabularies` are those that a network was trained with; otherwise the
    training data give them. Raises `Failure`."""
    opening = _Opening(config, base, download, dict(vocabularies) if vocabularies is not None else None)
    splits: dict[str, Split] = {}
    shared = not isinstance(config.validation, BoundCall)  # validation is split off the training data
    if "train" in parts or ("validation" in parts and shared and config.validation is not None):
        source = opening.training()
        kept, held = _divide(source, config)
        if "train" in parts:
            splits["train"] = _split(source, config, "train", kept)
        if "validation" in parts and held is not None:
            splits["validation"] = _split(source, config, "eval", held)
    for part, call in (("validation", config.validation), ("test", config.test)):
        if part in parts and isinstance(call, BoundCall):
            splits[part] = _split(opening.other(call), config, "eval", None)
    if not splits:
        raise Failure("NNC0824", config.span, f"`data:` has no {' or '.join(parts)}")
    first, opened = opening.opened[0], opening.opened
    return Data(
        config.fields,
        splits.get("train"),
        splits.get("validation"),
        splits.get("test"),
        config.classes or next((s.classes for s in opened if s.classes), None),
        isinstance(first, Columns) and first.arrays,
        opening.vocabularies or {},
        first.categories,
        config.kinds,
        tuple(broken for source in opened for broken in source.dropped),
        fingerprint(opened) if "train" in parts else "",
    )


@dataclass
class _Opening:
    """Opens datasets one after the other: the first tells the others what texts stand for."""

    config: DataConfig
    base: Path
    download: bool
    vocabularies: dict[str, Vocabulary] | None
    categories: Categories | None = None
    opened: list[Columns | Samples] = field(default_factory=list)

    def training(self) -> Columns | Samples:
        source = self._raw(self.config.train, None)
        self.categories = source.categories
        if self.vocabularies is None:
            self.vocabularies = learn(source, self.config)
        return self._encoded(source)

    def other(self, call: BoundCall) -> Columns | Samples:
        """Another dataset. Where the training data are not open, what is not known otherwise is taken from them now."""
        if self.categories is None:
            self.categories = self._known_categories()
        if self.vocabularies is None:
            self.vocabularies = learn(self._raw(self.config.train, None), self.config) if self._has_text else {}
        return self._encoded(self._raw(call, self.categories))

    @property
    def _has_text(self) -> bool:
        traits = VOCABULARY["dataset"][self.config.train.name].traits
        return bool(self.config.texts) or "stream" in traits

    def _known_categories(self) -> Categories:
        config = self.config
        if "table" not in VOCABULARY["dataset"][config.train.name].traits:
            return {}
        if config.classes is not None:
            return {config.fields[-1]: config.classes}
        return self._raw(config.train, None).categories

    def _raw(self, call: BoundCall, categories: Categories | None) -> Columns | Samples:
        config, known = self.config, self.vocabularies or {}
        return open_dataset(
            call, config.fields, self.base, download=self.download, categories=categories, texts=config.texts,
            padded=config.padding.fields, skip=config.on_error == "skip", tokens=known.get(config.fields[0]),
            kinds=config.kinds,
        )  # fmt: skip

    def _encoded(self, source: Columns | Samples) -> Columns | Samples:
        encoded = encode_texts(source, self.config, self.vocabularies or {})
        self.opened.append(encoded)
        return encoded


def _divide(source: Columns | Samples, config: DataConfig) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    def labels(name: str) -> torch.Tensor:
        if isinstance(source, Columns):
            return InMemory(source, (), padding=config.padding).labels(name)
        return Streamed(source, ()).labels(name)

    windows = isinstance(source, Columns) and source.windows is not None
    return divide(len(source), config, labels, in_order=windows)


def _split(
    source: Columns | Samples, config: DataConfig, use: Literal["train", "eval"], indices: torch.Tensor | None
) -> Split:
    arrays = isinstance(source, Columns) and source.arrays
    stages = [s for s in config.stages if not set(s.fields) & set(config.texts)]
    kinds = {f: kind for f, kind in config.kinds.items() if f not in config.texts}
    chains = chains_of(stages, kinds, use, arrays=arrays)
    in_rows = config.sampler is not None and config.sampler.name == "Consecutive"
    if isinstance(source, Columns):
        source, chains = _with_transformed_sequences(source, chains)
        return InMemory(source, chains, indices, padding=config.padding, in_rows=in_rows)
    given = config.loader.num_workers if config.workers is None else config.workers
    workers = min(MOST_WORKERS, os.cpu_count() or 1) if given is None else given
    collate = Collate(config.padding, config.on_error == "skip")
    return Streamed(source, chains, indices, workers, collate=collate, loader=config.loader, in_rows=in_rows)


def _with_transformed_sequences(source: Columns, chains: list[Chain]) -> tuple[Columns, list[Chain]]:
    """Sequences of different lengths after their transforms, one by one; and the transforms of the other fields."""
    sequences, rest = dict(source.sequences), []
    for chain in chains:
        name = next((f for f in chain.fields if f in sequences), None)
        if name is None:
            rest.append(chain)
            continue
        call = chain.acts[0][1]
        if chain.varying:
            message = (
                f"{call.name} draws at random, and samples of `{name}` differ in length: they are transformed once"
            )
            raise Failure("NNC0823", call.span, message)
        whole = sequences[name]
        sequences[name] = Ragged.of([chain.apply({name: whole.sequence(i)}, 0)[name] for i in range(len(whole))])
    return replace(source, sequences=sequences), rest
