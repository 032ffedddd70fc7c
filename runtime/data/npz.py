"""Arrays of .npz, .npy and .safetensors files, read without pickle and within bounds."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
import torch
from numpy.lib import format as npy

from nnc.runtime.failure import Failure
from nnc.runtime.saving.ordinary import ordinary

__all__ = ["UNREADABLE", "memory_limit", "read_npy", "read_npz", "read_safetensors", "to_tensor"]

# Unsigned integers that torch has no arithmetic for, as the signed type that holds them.
WIDER = {np.dtype(np.uint16): np.int32, np.dtype(np.uint32): np.int64}

# What NumPy says about a damaged array; its header is Python's text of a dictionary, and is cut into tokens.
UNREADABLE = (OSError, EOFError, ValueError, OverflowError, MemoryError, RecursionError, SyntaxError, TokenError)


def memory_limit() -> int:
    """Bytes that a dataset may take in memory: half of what the machine has."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return 8 << 30


def read_npz(path: Path, names: Sequence[str] | None = None) -> dict[str, torch.Tensor]:
    """The named arrays (all of them by default) as tensors. Raises `Failure` where one is missing, holds Python objects
    or text, contradicts its own header, or is larger than the machine's memory allows."""
    try:
        with zipfile.ZipFile(ordinary(path)) as archive:
            members = {i.filename.removesuffix(".npy"): i for i in archive.infolist() if i.filename.endswith(".npy")}
            names = list(members) if names is None else names
            missing = [n for n in names if n not in members]
            if missing:
                raise Failure(
                    "NNC0814",
                    path,
                    f"there is no array `{missing[0]}`",
                    notes=(f"there are {', '.join(members) or 'none'}",),
                )
            total = sum(members[n].file_size for n in names)
            if total > memory_limit():
                raise Failure(
                    "NNC0814", path, f"its arrays take {total / 2**30:.1f} GiB, more than half of this machine's memory"
                )
            arrays = {}
            for name in names:
                with archive.open(members[name]) as stream:
                    arrays[name] = to_tensor(_read(stream, members[name].file_size, path, name), path, name)
            return arrays
    except FileNotFoundError:
        raise Failure("NNC0814", path, "there is no such file") from None
    except (*UNREADABLE, zipfile.BadZipFile, RuntimeError, KeyError) as error:
        raise Failure("NNC0814", path, f"this is no readable .npz file: {error}") from None
    except Exception as error:
        if type(error).__module__ != "zlib":
            raise
        raise Failure("NNC0814", path, f"this is no readable .npz file: {error}") from None


def read_safetensors(path: Path, names: Sequence[str] | None = None) -> dict[str, torch.Tensor]:
    """The named tensors, by default all. Raises `Failure`."""
    from safetensors import SafetensorError, safe_open

    try:
        if path.stat().st_size > memory_limit():
            raise Failure(
                "NNC0814",
                path,
                f"it takes {path.stat().st_size / 2**30:.1f} GiB, more than half of this machine's memory",
            )
        with safe_open(ordinary(path), framework="pt") as file:
            names = list(file.keys()) if names is None else names
            missing = [n for n in names if n not in file.keys()]  # noqa: SIM118  # no mapping
            if missing:
                notes = (f"there are {', '.join(file.keys()) or 'none'}",)
                raise Failure("NNC0814", path, f"there is no tensor `{missing[0]}`", notes=notes)
            return {n: file.get_tensor(n).clone() for n in names}
    except FileNotFoundError:
        raise Failure("NNC0814", path, "there is no such file") from None
    except (OSError, SafetensorError) as error:
        raise Failure("NNC0814", path, f"this is no readable .safetensors file: {error}") from None


def read_npy(path: Path) -> torch.Tensor:
    """One array of a .npy file. Raises `Failure`."""
    try:
        size = path.stat().st_size
        with ordinary(path).open("rb") as stream:
            return to_tensor(_read(stream, size, path, path.name), path, path.name)
    except FileNotFoundError:
        raise Failure("NNC0814", path, "there is no such file") from None
    except UNREADABLE as error:
        raise Failure("NNC0814", path, f"this is no readable .npy file: {error}") from None


def _read(stream: IO[bytes], size: int, path: Path, name: str) -> np.ndarray[Any, Any]:
    """One array, after its header has been held against the bytes that are there."""
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise Failure("NNC0814", path, f"the array `{name}` has the unknown format {version}")
    reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = reader(stream)
    if dtype.hasobject:
        raise Failure("NNC0814", path, f"the array `{name}` holds pickled Python objects, which nnc does not open")
    if dtype.kind not in "biufc" or dtype.itemsize > 16:
        raise Failure("NNC0814", path, f"the array `{name}` holds {dtype}, and tensors hold numbers")
    count = math.prod(shape)
    if any(n < 0 for n in shape) or count * dtype.itemsize > size:
        raise Failure("NNC0814", path, f"the array `{name}` is shorter than its header says")
    content = stream.read(count * dtype.itemsize)
    if len(content) != count * dtype.itemsize:
        raise Failure("NNC0814", path, f"the array `{name}` is shorter than its header says")
    array = np.frombuffer(content, dtype=dtype)
    return array.reshape(shape[::-1]).transpose() if fortran else array.reshape(shape)


def to_tensor(array: np.ndarray[Any, Any], path: Path, name: str) -> torch.Tensor:
    """A tensor with memory of its own, in the machine's byte order."""
    dtype = WIDER.get(array.dtype.newbyteorder("="), array.dtype.newbyteorder("="))
    try:
        return torch.from_numpy(np.array(array, dtype=dtype, order="C", copy=True))
    except TypeError:
        raise Failure("NNC0814", path, f"the array `{name}` holds {array.dtype}, which torch does not have") from None
