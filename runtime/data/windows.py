"""One long sequence of tokens, cut into windows: text, or numbers that are mapped from a file and read as needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnc.compiler.training.config import BoundCall
from nnc.runtime.data.lines import files_of, lines_of, read_text
from nnc.runtime.data.npz import UNREADABLE, read_npz
from nnc.runtime.data.tokenize import Encoder, encoder_of
from nnc.runtime.data.vocabulary import Vocabulary
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.saving.header import MAX_HEADER
from nnc.runtime.saving.ordinary import ordinary

__all__ = ["Windows", "open_windows"]

Array = np.ndarray[Any, Any]
NUMBERS = frozenset({".npy", ".bin", ".npz", ".safetensors"})
CHARACTERS = BoundCall("transform", "Characters", {"pad": False}, None)  # type: ignore[arg-type]  # written nowhere
STORED = {"U8": "<u1", "I8": "<i1", "I16": "<i2", "U16": "<u2", "I32": "<i4", "U32": "<u4", "I64": "<i8", "U64": "<u8"}
SCAN = 1 << 24  # tokens that are looked at at a time


@dataclass(frozen=True)
class Windows:
    """`length` tokens from each of `starts` in its array, number `sources[i]` of `arrays`. `shift` of 1 delivers the next
    tokens as well."""

    arrays: Sequence[Array]
    sources: torch.Tensor
    starts: torch.Tensor
    length: int
    shift: int
    vocabulary: Vocabulary | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, rows: torch.Tensor) -> Windows:
        return Windows(self.arrays, self.sources[rows], self.starts[rows], self.length, self.shift, self.vocabulary)

    def batch(self) -> tuple[torch.Tensor, ...]:
        """The windows (N, T) int64, and with `shift` those one token further."""
        size = self.length + self.shift
        places = self.starts[:, None].numpy() + np.arange(size)
        if len(self.arrays) == 1:
            whole = self.arrays[0][places]
        else:
            whole = np.stack([self.arrays[s][p] for s, p in zip(self.sources.tolist(), places, strict=True)])
        tokens = torch.from_numpy(whole.astype(np.int64))
        return (tokens[:, : self.length].contiguous(), tokens[:, 1:].contiguous()) if self.shift else (tokens,)

    def highest(self) -> int:
        """The largest number of a token; all of them are read for that."""
        return max(int(a[at : at + SCAN].max()) for a in self.arrays for at in range(0, len(a), SCAN))


def open_windows(call: BoundCall, base: Path, *, shift: int, known: Vocabulary | None = None) -> Windows:
    """The windows of a `Tokens`; `known` is the vocabulary of the training data. Raises `Failure`."""
    files, length = files_of(call, base), int(call.arguments["length"])
    numbers = [f.suffix.lower() in NUMBERS for f in files]
    if any(numbers) and not all(numbers):
        raise Failure("NNC0814", call.spans.get("file", call.span), "some files hold texts, and some numbers of tokens")
    vocabulary = None
    if all(numbers):
        if "by" in call.arguments and call.arguments["by"] is not None:
            raise Failure(
                "NNC0814",
                call.spans.get("by", call.span),
                f"{files[0].name} holds numbers already: no tokenizer makes them",
            )
        arrays = [_numbers(call, path) for path in files]
    else:
        arrays, vocabulary = _texts(call, files, known)
    stride = int(call.arguments.get("stride") or length)
    starts = [torch.arange(0, max(len(a) - length - shift + 1, 0), stride) for a in arrays]
    if not any(len(s) for s in starts):
        most = max(len(a) for a in arrays)
        raise Failure(
            "NNC0814", files[0], f"{most:,} tokens make no window of {length}" + (" and the token after it" if shift else ""),
            notes=("a smaller `length=` makes some",),
        )  # fmt: skip
    sources = torch.cat([torch.full((len(s),), i) for i, s in enumerate(starts)])
    return Windows(arrays, sources, torch.cat(starts), length, shift, vocabulary)


def _texts(call: BoundCall, files: Sequence[Path], known: Vocabulary | None) -> tuple[list[Array], Vocabulary]:
    texts = [read_text(path, call) for path in files]
    by = call.arguments.get("by") or BoundCall(CHARACTERS.group, CHARACTERS.name, CHARACTERS.arguments, call.span)
    if "pad" not in by.arguments and by.name in ("Characters", "Words", "Whitespace", "Bytes"):
        by = BoundCall(by.group, by.name, {**by.arguments, "pad": False}, by.span)  # windows are not filled up
    encoder = encoder_of([by], texts, known)
    smallest = (
        np.uint8 if len(encoder.vocabulary) <= 1 << 8 else np.uint16 if len(encoder.vocabulary) <= 1 << 16 else np.int32
    )
    arrays = []
    for path, text in zip(files, texts, strict=True):
        try:
            arrays.append(_encoded(encoder, text).astype(smallest))
        except KeyError as error:
            raise Failure("NNC0815", path, f"{error.args[0]!r} is in no training text, and `unk` is false") from None
    return arrays, encoder.vocabulary


def _encoded(encoder: Encoder, text: str) -> Array:
    """A whole text; where the tokenizer puts special tokens around a text, around each of its lines."""
    if not any(encoder.tokenizer.arguments.get(name) for name in ("bos", "eos")):
        return encoder.numbers(text, whole=True)
    return np.concatenate([np.zeros(0, np.int32), *map(encoder.numbers, lines_of(text))])


def _numbers(call: BoundCall, path: Path) -> Array:
    """Whole numbers ≥ 0, mapped from the file where its format allows."""
    try:
        match ordinary(path).suffix.lower():
            case ".npy":
                array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
            case ".bin":
                array = np.memmap(path, np.dtype(call.arguments.get("dtype", "uint16")).newbyteorder("<"), "r")
            case ".npz":
                array = _only(read_npz(path), call, path).numpy()
            case _:
                array = _safetensors(call, path)
    except FileNotFoundError:
        raise Failure("NNC0814", path, "there is no such file") from None
    except (*UNREADABLE, KeyError, TypeError) as error:
        raise Failure("NNC0814", path, f"its tokens cannot be read: {reason_of(error)}") from None
    if array.dtype.kind not in "iu":
        raise Failure("NNC0814", path, f"it holds {array.dtype}, and tokens are whole numbers")
    if array.ndim != 1:
        raise Failure("NNC0814", path, f"it holds an array {list(array.shape)}, and tokens are one after the other")
    if array.dtype.kind == "i" and any((array[at : at + SCAN] < 0).any() for at in range(0, len(array), SCAN)):
        raise Failure("NNC0815", path, "it holds numbers below 0, and tokens count from 0")
    return array


def _only(arrays: dict[str, torch.Tensor], call: BoundCall, path: Path) -> torch.Tensor:
    return arrays[_chosen(list(arrays), call, path)]


def _chosen(names: Sequence[str], call: BoundCall, path: Path) -> str:
    """The array that `array=` names, or the only one."""
    wanted = call.arguments.get("array")
    if wanted in names or (wanted is None and len(names) == 1):
        return str(wanted or names[0])
    listed = ", ".join(names[:20]) or "none"
    if wanted is None:
        raise Failure("NNC0814", path, f"it has several arrays: {listed}", notes=("`array=` names the one to read",))
    raise Failure("NNC0814", path, f"there is no array `{wanted}`", notes=(f"there are {listed}",))


def _safetensors(call: BoundCall, path: Path) -> Array:
    """A tensor mapped from the file: its place is in the header."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:  # it checks the whole header
            name = _chosen(list(file.keys()), call, path)
    except SafetensorError as error:
        raise ValueError(reason_of(error)) from None
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if size > MAX_HEADER:
            raise ValueError(f"its header has {size:,} bytes")
        entry = json.loads(stream.read(size))[name]
    if entry["dtype"] not in STORED:
        raise Failure("NNC0814", path, f"it holds {entry['dtype']}, and tokens are whole numbers")
    dtype, (begin, end) = np.dtype(STORED[entry["dtype"]]), entry["data_offsets"]
    count = (end - begin) // dtype.itemsize
    if not count:
        raise ValueError(f"`{name}` is empty")
    return np.memmap(path, dtype, "r", 8 + size + begin, tuple(entry["shape"]))
