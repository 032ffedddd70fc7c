"""Sharded tensors of a checkpoint, put together from the parts that several processes wrote.

Their files are safetensors, whose headers say where each part belongs: torch.distributed.checkpoint's own form, read by it, in
one process. Before anything is allocated, the parts are counted: together they must be what a tensor has.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import torch

__all__ = ["SHARD", "SHARDS", "filled", "read_shards"]

SHARDS = "shards"
SHARD = re.compile(rf"{SHARDS}/shard-\d{{5,}}-model-\d{{5,}}-of-\d{{5,}}\.safetensors")


def read_shards(folder: Path) -> dict[str, torch.Tensor]:
    """All sharded tensors of a checkpoint by name, whole. Raises ValueError where parts are missing, or overlap."""
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
    from torch.distributed.checkpoint.state_dict_loader import load

    reader = HuggingFaceStorageReader(str(folder))
    described: Any = reader.read_metadata().state_dict_metadata
    for name, tensor in described.items():
        parts = {tuple(c.offsets): prod(c.sizes) for c in tensor.chunks if prod(c.sizes)}
        written = sum(prod(c.sizes) for c in tensor.chunks)
        if sum(parts.values()) != prod(tensor.size) or written != prod(tensor.size):
            raise ValueError(f"the parts of {name} do not make a whole")
    tensors = {n: torch.empty(tuple(t.size), dtype=t.properties.dtype) for n, t in described.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that this process reads by itself
        load(tensors, storage_reader=reader, no_dist=True)
    return tensors


def filled(tree: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """A tree with tensors in the place of marks. Raises KeyError for one that is not there."""
    match tree:
        case {"shard": str(name), **rest} if not rest:
            return tensors[name]
        case dict():
            return {k: filled(v, tensors) for k, v in tree.items()}
        case list():
            return [filled(v, tensors) for v in tree]
        case tuple():
            return tuple(filled(v, tensors) for v in tree)
    return tree
