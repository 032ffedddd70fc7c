"""Files in, one result per sample out: images, .npy, .npz and .csv, through the transforms that the model was trained
with."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nnc.compiler.training.config import BoundCall, PaddingConfig
from nnc.compiler.types.dim import Symbol
from nnc.compiler.types.tensor import TensorType
from nnc.runtime.data.checks import misfits
from nnc.runtime.data.lines import lines_of, read_text
from nnc.runtime.data.npz import read_npy, read_npz
from nnc.runtime.data.transforms import Pipeline, image_batch
from nnc.runtime.data.vocabulary import Vocabulary, plain_vocabularies
from nnc.runtime.evaluate import evaluation_mode
from nnc.runtime.failure import Failure
from nnc.runtime.loss import named_outputs
from nnc.runtime.predict_text import TextInputs
from nnc.runtime.signature import Signature

__all__ = ["IMAGES", "Predictor", "Preprocessing"]

IMAGES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
PICKLED = frozenset({".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth"})
MAX_PIXELS = 200_000_000
MAX_CSV = 1 << 30
TEXTS = frozenset({".txt", ".text", ".gz"})


@dataclass(frozen=True)
class Preprocessing:
    """Which field feeds which input, and what is done to each field; `arrays` as in `Pipeline`. Fields of text have a
    vocabulary, and are padded."""

    feeding: Mapping[str, str]
    transforms: Mapping[str, tuple[BoundCall, ...]] = field(default_factory=dict)
    arrays: bool = False
    vocabularies: Mapping[str, Vocabulary] = field(default_factory=dict)
    padding: PaddingConfig = field(default_factory=PaddingConfig)

    def as_plain(self) -> dict[str, Any]:
        transforms = {f: [c.as_plain() for c in calls] for f, calls in self.transforms.items()}
        plain = {"feeding": dict(self.feeding), "transforms": transforms, "arrays": self.arrays}
        if not self.vocabularies:
            return plain
        padding = {k: v for k, v in asdict(self.padding).items() if v is not None}
        return plain | {"vocabularies": plain_vocabularies(self.vocabularies), "padding": padding}


@dataclass(frozen=True)
class Sample:
    """Some samples of one file: by input, transformed tensors (N, …)."""

    name: str
    tensors: Mapping[str, torch.Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))


class Predictor:
    """A network ready for files. `scores` says what its first output holds (`Header.scores`)."""

    def __init__(
        self,
        model: nn.Module,
        signature: Signature,
        preprocessing: Preprocessing,
        *,
        classes: Sequence[str] = (),
        scores: str = "",
        device: torch.device | None = None,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.model, self.signature = model.to(self.device), signature
        self.preprocessing, self.classes, self.scores = preprocessing, tuple(classes), scores
        self.texts = TextInputs(
            preprocessing.feeding, preprocessing.transforms, preprocessing.vocabularies, preprocessing.padding
        )
        self._fields = {name: preprocessing.feeding.get(name, name) for name in signature.inputs}

    def files(self, paths: Sequence[str | Path], *, batch_size: int = 64, top_k: int = 1) -> Iterator[dict[str, Any]]:
        """One result per sample, in order: `{"input": "7.png", "class": "7", "index": 7, "probability": 0.99}` where
        the network tells classes apart, else `{"input": …, "output": […]}`. A file with several samples counts them in
        `sample`. Raises `Failure` for a file that cannot be read, or does not fit."""
        for path in paths:
            sample = self.read(Path(path))
            for at in range(0, len(sample), batch_size):
                part = {name: tensor[at : at + batch_size] for name, tensor in sample.tensors.items()}
                for number, result in enumerate(self.tensors(part, top_k=top_k), at):
                    yield {"input": sample.name} | ({"sample": number} if len(sample) > 1 else {}) | result

    def tensors(self, inputs: Mapping[str, torch.Tensor], *, top_k: int = 1) -> list[dict[str, Any]]:
        """Results for transformed tensors (N, …), by input."""
        with evaluation_mode(self.model, self.device):
            outputs = self.model(*(inputs[name].to(self.device) for name in self.signature.inputs))
            named = {k: v.float().cpu() for k, v in named_outputs(outputs, self.signature.outputs).items()}
        first = named[self.signature.outputs[0]]
        probabilities = _probabilities(first, self.scores)
        if probabilities is None:
            return self._values(named, len(first))
        return [_ranked(row, self.classes, top_k) for row in probabilities]

    def _values(self, named: Mapping[str, torch.Tensor], count: int) -> list[dict[str, Any]]:
        if len(named) == 1:
            (only,) = named.values()
            return [{"output": row.tolist()} for row in only]
        return [{"outputs": {k: v[i].tolist() for k, v in named.items() if len(v) == count}} for i in range(count)]

    # -- reading -------------------------------------------------------------------------------------------------------

    def read(self, path: Path) -> Sample:
        """The samples of one file, transformed. Raises `Failure`."""
        suffix = path.suffix.lower()
        if suffix in PICKLED:
            raise Failure(
                "NNC0909", path, "pickled files are not opened: that can run anything; save the array as .npy or .npz"
            )
        if suffix == ".npz":
            return Sample(str(path), self._fitting(path, read_npz(path)))
        if self.texts.complete and suffix in TEXTS:
            return self._lines(path)
        if suffix not in IMAGES | {".npy", ".csv"}:
            raise Failure("NNC0909", path, f"files like `{suffix or path.name}` are not read", notes=(_READABLE,))
        if len(self._fields) > 1:
            names = ", ".join(self._fields)
            raise Failure(
                "NNC0909", path, f"the network has the inputs {names}: give them in an .npz file with these arrays"
            )
        (name,) = self._fields
        if suffix == ".npy":
            return Sample(str(path), {name: self._array(path, name, read_npy(path))})
        if suffix == ".csv":
            return Sample(str(path), {name: self._array(path, name, read_csv(path))})
        image = read_image(path, self._channels(name))
        return Sample(str(path), {name: self._checked(path, name, self._transform(name, image[None], arrays=False))})

    def _lines(self, path: Path) -> Sample:
        """A file with one text a line."""
        if len(self.texts.fields) > 1:
            raise Failure("NNC0909", path, f"the network takes several texts: {', '.join(self.texts.fields)}")
        (name,) = self.texts.fields
        lines = [line for line in lines_of(read_text(path)) if line]
        if not lines:
            raise Failure("NNC0909", path, "it has no lines")
        tensors = self.texts.tensors({name: lines}, [f"{path}:{i}" for i in range(1, len(lines) + 1)])
        return Sample(str(path), {n: self._checked(path, n, t) for n, t in tensors.items()})

    def _fitting(self, path: Path, arrays: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The arrays of an .npz file, called like the inputs or like their fields; a single one may have any name."""
        if len(arrays) == 1 and len(self._fields) == 1:
            (name,) = self._fields
            return {name: self._array(path, name, next(iter(arrays.values())))}
        found = {}
        for name, of_field in self._fields.items():
            array = arrays.get(name, arrays.get(of_field))
            if array is None:
                has = ", ".join(arrays) or "none"
                raise Failure("NNC0909", path, f"there is no array `{name}`", notes=(f"the file has {has}",))
            found[name] = self._array(path, name, array)
        if len({len(t) for t in found.values()}) > 1:
            raise Failure("NNC0909", path, "its arrays do not hold the same number of samples")
        return found

    def _array(self, path: Path, name: str, array: torch.Tensor) -> torch.Tensor:
        """An array of many samples, or of one, whichever fits the input."""
        try:
            many = self._transform(name, array, arrays=self.preprocessing.arrays)
            if not misfits(many, self.signature.inputs[name], {}, "", ""):
                return many
        except Failure:
            if array.ndim == 0:
                raise
        try:
            one = self._transform(name, array[None], arrays=self.preprocessing.arrays)
        except Failure:
            one = None
        if one is not None and not misfits(one, self.signature.inputs[name], {}, "", ""):
            return one
        return self._checked(path, name, self._transform(name, array, arrays=self.preprocessing.arrays))

    def _transform(self, name: str, batch: torch.Tensor, *, arrays: bool) -> torch.Tensor:
        calls = self.preprocessing.transforms.get(self._fields[name], ())
        pipeline = Pipeline(calls, self._fields[name], arrays=arrays)
        return pipeline.finish(pipeline.prepare(batch), [0] * len(batch))

    def _checked(self, path: Path, name: str, batch: torch.Tensor) -> torch.Tensor:
        kind: TensorType = self.signature.inputs[name]
        sizes: dict[Symbol, int] = {}
        wrong = misfits(batch, kind, sizes, "what it holds", f"the input `{name}`")
        if wrong:
            notes = ("its transforms were applied first",) if self.preprocessing.transforms else ()
            raise Failure("NNC0910", path, wrong[0][0], notes=notes)
        return batch

    def _channels(self, name: str) -> str:
        """The mode in which an image file is read, so that the network gets the channels it takes."""
        calls = {c.name for c in self.preprocessing.transforms.get(self._fields[name], ())}
        shape = self.signature.inputs[name].shape
        gray = len(shape) == 4 and shape[1] == 1 and "Grayscale" not in calls
        return "L" if gray or "RGB" in calls else "RGB"


_READABLE = f"images ({', '.join(sorted(IMAGES))}), .npy, .npz and .csv are"


def _probabilities(scores: torch.Tensor, kind: str) -> torch.Tensor | None:
    """Probabilities (N, C) of the classes, or None where the output is no such thing."""
    if kind == "binary_logits" and scores[0].numel() == 1:
        yes = scores.reshape(-1, 1).sigmoid()
        return torch.cat([1 - yes, yes], dim=1)
    if scores.ndim != 2:
        return None
    match kind:
        case "logits":
            return scores.softmax(1)
        case "log_probabilities":
            return scores.exp()
        case "probabilities" if scores.shape[1] > 1:
            return scores
    return None


def _ranked(row: torch.Tensor, classes: Sequence[str], top_k: int) -> dict[str, Any]:
    values, indices = row.topk(min(top_k, len(row)))
    found = [
        {"class": _class(i, classes), "index": i, "probability": _finite(p)}
        for p, i in zip(values.tolist(), indices.tolist(), strict=True)
    ]
    return found[0] if top_k == 1 else found[0] | {"top": found}


def _class(index: int, classes: Sequence[str]) -> str:
    return classes[index] if index < len(classes) else str(index)


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def read_image(path: Path, mode: str) -> torch.Tensor:
    """An image file as (C, H, W) uint8; `mode` is Pillow's, `L` or `RGB`. Raises `Failure`."""
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Failure("NNC0909", path, f"the image has {image.width}×{image.height} pixels, more than are read")
            return image_batch(torch.as_tensor(np.array(image.convert(mode)))[None])[0]
    except FileNotFoundError:
        raise Failure("NNC0909", path, "there is no such file") from None
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise Failure("NNC0909", path, f"this is no readable image: {error}") from None


def read_csv(path: Path) -> torch.Tensor:
    """A table of numbers (N, columns) float32; a first line that is no numbers is its heading. Raises `Failure`."""
    rows: list[list[float]] = []
    try:
        if path.stat().st_size > MAX_CSV:
            raise Failure("NNC0909", path, f"a table of more than {MAX_CSV >> 30} GiB is not read")
        with path.open(newline="", encoding="utf-8-sig") as stream:
            for number, row in enumerate(csv.reader(stream), 1):
                if not row:
                    continue
                try:
                    rows.append([float(cell) for cell in row])
                except ValueError:
                    if number > 1:
                        raise Failure("NNC0909", path, f"line {number} holds something that is no number") from None
                if rows and len(rows[-1]) != len(rows[0]):
                    raise Failure("NNC0909", path, f"line {number} has {len(rows[-1])} columns, not {len(rows[0])}")
    except FileNotFoundError:
        raise Failure("NNC0909", path, "there is no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Failure("NNC0909", path, f"this is no readable table: {error}") from None
    if not rows:
        raise Failure("NNC0909", path, "the table is empty")
    return torch.tensor(rows, dtype=torch.float32)
