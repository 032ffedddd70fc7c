"""Where samples come from: files, folders, standard input. They are read as they are needed, and what cannot be read comes
out as a `Failure` in its place, with its name."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import IO, Any

from nnc.runtime.data.lines import lines_of, read_text
from nnc.runtime.data.npz import read_npy, read_npz, read_safetensors
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.prediction.inputs import Block, Inputs, Place
from nnc.runtime.saving.ordinary import ordinary

__all__ = ["IMAGES", "STDIN", "Sources"]

IMAGES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
PICKLED = frozenset({".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth"})
TABLES = frozenset({".csv", ".parquet"})
LINES = frozenset({".jsonl", ".ndjson"})
TEXTS = frozenset({".txt", ".text", ".gz"})
ARRAYS = frozenset({".npy", ".npz", ".safetensors"})
STDIN = "-"
MAX_LINE = 64 << 20  # characters of a line of JSON, or of a table
READERS = 4  # images that are decoded at the same time
Row = tuple[Place, Mapping[str, Any], Path]


class Sources:
    """Reads samples, `size` at a time at most."""

    def __init__(self, inputs: Inputs, size: int, stdin: IO[bytes] | None = None) -> None:
        self.inputs, self.size, self.stdin = inputs, size, stdin

    def blocks(self, paths: Iterable[str | Path]) -> Iterator[Block | Failure]:
        """The samples of all of them, in order."""
        with ThreadPoolExecutor(min(READERS, os.cpu_count() or 1)) as pool:
            yield from _in_order(pool, self._jobs(paths), 2 * self.size)

    def _jobs(self, paths: Iterable[str | Path]) -> Iterator[Callable[[], Block] | Iterator[Block | Failure]]:
        """An image is a call, that another thread may make; what else there is comes in order."""
        for path in paths:
            if str(path) == STDIN:
                yield from self._stdin()
            elif Path(path).is_dir():
                yield from self._folder(Path(path))
            else:
                yield self._file(Path(path))

    def _file(self, path: Path) -> Callable[[], Block] | Iterator[Block | Failure]:
        suffix = path.suffix.lower()
        if suffix in IMAGES and len(self.inputs.plain) == 1 == len(self.inputs.fields):
            return lambda: self.inputs.image(path)
        return _guarded(path, lambda: self._several(path, suffix))

    def _several(self, path: Path, suffix: str) -> Iterator[Block | Failure]:
        inputs = self.inputs
        if suffix in PICKLED:
            what = "pickled files are not opened: that can run anything; save the array as .npy or .npz"
            raise Failure("NNC0909", path, what)
        if suffix in LINES:
            with ordinary(path).open("rb") as stream:
                yield from self._records(_lines(stream, path), str(path), path.parent)
        elif suffix == ".csv":
            yield from self._table(path)
        elif suffix == ".parquet":
            yield from self._rows(_parquet(path, self.size), str(path), path.parent)
        elif inputs.texts.complete and suffix in TEXTS:
            yield from self._text_lines(path)
        elif suffix == ".npz":
            yield from inputs.arrays(path, read_npz(path), self.size)
        elif suffix == ".safetensors":
            yield from inputs.arrays(path, read_safetensors(path, None), self.size)
        elif len(inputs.fields) > 1 and suffix in IMAGES | ARRAYS:
            names = ", ".join(inputs.fields)
            what = (
                f"the network has the inputs {names}: give them in an .npz file with these arrays, or as lines of JSON"
            )
            raise Failure("NNC0909", path, what)
        elif suffix == ".npy":
            yield from inputs.arrays(path, {"": read_npy(path)}, self.size)
        elif not path.exists():
            raise FileNotFoundError
        else:
            raise Failure("NNC0909", path, f"files like `{suffix or path.name}` are not read", notes=(READABLE,))

    # -- folders -------------------------------------------------------------------------------------------------------

    def _folder(self, root: Path) -> Iterator[Callable[[], Block] | Iterator[Block | Failure]]:
        """The files in a folder and in those inside it, in order of their names: images, or texts for a network that takes
        texts. Others are left alone."""
        wanted = TEXTS if self.inputs.texts.complete else IMAGES
        files = (f for f in _files_below(root) if f.suffix.lower() in wanted)
        first = next(files, None)
        if first is None:
            what = "text files" if wanted is TEXTS else "images"
            yield iter([Failure("NNC0909", root, f"there are no {what} in this folder")])
            return
        for file in chain([first], files):
            yield self._file(file)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _stdin(self) -> Iterator[Callable[[], Block] | Iterator[Block | Failure]]:
        """Lines of JSON; or names of files, or texts for a network that takes texts."""
        if self.stdin is None:
            yield iter([Failure("NNC0909", "<stdin>", "there is no standard input here")])
            return
        lines = _lines(self.stdin, "<stdin>")
        first = next(lines, None)
        if first is None:
            yield iter([Failure("NNC0909", "<stdin>", "standard input is empty")])
            return
        rest = chain([first], lines)
        if isinstance(first, Failure) or self._is_json(first[1]):
            yield self._records(rest, "<stdin>", Path())
        elif self.inputs.texts.complete and len(self.inputs.texts.fields) == 1:
            (text,) = self.inputs.texts.fields
            rows = (
                line
                if isinstance(line, Failure)
                else (Place("<stdin>", i, f"<stdin>, line {line[0]}"), {text: line[1]}, Path())
                for i, line in enumerate(rest)
            )
            yield self._grouped(rows)
        else:
            for line in rest:
                if isinstance(line, Failure):
                    yield iter([line])
                elif Path(line[1]).is_dir():
                    yield from self._folder(Path(line[1]))
                else:
                    yield self._file(Path(line[1]))

    def _is_json(self, line: str) -> bool:
        """Whether standard input that begins with this line is JSON, and not names of files, or texts."""
        if not self.inputs.texts.complete:
            return line[:1] in tuple('{["') or _is_number(line)
        try:
            return isinstance(json.loads(line), dict | str)
        except (ValueError, RecursionError):
            return False

    def _records(
        self, lines: Iterable[tuple[int, str] | Failure], name: str, folder: Path
    ) -> Iterator[Block | Failure]:
        """Lines of JSON: an object with the inputs by name, or the value of the only one."""
        yield from self._grouped(_record(line, i, name, folder, self.inputs) for i, line in enumerate(lines))

    def _grouped(self, rows: Iterable[Row | Failure]) -> Iterator[Block | Failure]:
        ready: list[Row] = []
        for row in rows:
            if isinstance(row, Failure):
                yield from self.inputs.rows(ready)
                ready = []
                yield row
                continue
            ready.append(row)
            if len(ready) == self.size:
                yield from self.inputs.rows(ready)
                ready = []
        yield from self.inputs.rows(ready)

    def _rows(self, rows: Iterable[Mapping[str, Any]], name: str, folder: Path) -> Iterator[Block | Failure]:
        """Rows with names of columns, counted from 0 as the samples of arrays are."""
        yield from self._grouped((Place(name, i), row, folder) for i, row in enumerate(rows))

    def _table(self, path: Path) -> Iterator[Block | Failure]:
        """A .csv file: columns by the names in its first line; or all of them side by side, for a network with one input whose
        columns are not known by name."""
        with ordinary(path).open(newline="", encoding="utf-8-sig") as stream:
            rows = _cells(stream, path)
            first = next(rows, None)
            if first is None:
                raise Failure("NNC0909", path, "the table is empty")
            head = None if all(map(_is_number, first[1])) else first[1]
            rest = rows if head is not None else chain([first], rows)
            second = next(rest, None)
            if second is None:
                raise Failure("NNC0909", path, "the table is empty")
            named = head is not None and self._knows(head)
            width = len(head or first[1])
            only = None if named else self._only_input(path, head)
            found = (
                _row(row, n, path, width, head if named else None, only) for n, row in enumerate(chain([second], rest))
            )
            yield from self._grouped(found)

    def _knows(self, head: Sequence[str]) -> bool:
        """Whether every field has its columns there."""
        columns = self.inputs.preprocessing.columns
        fields = {**self.inputs.plain, **{f: f for f in self.inputs.texts.fields}}
        return all(n in head or f in head or (f in columns and set(columns[f]) <= set(head)) for n, f in fields.items())

    def _only_input(self, path: Path, head: Sequence[str] | None) -> str:
        """The only input, of which all columns side by side are a sample. Where columns have other names than in training, or a
        first line may be a sample as well as a heading, nothing is guessed."""
        names = [*self.inputs.plain, *self.inputs.texts.fields]
        known = self.inputs.preprocessing.columns
        words = bool(self.inputs.texts.fields) or any(map(self.inputs.is_image, self.inputs.plain))
        if len(names) != 1 or (head is not None and (words or self.inputs.fields.get(names[0], names[0]) in known)):
            wanted = ", ".join(c for n in names for c in known.get(self.inputs.fields.get(n, n), (n,)))
            raise Failure(
                "NNC0909", path, f"the table has no columns called {wanted}",
                notes=(f"its first line is {', '.join(head)[:200]}",) if head is not None else ("its first line is numbers",),
            )  # fmt: skip
        return names[0]

    def _text_lines(self, path: Path) -> Iterator[Block | Failure]:
        """A file with one text a line."""
        if len(self.inputs.texts.fields) > 1:
            raise Failure("NNC0909", path, f"the network takes several texts: {', '.join(self.inputs.texts.fields)}")
        (text,) = self.inputs.texts.fields
        lines = [line for line in lines_of(read_text(path)) if line]
        if not lines:
            raise Failure("NNC0909", path, "it has no lines")
        yield from self._grouped(
            (Place(str(path), i if len(lines) > 1 else None), {text: line}, path.parent) for i, line in enumerate(lines)
        )


READABLE = (
    f"images ({', '.join(sorted(IMAGES))}), arrays ({', '.join(sorted(ARRAYS))}), tables (.csv, .parquet), "
    "lines of JSON (.jsonl) and folders of images are"
)


def _in_order(
    pool: ThreadPoolExecutor, jobs: Iterator[Callable[[], Block] | Iterator[Block | Failure]], ahead: int
) -> Iterator[Block | Failure]:
    """What the jobs give, in their order, while at most so many images are read ahead."""
    waiting: list[Future[Block | Failure] | Iterator[Block | Failure]] = []
    try:
        for job in jobs:
            waiting.append(pool.submit(_tried, job) if callable(job) else job)
            while len(waiting) > ahead or (waiting and not isinstance(waiting[0], Future)):
                yield from _done(waiting.pop(0))
        for one in waiting:
            yield from _done(one)
    finally:
        for one in waiting:
            if isinstance(one, Future):
                one.cancel()


def _done(one: Future[Block | Failure] | Iterator[Block | Failure]) -> Iterator[Block | Failure]:
    if isinstance(one, Future):
        yield one.result()
    else:
        yield from one


def _tried(job: Callable[[], Block]) -> Block | Failure:
    try:
        return job()
    except Failure as failure:
        return failure


def _guarded(path: Path, read: Callable[[], Iterator[Block | Failure]]) -> Iterator[Block | Failure]:
    """What is said about a file that cannot be read ends the file, and not the others."""
    try:
        yield from read()
    except Failure as failure:
        yield failure
    except FileNotFoundError:
        yield Failure("NNC0909", path, "there is no such file")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        yield Failure("NNC0909", path, f"this cannot be read: {reason_of(error)}")


def _files_below(root: Path) -> Iterator[Path]:
    """All files below a folder, by name; links to other folders are not followed."""
    for folder, inner, files in os.walk(root):
        inner.sort()
        yield from (Path(folder, f) for f in sorted(files))


def _lines(stream: IO[bytes], name: Path | str) -> Iterator[tuple[int, str] | Failure]:
    """Lines that are not empty, with their numbers from 1 on; one that is too long, or no UTF-8, ends them."""
    number = 0
    while line := stream.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE:
            yield Failure("NNC0909", f"{name}, line {number}", f"a line of more than {MAX_LINE >> 20} MiB is not read")
            return
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n")
        except UnicodeDecodeError:
            yield Failure("NNC0909", f"{name}, line {number}", "it is not UTF-8")
            continue
        if text.strip():
            yield number, text


def _record(line: tuple[int, str] | Failure, count: int, name: str, folder: Path, inputs: Inputs) -> Row | Failure:
    if isinstance(line, Failure):
        return line
    number, text = line
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Failure("NNC0909", f"{name}, line {number}", f"it is no JSON: {reason_of(error)}")
    names = [*inputs.plain, *inputs.texts.fields]
    said = f"{name}, line {number}"
    if isinstance(value, Mapping):
        own = value.get("id") if "id" not in (*names, *inputs.fields.values()) else None
        return Place(name, count, said, own if isinstance(own, str | int | float) else None), value, folder
    if len(names) > 1:
        what = f"an object with {', '.join(names)} is needed, not {type(value).__name__}"
        return Failure("NNC0909", f"{name}, line {number}", what)
    return Place(name, count, said), {names[0]: value}, folder


def _cells(stream: Iterable[str], path: Path) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(MAX_LINE)
    for number, row in enumerate(csv.reader(stream), 1):
        if row:
            yield number, row


def _row(
    row: tuple[int, list[str]], count: int, path: Path, width: int, head: Sequence[str] | None, only: str | None
) -> Row | Failure:
    """One row of a table as values by column, or side by side as the only input."""
    number, cells = row
    place = Place(str(path), count, f"{path}, line {number}")
    if len(cells) != width:
        return Failure("NNC0909", path, f"line {number} has {len(cells)} columns, not {width}")
    if head is not None:
        return place, dict(zip(head, cells, strict=True)), path.parent
    assert only is not None, "a table without names is for one input"
    if len(cells) == 1:
        return place, {only: [float(cells[0])] if _is_number(cells[0]) else cells[0]}, path.parent
    if not all(map(_is_number, cells)):
        return Failure("NNC0909", path, f"line {number} holds something that is no number")
    return place, {only: [float(c) for c in cells]}, path.parent


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _parquet(path: Path, size: int) -> Iterator[Mapping[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    if not path.is_file():
        raise FileNotFoundError
    try:
        file = pyarrow.parquet.ParquetFile(path)
        for batch in file.iter_batches(batch_size=size):
            yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise Failure("NNC0909", path, f"this is no readable .parquet file: {reason_of(error)}") from None
