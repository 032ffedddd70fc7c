"""Tensors of a safetensors file, laid out so that they can be used where they lie: mapped from the disk, not copied.

Kernels sum a tensor at an odd address in another order, which changes the last bits, and torch puts its own at multiples
of 64. safetensors allows no gaps, so those whose size is a multiple of 64 come first, which are nearly all; what follows
is copied when it is read.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Mapping
from typing import IO, Any

import torch

__all__ = ["ALIGNED", "lay_out", "map_tensors", "write_tensors"]

ALIGNED = 64
LENGTH = 8  # bytes in which the length of the header is written
DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U64": torch.uint64, "U32": torch.uint32, "U16": torch.uint16, "U8": torch.uint8,
    "BOOL": torch.bool, "C64": torch.complex64,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
    "F8_E5M2": torch.float8_e5m2, "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
}  # fmt: skip
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def lay_out(tensors: Mapping[str, torch.Tensor]) -> dict[str, dict[str, Any]]:
    """The header's entries, in the order in which the tensors are written. Raises ValueError for a kind of number that
    the format does not have."""
    entries: dict[str, dict[str, Any]] = {}
    end = 0
    for name in sorted(tensors, key=lambda n: (tensors[n].nbytes % ALIGNED != 0, -tensors[n].itemsize)):
        tensor = tensors[name]
        if tensor.dtype not in NAMES:
            raise ValueError(f"`{name}` is {str(tensor.dtype).removeprefix('torch.')}, which safetensors does not have")
        begin, end = end, end + tensor.nbytes
        entries[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    return entries


def write_tensors(stream: IO[bytes], tensors: Mapping[str, torch.Tensor]) -> None:
    """Writes the bytes of contiguous tensors on the CPU, in the order of `lay_out`."""
    for name in lay_out(tensors):
        if tensors[name].numel():
            stream.write(tensors[name].reshape(-1).view(torch.uint8).numpy().data)


def map_tensors(stream: IO[bytes], header: bytes) -> dict[str, torch.Tensor]:
    """The tensors of an open file whose header is `header`. What is written to one stays in this process. Raises OSError,
    or ValueError where the header does not describe the file."""
    content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    start = LENGTH + len(header)
    entries = json.loads(header)
    entries.pop("__metadata__", None)
    tensors = {}
    covered = 0
    for name, entry in sorted(entries.items(), key=lambda e: _place(*e)):
        dtype, shape, (begin, end) = DTYPES[entry["dtype"]], _shape(entry["shape"]), _place(name, entry)
        if begin != covered or end - begin != math.prod(shape) * dtype.itemsize or start + end > len(content):
            raise ValueError(f"the place of `{name}` is wrong")
        covered = end
        tensors[name] = _mapped(content, dtype, start + begin, start + end).reshape(shape)
    if start + covered != len(content):
        raise ValueError("there is more in it than its tensors")
    return {name: tensors[name] for name in entries}


def _mapped(content: mmap.mmap, dtype: torch.dtype, begin: int, end: int) -> torch.Tensor:
    if begin == end:
        return torch.empty(0, dtype=dtype)
    if begin % ALIGNED:
        return torch.frombuffer(bytearray(content[begin:end]), dtype=dtype).clone()
    return torch.frombuffer(content, dtype=dtype, count=(end - begin) // dtype.itemsize, offset=begin)


def _place(name: str, entry: Any) -> tuple[int, int]:
    begin, end = entry["data_offsets"]
    if type(begin) is not int or type(end) is not int or not 0 <= begin <= end:
        raise ValueError(f"the place of `{name}` is wrong")
    return begin, end


def _shape(shape: Any) -> list[int]:
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("a shape is wrong")
    return shape
