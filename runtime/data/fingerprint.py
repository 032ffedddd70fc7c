"""What identifies data, at a bounded cost: equal data have equal fingerprints, and other data nearly always others.

Of arrays the numbers count, all of them up to 64 MiB and of larger ones rows spread evenly; of files names, classes and
sizes, of more than 4,096 files as many spread evenly. Neither times nor the place of a folder count, so a copy of the data has
the same fingerprint.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

from nnc.runtime.data.datasets import Columns, Samples

__all__ = ["fingerprint"]

MOST_BYTES = 64 << 20
MOST_FILES = 4096
MOST_TEXTS = 1 << 16
LENGTH = 32


def fingerprint(sources: Iterable[Columns | Samples]) -> str:
    """32 hexadecimal digits for datasets in their order, before any transform."""
    parts = [_columns(s) if isinstance(s, Columns) else _samples(s) for s in sources]
    return _digest(parts)[:LENGTH]


def _columns(source: Columns) -> list[Any]:
    sequences = [[name, _array(s.values), _array(s.starts), _array(s.lengths)] for name, s in source.sequences.items()]
    windows = [] if source.windows is None else [_array(a) for a in source.windows.arrays]
    texts = [[name, _spread(t, MOST_TEXTS)] for name, t in source.texts.items()]
    return [len(source), [[n, _array(t)] for n, t in source.fields.items()], sequences, texts, windows, _names(source)]


def _samples(source: Samples) -> list[Any]:
    labels = source.targets()
    files = getattr(source.dataset, "samples", None) or getattr(source.dataset, "imgs", None) or []
    some = [_file(entry) for entry in _spread(files, MOST_FILES)] if isinstance(files, Sequence) else []
    columns = getattr(getattr(source.dataset, "table", None), "columns", {})
    numbers = [[name, _array(c)] for name, c in columns.items()] if isinstance(columns, dict) else []
    return [len(source), source.fields, some, numbers, None if labels is None else _array(labels), _names(source)]


def _names(source: Columns | Samples) -> list[Any]:
    return [source.classes, [[name, known] for name, known in source.categories.items()]]


def _file(entry: Any) -> list[Any]:
    """The name of a file with its folder's, its class and its size; -1 where it is not there."""
    path, *rest = entry if isinstance(entry, tuple) else (entry,)
    try:
        size = os.stat(path).st_size
    except (OSError, TypeError, ValueError):
        size = -1
    return [PurePath(str(path)).parts[-2:], [str(value)[:200] for value in rest], size]


def _array(array: Any) -> list[Any]:
    """A tensor, or an array of NumPy's that may be mapped from a file."""
    rows = len(array) if array.ndim else 1
    most = max(1, MOST_BYTES * rows // max(1, array.nbytes))
    if array.ndim and rows > most:
        array = array[np.linspace(0, rows - 1, most).astype(np.int64)]
    if isinstance(array, torch.Tensor):
        plain = array.contiguous().reshape(-1).view(torch.uint8).numpy()
    else:
        plain = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return [rows, str(array.dtype), list(array.shape[1:]), hashlib.sha256(plain.data).hexdigest()]


def _spread(values: Sequence[Any], most: int) -> list[Any]:
    """All of them, or so many spread evenly."""
    if len(values) <= most:
        return list(values)
    return [values[i * (len(values) - 1) // (most - 1)] for i in range(most)]


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()
