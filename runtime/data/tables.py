"""Tables: columns of CSV and Parquet files as fields. Read with pyarrow, within the machine's memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch

from nnc.compiler.training.config import BoundCall
from nnc.runtime.data.broken import Broken
from nnc.runtime.data.npz import memory_limit
from nnc.runtime.data.ragged import Ragged
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.saving.ordinary import ordinary

__all__ = ["Categories", "ImageTable", "Rows", "Table", "read_table"]

Categories = Mapping[str, tuple[str, ...]]  # by field, the texts that are its classes, in the order of their numbers


@dataclass(frozen=True)
class Table:
    """Columns by field: tensors (N, …), names of image files, texts, or lists of different lengths. `categories` are
    those of fields whose texts are classes. `places` are the rows that the samples come from; `dropped` what was left out."""

    columns: Mapping[str, torch.Tensor]
    images: Mapping[str, Sequence[Path]]
    categories: Categories
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sequences: Mapping[str, Ragged] = field(default_factory=dict)
    places: Sequence[str] = ()
    dropped: tuple[Broken, ...] = ()


@dataclass(frozen=True)
class ImageTable:
    """A table with image files as a dataset of tuples in the order of `fields`: images as Pillow has them."""

    table: Table
    fields: tuple[str, ...]
    masks: frozenset[str] = frozenset()  # images of class numbers, which are no colors

    def __len__(self) -> int:
        return len(next(iter(self.table.images.values())))

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return tuple(self._value(f, index) for f in self.fields)

    def _value(self, field: str, index: int) -> Any:
        from PIL import Image

        if field in self.table.texts:
            return self.table.texts[field][index]
        if field in self.table.sequences:
            return self.table.sequences[field].sequence(index)
        if field not in self.table.images:
            return self.table.columns[field][index]
        with Image.open(ordinary(Path(self.table.images[field][index]))) as image:
            plain = field in self.masks or image.mode in ("L", "RGB")
            return image.copy() if plain else image.convert("RGB")

    @property
    def samples(self) -> list[tuple[str, int]]:
        """Each sample's first file, for messages."""
        files = next(iter(self.table.images.values()))
        return [(str(f), i) for i, f in enumerate(files)]

    @property
    def targets(self) -> list[int] | None:
        """Whole numbers of the last field, where it has them."""
        last = self.table.columns.get(self.fields[-1])
        return last.tolist() if last is not None and last.dtype == torch.int64 and last.ndim == 1 else None


@dataclass(frozen=True)
class Rows(Sequence[str]):
    """The rows of a file, by what they are called in a message."""

    path: Path
    numbers: Sequence[int]
    word: str = "row"

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return Rows(self.path, self.numbers[index], self.word)
        return f"{self.path}, {self.word} {self.numbers[index]}"


def read_table(
    call: BoundCall,
    fields: tuple[str, ...],
    base: Path,
    known: Categories,
    *,
    texts: Collection[str] = (),
    padded: Collection[str] = (),
    skip: bool = False,
) -> Table:
    """The fields of a `Csv` or `Parquet`. `known` are the categories of the training data, which a text must be among;
    fields in `texts` stay text, those in `padded` may hold lists of different lengths. With `skip`, rows that lack a value
    are left out. Raises `Failure`, naming the file, the column and the row."""
    path = base / str(call.arguments["file"])
    written = call.arguments.get("columns") or {}
    chosen = {f: written.get(f, f) for f in fields}
    names = {f: (c,) if isinstance(c, str) else tuple(c) for f, c in chosen.items()}
    wanted = list(dict.fromkeys(n for several in names.values() for n in several))
    written_out = [n for f in texts if f in names for n in names[f]]
    raw = _read(call, path, wanted, written_out)
    raw, rows, dropped = (
        _sound(raw, names, path, known, written_out) if skip else (raw, range(1, len(raw[wanted[0]]) + 1), ())
    )
    images = call.arguments.get("images") or ()
    columns: dict[str, torch.Tensor] = {}
    files: dict[str, Sequence[Path]] = {}
    categories: dict[str, tuple[str, ...]] = {}
    kept: dict[str, Sequence[str]] = {}
    sequences: dict[str, Ragged] = {}
    for f in fields:
        if f in texts:
            kept[f] = _texts(raw[names[f][0]], names[f], path)
            continue
        if f in padded:
            sequences[f] = _sequences(raw[names[f][0]], names[f][0], path)
            continue
        if f in images:
            root = base / str(call.arguments["root"]) if call.arguments.get("root") else path.parent
            files[f] = _files(raw[names[f][0]], root, path)
            continue
        parts = [_column(raw[n], n, path, f, known, categories) for n in names[f]]
        columns[f] = parts[0] if isinstance(chosen[f], str) else _beside(parts)
    return Table(columns, files, categories, kept, sequences, Rows(path, rows), dropped)


def _sound(
    raw: dict[str, Any], names: Mapping[str, tuple[str, ...]], path: Path, known: Categories, texts: Collection[str]
) -> tuple[dict[str, Any], Sequence[int], tuple[Broken, ...]]:
    """The rows that have all values, their numbers, and what is said of the others."""
    import pyarrow

    faults: dict[int, str] = {}
    for name, array in raw.items():
        values = array.to_pylist() if array.null_count or _is_text(array) else ()
        missing = [i for i, v in enumerate(values) if v is None or (v == "" and name not in texts)]
        faults |= dict.fromkeys(missing, f"it has no value in the column `{name}`")
    for f, (name, *_) in names.items():
        if classes := set(known.get(f, ())):
            strange = [(i, t) for i, t in enumerate(raw[name].to_pylist()) if t and t not in classes]
            faults |= {i: f"it has {t!r} in the column `{name}`, which no training sample has" for i, t in strange}
    count = len(next(iter(raw.values())))
    rows = [i + 1 for i in range(count) if i not in faults]
    if not rows:
        raise Failure("NNC0814", path, "no row of it has all values")
    keep = pyarrow.array([i not in faults for i in range(count)])
    dropped = tuple(Broken(f"{path}, row {i + 1}", faults[i]) for i in sorted(faults))
    return ({n: a.filter(keep) for n, a in raw.items()} if faults else raw), rows, dropped


def _read(call: BoundCall, path: Path, wanted: list[str], texts: Collection[str] = ()) -> dict[str, Any]:
    """pyarrow's columns by name; those in `texts` are not taken for numbers or dates."""
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet

    if not path.is_file():
        raise Failure("NNC0814", path, "there is no such file")
    try:
        if call.name == "Parquet":
            found = pyarrow.parquet.ParquetFile(path)
            known = found.schema_arrow.names
            _missing(wanted, known, call, path)
            batches = found.iter_batches(columns=[n for n in known if n in wanted])
        else:
            names = call.arguments.get("names")
            reading = pyarrow.csv.ReadOptions(column_names=list(names) if names else None)
            parsing = pyarrow.csv.ParseOptions(delimiter=call.arguments.get("delimiter", ","), newlines_in_values=True)
            known = pyarrow.csv.open_csv(path, reading, parsing).schema.names
            _missing(wanted, known, call, path)
            converting = pyarrow.csv.ConvertOptions(
                include_columns=wanted,
                null_values=["", "NA", "NaN", "nan", "null"],
                column_types={n: pyarrow.string() for n in texts},
            )
            batches = _csv(path, reading, parsing, converting)
        kept = list(_bounded(batches, path))
        if not kept:
            raise Failure("NNC0814", path, "it has no rows")
        table = pyarrow.Table.from_batches(kept)
        table.validate(full=True)  # texts that are no UTF-8 would be found when they are used
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise Failure("NNC0814", path, f"this is no readable {call.name} file: {reason_of(error)}") from None
    if table.num_rows == 0:
        raise Failure("NNC0814", path, "it has no rows")
    return {n: table.column(n).combine_chunks() for n in wanted}


def _csv(path: Path, *options: Any) -> Iterator[Any]:
    """Batch by batch within the limit; a column's type is that of the whole file, so a first pass finds it."""
    import pyarrow.csv

    with pyarrow.input_stream(str(path)) as stream:
        limit, size = memory_limit(), 0
        while chunk := stream.read(1 << 20):
            size += len(chunk)
            if size > limit:
                raise Failure(
                    "NNC0814", path, f"it holds more than {limit / 2**30:.1f} GiB, half of this machine's memory"
                )
    yield from pyarrow.csv.read_csv(path, *options).to_batches()


def _bounded(batches: Any, path: Path) -> Iterator[Any]:
    limit, size = memory_limit(), 0
    for batch in batches:
        size += batch.nbytes
        if size > limit:
            raise Failure(
                "NNC0814", path, f"its columns take more than {limit / 2**30:.1f} GiB, half of this machine's memory"
            )
        yield batch


def _missing(wanted: list[str], known: list[str], call: BoundCall, path: Path) -> None:
    from nnc.compiler.suggest import closest

    for name in wanted:
        if name not in known:
            meant = closest(name, known)
            notes = (f"did you mean `{meant}`?",) if meant else (f"there are {', '.join(known[:20])}",)
            at = call.spans.get("columns", call.span)
            raise Failure("NNC0814", at, f"{path.name} has no column `{name}`", notes=notes)
    twice = next((n for n in wanted if known.count(n) > 1), None)
    if twice is not None:
        raise Failure("NNC0814", path, f"two columns are called `{twice}`")


def _column(
    array: Any, name: str, path: Path, field: str, known: Categories, found: dict[str, tuple[str, ...]]
) -> torch.Tensor:
    import pyarrow

    if array.null_count:
        row = next(i for i, valid in enumerate(array.is_valid()) if not valid.as_py())
        raise Failure("NNC0814", path, f"row {row + 1} has no value in the column `{name}`")
    kind = array.type
    if pyarrow.types.is_dictionary(kind):
        array, kind = array.dictionary_decode(), kind.value_type
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        return _classes(array.to_pylist(), name, path, field, known, found)
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind) or pyarrow.types.is_fixed_size_list(kind):
        return _rows(array, name, path)
    return _numbers(array, name, path)


def _is_text(array: Any) -> bool:
    import pyarrow

    return bool(pyarrow.types.is_string(array.type) or pyarrow.types.is_large_string(array.type))


def _texts(array: Any, names: tuple[str, ...], path: Path) -> Sequence[str]:
    import pyarrow

    if len(names) > 1:
        raise Failure("NNC0814", path, f"a text is one column, and not {', '.join(names)} side by side")
    if pyarrow.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not _is_text(array):
        raise Failure("NNC0814", path, f"the column `{names[0]}` holds {array.type}, and its field is cut into tokens")
    if array.null_count:
        row = next(i for i, valid in enumerate(array.is_valid()) if not valid.as_py())
        raise Failure("NNC0814", path, f"row {row + 1} has no value in the column `{names[0]}`")
    return list(array.to_pylist())


def _sequences(array: Any, name: str, path: Path) -> Ragged:
    """A column of lists of numbers (T,)."""
    import pyarrow

    kind = array.type
    if not (pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind)):
        raise Failure("NNC0814", path, f"the column `{name}` holds {kind}, and lists of numbers can be padded")
    if array.null_count:
        row = next(i for i, valid in enumerate(array.is_valid()) if not valid.as_py())
        raise Failure("NNC0814", path, f"row {row + 1} has no value in the column `{name}`")
    flat = array.flatten()
    if flat.null_count:
        raise Failure("NNC0814", path, f"a list in the column `{name}` lacks a value")
    lengths = torch.from_numpy(np.array(array.value_lengths().to_numpy(zero_copy_only=False)).astype(np.int64))
    return Ragged.packed(_numbers(flat, name, path), lengths)


def _numbers(array: Any, name: str, path: Path) -> torch.Tensor:
    """int64, bool and float32: what `DataLoader` and losses take."""
    import pyarrow

    kind = array.type
    if pyarrow.types.is_boolean(kind):
        return torch.from_numpy(np.array(array.to_numpy(zero_copy_only=False), dtype=bool))
    if pyarrow.types.is_integer(kind):
        return torch.from_numpy(np.array(array.to_numpy(zero_copy_only=False)).astype(np.int64))
    if pyarrow.types.is_floating(kind) or pyarrow.types.is_decimal(kind):
        return torch.from_numpy(np.array(array.to_numpy(zero_copy_only=False)).astype(np.float32))
    raise Failure("NNC0814", path, f"the column `{name}` holds {kind}, and tensors hold numbers")


def _rows(array: Any, name: str, path: Path) -> torch.Tensor:
    lengths = {len(row) for row in array}
    if len(lengths) != 1:
        raise Failure(
            "NNC0814", path, f"the lists in the column `{name}` have different lengths: {sorted(lengths)[:3]}"
        )
    flat = array.flatten()
    if flat.null_count:
        raise Failure("NNC0814", path, f"a list in the column `{name}` lacks a value")
    return _numbers(flat, name, path).reshape(len(array), -1)


def _classes(
    texts: list[str], name: str, path: Path, field: str, known: Categories, found: dict[str, tuple[str, ...]]
) -> torch.Tensor:
    """Texts as class numbers."""
    if "" in texts:
        raise Failure("NNC0814", path, f"row {texts.index('') + 1} has no value in the column `{name}`")
    names = known.get(field) or tuple(sorted(set(texts)))
    numbers = {text: i for i, text in enumerate(names)}
    strange = next((i for i, text in enumerate(texts) if text not in numbers), None)
    if strange is not None:
        what = f"row {strange + 1} has {texts[strange]!r} in the column `{name}`, which no training sample has"
        raise Failure(
            "NNC0815", path, what, notes=(f"the classes are {', '.join(names[:10])}{' …' if len(names) > 10 else ''}",)
        )
    found[field] = names
    return torch.tensor([numbers[text] for text in texts])


def _beside(parts: list[torch.Tensor]) -> torch.Tensor:
    """Several columns as one field (N, C), in the widest of their dtypes."""
    flat = [p if p.ndim > 1 else p[:, None] for p in parts]
    return torch.cat([p.to(torch.float32) if any(q.is_floating_point() for q in flat) else p for p in flat], 1)


def _files(array: Any, root: Path, path: Path) -> Sequence[Path]:
    """Image files below `root`: a table that one was given must not name others."""
    found = []
    top = root.resolve()
    for row, value in enumerate(array.to_pylist()):
        file = (root / str(value)) if value is not None else root
        if value is None or not file.resolve().is_relative_to(top):
            raise Failure("NNC0814", path, f"row {row + 1} names no file below {root}: {value!r}")
        found.append(file)
    return found
