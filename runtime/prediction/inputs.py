"""What turns images, arrays, rows and texts into a network's inputs: the transforms that it was trained with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import torch

from nnc.compiler.training.config import BoundCall, PaddingConfig
from nnc.compiler.types.dim import Symbol
from nnc.runtime.data.checks import misfits
from nnc.runtime.data.transforms import Pipeline, image_batch
from nnc.runtime.data.vocabulary import Vocabulary, plain_vocabularies
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.prediction.text import TextInputs
from nnc.runtime.saving.ordinary import ordinary
from nnc.runtime.signature import Signature

__all__ = ["Block", "Inputs", "Place", "Preprocessing", "read_image"]

MAX_PIXELS = 200_000_000


class Place(NamedTuple):
    """Where a sample comes from: its file, its number from 0 on where the file has several, what to call it in a message, and the
    `id` that a record has of its own."""

    name: str
    sample: int | None = None
    said: str = ""
    id: Any = None

    def __str__(self) -> str:
        return self.said or (self.name if self.sample is None else f"{self.name}, sample {self.sample}")

    def as_plain(self) -> dict[str, Any]:
        numbered = {} if self.sample is None else {"sample": self.sample}
        return {"input": self.name} | numbered | ({} if self.id is None else {"id": self.id})


@dataclass(frozen=True)
class Preprocessing:
    """Which field feeds which input, and what is done to each field; `arrays` as in `Chain`. Fields of text have a vocabulary,
    and are padded. Of tables: the `columns` of a field, the fields that name `images`, and what texts stand for."""

    feeding: Mapping[str, str]
    transforms: Mapping[str, tuple[BoundCall, ...]] = field(default_factory=dict)
    arrays: bool = False
    vocabularies: Mapping[str, Vocabulary] = field(default_factory=dict)
    padding: PaddingConfig = field(default_factory=PaddingConfig)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    carried: Mapping[str, tuple[str, float]] = field(default_factory=dict)  # inputs, their outputs and first values

    def as_plain(self) -> dict[str, Any]:
        """As JSON; what is empty is left out."""
        transforms = {f: [c.as_plain() for c in calls] for f, calls in self.transforms.items()}
        plain: dict[str, Any] = {"feeding": dict(self.feeding), "transforms": transforms, "arrays": self.arrays}
        if self.vocabularies:
            padding = {k: v for k, v in asdict(self.padding).items() if v is not None}
            plain |= {"vocabularies": plain_vocabularies(self.vocabularies), "padding": padding}
        rest = {
            "columns": {f: list(c) for f, c in self.columns.items()},
            "images": list(self.images),
            "categories": {f: list(c) for f, c in self.categories.items()},
            "kinds": dict(self.kinds),
            "carried": {i: [o, start] for i, (o, start) in self.carried.items()},
        }
        return plain | {k: v for k, v in rest.items() if v}


@dataclass(frozen=True)
class Block:
    """Some samples that go through the network together: their places, and by input the transformed tensors (N, …)."""

    places: Sequence[Place]
    tensors: Mapping[str, torch.Tensor]

    def __len__(self) -> int:
        return len(self.places)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of one sample, by input: blocks of the same shapes go together."""
        return tuple(tuple(t.shape[1:]) for t in self.tensors.values())

    def part(self, start: int, stop: int) -> Block:
        return Block(self.places[start:stop], {n: t[start:stop] for n, t in self.tensors.items()})

    @staticmethod
    def joined(blocks: Sequence[Block]) -> Block:
        if len(blocks) == 1:
            return blocks[0]
        places = [p for b in blocks for p in b.places]
        return Block(places, {n: torch.cat([b.tensors[n] for b in blocks]) for n in blocks[0].tensors})


class Inputs:
    """Makes inputs of raw values. All of it raises `Failure` for what cannot be read or does not fit."""

    def __init__(self, signature: Signature, preprocessing: Preprocessing) -> None:
        self.signature, self.preprocessing = signature, preprocessing
        self.texts = TextInputs(
            preprocessing.feeding, preprocessing.transforms, preprocessing.vocabularies, preprocessing.padding
        )
        self.fields = {name: preprocessing.feeding.get(name, name) for name in signature.fed}
        self.plain = {n: f for n, f in self.fields.items() if n not in self.texts.inputs}  # those that are no texts
        self._pipelines: dict[tuple[str, bool], Pipeline] = {}

    # -- images and arrays ---------------------------------------------------------------------------------------------

    def image(self, path: Path) -> Block:
        """An image file, for a network with one input."""
        (name,) = self.plain
        image = read_image(path, self.channels(name))
        return Block([Place(str(path))], {name: self.ready(path, name, image[None])})

    def arrays(self, path: Path, arrays: Mapping[str, torch.Tensor], size: int) -> Iterator[Block]:
        """Arrays called like the inputs or like their fields; a single one may have any name. So many samples at a time."""
        given = self._called(path, arrays)
        many = {name: self._holds_many(path, name, array) for name, array in given.items()}
        counts = {len(array) if many[name] else 1 for name, array in given.items()}
        if len(counts) > 1:
            raise Failure("NNC0909", path, "its arrays do not hold the same number of samples")
        batches = {name: array if many[name] else array[None] for name, array in given.items()}
        count = counts.pop()
        for at in range(0, count, size):
            parts = {n: self.ready(path, n, a[at : at + size], arrays=True) for n, a in batches.items()}
            places = [Place(str(path), i if count > 1 else None) for i in range(at, min(at + size, count))]
            yield Block(places, parts)

    def _called(self, path: Path, arrays: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if len(arrays) == 1 and len(self.fields) == 1:
            return {next(iter(self.fields)): next(iter(arrays.values()))}
        found = {}
        for name, of_field in self.fields.items():
            array = arrays.get(name, arrays.get(of_field))
            if array is None:
                has = ", ".join(arrays) or "none"
                raise Failure("NNC0909", path, f"there is no array `{name}`", notes=(f"the file has {has}",))
            found[name] = array
        return found

    def _holds_many(self, path: Path, name: str, array: torch.Tensor) -> bool:
        """Whether an array is many samples, or one: whichever fits the input. Raises `Failure` where neither does."""
        if array.ndim and len(array) and self._fits(name, array[:1]):
            return True
        if self._fits(name, array[None]):
            return False
        self.ready(path, name, array, arrays=True)
        return True

    def _fits(self, name: str, batch: torch.Tensor) -> bool:
        try:
            ready = self.transformed(name, batch, arrays=True)
        except Failure:
            return False
        return not misfits(ready, self.signature.inputs[name], {}, "", "")

    # -- rows ----------------------------------------------------------------------------------------------------------

    def rows(self, rows: Sequence[tuple[Place, Mapping[str, Any], Path]]) -> Iterator[Block | Failure]:
        """Values by field: numbers, lists of them, texts, or names of image files below a folder. A row that cannot be used
        becomes a `Failure`, and the others go on."""
        ready: list[tuple[Place, dict[str, Any]] | Failure] = []
        for place, row, folder in rows:
            try:
                ready.append(
                    (place, {n: self._value(place, n, row, folder) for n in self.plain} | self._texts(place, row))
                )
            except Failure as failure:
                ready.append(failure)
        for shapes, group in groupby(ready, key=lambda r: r if isinstance(r, Failure) else _shapes(r[1])):
            if isinstance(shapes, Failure):
                yield shapes
                continue
            several = [r for r in group if not isinstance(r, Failure)]
            try:
                yield self._block([p for p, _ in several], [v for _, v in several])
            except Failure as failure:
                if len(several) == 1:
                    yield failure
                    continue
                for place, values in several:
                    try:
                        yield self._block([place], [values])
                    except Failure as fault:
                        yield fault

    def _block(self, places: Sequence[Place], rows: Sequence[Mapping[str, Any]]) -> Block:
        where = str(places[0])
        tensors = {}
        for name in self.plain:
            raw = torch.stack([row[name] for row in rows])
            image = self.is_image(name) and raw.dtype == torch.uint8 and raw.ndim == 4
            kind = self.signature.inputs[name]
            if not self.preprocessing.transforms.get(self.fields[name]) and kind.dtype.is_floating:
                raw = raw.to(getattr(torch, str(kind.dtype)))
            tensors[name] = self.ready(where, name, raw, arrays=self.preprocessing.arrays and not image)
        if self.texts.fields:
            texts = {f: [str(row[f]) for row in rows] for f in self.texts.fields}
            tensors |= self.texts.tensors(texts, list(map(str, places)))
        return Block(places, {n: tensors[n] for n in self.fields})

    def _texts(self, place: Place, row: Mapping[str, Any]) -> dict[str, str]:
        found = {}
        for text in self.texts.fields:
            value = self._raw(place, text, text, row)
            if not isinstance(value, str):
                raise Failure("NNC0909", str(place), f"`{text}` is a text, and here it is {type(value).__name__}")
            found[text] = value
        return found

    def _value(self, place: Place, name: str, row: Mapping[str, Any], folder: Path) -> torch.Tensor:
        of_field = self.fields[name]
        value = self._raw(place, name, of_field, row)
        if isinstance(value, str) and (of_field in self.preprocessing.images or self.is_image(name)):
            return self._image_below(place, folder, value, name)
        names = self.preprocessing.categories.get(of_field)
        if isinstance(value, str) and names is not None:
            if value not in names:
                raise Failure("NNC0909", str(place), f"`{of_field}` is {value!r}, which no training sample has")
            return torch.tensor(names.index(value))
        return _number_tensor(value, str(place), of_field, bytes_=self._scales(of_field))

    def _raw(self, place: Place, name: str, of_field: str, row: Mapping[str, Any]) -> Any:
        """What a row says of a field: under its name, the input's, or in the columns that it was trained on."""
        for key in (name, of_field):
            if key in row:
                return row[key]
        columns = self.preprocessing.columns.get(of_field, ())
        missing = next((c for c in columns if c not in row), None)
        if not columns or missing is not None:
            has = ", ".join(map(str, list(row)[:20])) or "nothing"
            wanted = missing or of_field
            raise Failure("NNC0909", str(place), f"there is no `{wanted}`", notes=(f"there are {has}",))
        values = [row[c] for c in columns]
        return values[0] if len(values) == 1 else values

    def _image_below(self, place: Place, folder: Path, value: str, name: str) -> torch.Tensor:
        path = folder / value
        try:
            return read_image(path, self.channels(name))
        except Failure as failure:
            raise Failure("NNC0909", str(place), f"{value}: {failure.diagnostics[0].message}") from None

    def _scales(self, of_field: str) -> bool:
        """Whether whole numbers from 0 to 255 are those of an image."""
        calls = self.preprocessing.transforms.get(of_field, ())
        return any(c.name == "ToDtype" and c.arguments.get("scale") for c in calls)

    # -- transforms ----------------------------------------------------------------------------------------------------

    def ready(self, where: Path | str, name: str, batch: torch.Tensor, *, arrays: bool = False) -> torch.Tensor:
        """Raw values (N, …) of one input, as the network takes them. `arrays`: laid out as their owner chose."""
        try:
            return self.checked(where, name, self.transformed(name, batch, arrays=arrays))
        except Failure as failure:
            if failure.code != "NNC0823":
                raise
            raise Failure("NNC0910", where, failure.diagnostics[0].message) from None

    def transformed(self, name: str, batch: torch.Tensor, *, arrays: bool = False) -> torch.Tensor:
        key = (name, arrays and self.preprocessing.arrays)
        if key not in self._pipelines:
            calls, of_field = self.preprocessing.transforms.get(self.fields[name], ()), self.fields[name]
            kind = self.preprocessing.kinds.get(of_field)
            self._pipelines[key] = Pipeline(calls, of_field, arrays=key[1], kind=kind)
        pipeline = self._pipelines[key]
        return pipeline.finish(pipeline.prepare(batch), [0] * len(batch))

    def checked(self, where: Path | str, name: str, batch: torch.Tensor) -> torch.Tensor:
        sizes: dict[Symbol, int] = {}
        wrong = misfits(batch, self.signature.inputs[name], sizes, "what it holds", f"the input `{name}`")
        if wrong:
            notes = ("its transforms were applied first",) if self.preprocessing.transforms else ()
            raise Failure("NNC0910", where, wrong[0][0], notes=notes)
        return batch

    def channels(self, name: str) -> str:
        """The mode in which an image file is read, so that the network gets the channels it takes."""
        calls = {c.name for c in self.preprocessing.transforms.get(self.fields[name], ())}
        shape = self.signature.inputs[name].shape
        gray = len(shape) == 4 and shape[1] == 1 and "Grayscale" not in calls
        return "L" if gray or "RGB" in calls else "RGB"

    def is_image(self, name: str) -> bool:
        return self.signature.inputs[name].rank == 4


def _shapes(values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple((tuple(v.shape), v.dtype) if isinstance(v, torch.Tensor) else None for v in values.values())


def _number_tensor(value: Any, where: str, of_field: str, *, bytes_: bool) -> torch.Tensor:
    """A number or a list of lists of them: whole numbers int64, others float32."""
    try:
        cells = _numbers(value)
        tensor = torch.tensor(cells)
    except (ValueError, TypeError, OverflowError, RuntimeError, RecursionError):
        raise Failure("NNC0909", where, f"`{of_field}` is no number, and no list of numbers of equal length") from None
    if tensor.is_floating_point():
        if bool(tensor.isnan().any()):
            raise Failure("NNC0909", where, f"`{of_field}` lacks a value")
        return tensor.to(torch.float32)
    small = bytes_ and tensor.numel() > 0 and int(tensor.min()) >= 0 and int(tensor.max()) <= 255
    return tensor.to(torch.uint8) if small else tensor


def _numbers(value: Any) -> Any:
    """Cells of a table are texts."""
    if isinstance(value, list | tuple):
        return [_numbers(v) for v in value]
    if isinstance(value, str):
        return int(value) if value.strip().lstrip("+-").isdigit() else float(value)
    if isinstance(value, bool | int | float):
        return value
    if value is None or isinstance(value, dict | bytes):
        raise ValueError("no number")
    return float(value)  # such as a decimal of a Parquet file


def read_image(path: Path, mode: str) -> torch.Tensor:
    """An image file as (C, H, W) uint8; `mode` is Pillow's, `L` or `RGB`. Raises `Failure`."""
    import numpy as np
    from PIL import Image

    try:
        with Image.open(ordinary(path)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Failure("NNC0909", path, f"the image has {image.width}×{image.height} pixels, more than are read")
            return image_batch(torch.as_tensor(np.array(image.convert(mode)))[None])[0]
    except FileNotFoundError:
        raise Failure("NNC0909", path, "there is no such file") from None
    except Failure:
        raise
    except Exception as error:  # whatever a decoder says about a broken file
        raise Failure("NNC0909", path, f"this is no readable image: {reason_of(error)}") from None
