"""Nested Python state as JSON and tensors, and back: no pickle, and nothing but plain data can come out.

    pack({"step": 3, "avg": tensor})  ->  {"step": 3, "avg": {"tensor": "0"}}, {"0": tensor}

JSON keeps None, bool, int, float (exactly; NaN and infinities too), str and lists. A mark tells tuples, mappings and
counters apart.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["Unpackable", "distinct", "pack", "unpack"]


class Unpackable(Exception):
    """Something that is no plain data, or does not look like what `pack` made."""


def pack(value: Any) -> tuple[Any, dict[str, torch.Tensor]]:
    """Plain data with marks, and the tensors that the marks name. Raises `Unpackable`."""
    tensors: dict[str, torch.Tensor] = {}
    return _pack(value, tensors), tensors


def _pack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case torch.Tensor():
            name = str(len(tensors))
            tensors[name] = value.detach().to("cpu", copy=True).contiguous()
            return {"tensor": name}
        case list():
            return [_pack(v, tensors) for v in value]
        case tuple():
            return {"tuple": [_pack(v, tensors) for v in value]}
        case Counter():
            return {"counter": [[_pack(k, tensors), v] for k, v in value.items()]}
        case dict() | OrderedDict():
            return {"map": [[_pack(k, tensors), _pack(v, tensors)] for k, v in value.items()]}
    raise Unpackable(f"a {type(value).__name__} cannot be saved")


def unpack(value: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """What `pack` was given. Raises `Unpackable`."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [unpack(v, tensors) for v in value]
        case {"tensor": str(name), **rest} if not rest and name in tensors:
            return tensors[name]
        case {"tuple": list(items), **rest} if not rest:
            return tuple(unpack(v, tensors) for v in items)
        case {"counter": list(pairs), **rest} if not rest:
            return Counter({unpack(k, tensors): int(v) for k, v in _pairs(pairs)})
        case {"map": list(pairs), **rest} if not rest:
            return {_key(unpack(k, tensors)): unpack(v, tensors) for k, v in _pairs(pairs)}
    raise Unpackable("this is not saved state")


def _pairs(pairs: list[Any]) -> list[tuple[Any, Any]]:
    if not all(isinstance(p, list) and len(p) == 2 for p in pairs):
        raise Unpackable("this is not saved state")
    return [(p[0], p[1]) for p in pairs]


def _key(key: Any) -> Any:
    if not isinstance(key, str | int | float | tuple):
        raise Unpackable("this is not saved state")
    return key


def distinct(tensors: Mapping[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors fit for safetensors, which takes none twice: each once, contiguous, on the CPU; and for every further
    name of one (tied weights) the name it is stored under."""
    stored: dict[str, torch.Tensor] = {}
    aliases: dict[str, str] = {}
    names: dict[Any, str] = {}
    storages: set[int] = set()
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage().data_ptr()
        identity = (storage, tensor.storage_offset(), tuple(tensor.shape), tensor.stride(), tensor.dtype)
        if storage and identity in names:
            aliases[name] = names[identity]
            continue
        names[identity] = name
        plain = tensor.detach().cpu().contiguous()
        stored[name] = plain.clone() if storage in storages and plain.data_ptr() == tensor.data_ptr() else plain
        storages.add(storage)
    return stored, aliases
