"""Results as lines of JSON or as CSV, to a stream or to a file that appears whole or not at all; masks as pictures."""

from __future__ import annotations

import csv
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, TextIO

import torch

from nnc.runtime.failure import Failure
from nnc.runtime.prediction.inputs import Place
from nnc.runtime.report import finite
from nnc.runtime.saving.files import TEMPORARY, flush_folder, write_file, writing

__all__ = ["CsvWriter", "Format", "JsonWriter", "MaskFolder", "result_file", "writer_of"]

Format = Literal["jsonl", "csv"]
MOST_COLUMNS = 10_000


class JsonWriter:
    """One JSON object a line."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, result: Mapping[str, Any]) -> None:
        self._stream.write(json.dumps(finite(dict(result)), ensure_ascii=False) + "\n")


class CsvWriter:
    """A table whose columns are those of the first result: nested values are named by their way (`outputs.a.0`,
    `probabilities.cat`, `top.1.class`). Raises `Failure` for a result that has others."""

    def __init__(self, stream: IO[str]) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self._columns: list[str] | None = None

    def write(self, result: Mapping[str, Any]) -> None:
        cells = dict(_flat("", result))
        if self._columns is None:
            optional = ["sample"] if "sample" not in cells else []
            first = list(cells)
            self._columns = first[:1] + optional + first[1:]
            if len(self._columns) > MOST_COLUMNS:
                what = f"a result has {len(cells):,} numbers, which no table has columns for: write lines of JSON"
                raise Failure("NNC0910", str(result.get("input", "results")), what)
            self._writer.writerow(self._columns)
        strange = next((c for c in cells if c not in self._columns), None)
        if strange is not None:
            what = f"it has the value `{strange}`, which the first result has not: write lines of JSON"
            raise Failure("NNC0910", str(result.get("input", "results")), what)
        self._writer.writerow([cells.get(c, "") for c in self._columns])


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Values by their way. Lists of texts, such as labels, are one cell."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    elif isinstance(value, list) and (not value or all(isinstance(v, str) for v in value)):
        yield prefix, ";".join(value)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _flat(f"{prefix}.{i}", inner)
    else:
        yield prefix, value


def writer_of(form: Format, stream: IO[str]) -> JsonWriter | CsvWriter:
    return JsonWriter(stream) if form == "jsonl" else CsvWriter(stream)


@contextmanager
def result_file(path: Path) -> Iterator[TextIO]:
    """A text file to write to, as long as it takes; it gets its name when the block ends well, with all of it on the disk.
    Raises `Failure` where it cannot be written."""
    target = Path(os.path.realpath(path))  # through a link, not in its place
    temporary = target.parent / f"{TEMPORARY}{target.name}-{secrets.token_hex(4)}"
    try:
        with writing(path):
            target.parent.mkdir(parents=True, exist_ok=True)
            stream = temporary.open("x", encoding="utf-8", newline="")
        with stream:
            yield stream
            with writing(path):
                stream.flush()
                os.fsync(stream.fileno())
        with writing(path):
            os.replace(temporary, target)
            flush_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


class MaskFolder:
    """Masks (H, W) as PNG files of gray values that are the numbers of the classes, 16 bits where there are more than 256. A file
    is called as the input, below the folder; several samples of one are numbered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._used: set[Path] = set()

    def save(self, place: Place, mask: torch.Tensor) -> str:
        """The name of the file that was written. Raises `Failure`."""
        import io

        from PIL import Image

        numbers = mask.to(torch.uint8 if int(mask.max()) < 256 else torch.int32).numpy()
        buffer = io.BytesIO()
        Image.fromarray(numbers if numbers.itemsize == 1 else numbers.astype("uint16")).save(buffer, "PNG")
        path = self._path(place)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, buffer.getvalue())
        return str(path)

    def _path(self, place: Place) -> Path:
        """A name that no other sample has, and that does not lead out of the folder."""
        parts = [p for p in Path(place.name).with_suffix("").parts if p not in ("..", ".", os.sep) and ":" not in p]
        plain = [p.replace("<", "").replace(">", "") or "mask" for p in parts] or ["mask"]
        number = "" if place.sample is None else f"-{place.sample}"
        path, count = self.folder.joinpath(*plain[:-1], f"{plain[-1]}{number}.png"), 1
        while path in self._used:
            count += 1
            path = self.folder.joinpath(*plain[:-1], f"{plain[-1]}{number}-{count}.png")
        self._used.add(path)
        return path
