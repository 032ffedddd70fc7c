"""Files of weights without a network: what is in one, and the same tensors under other names in another file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from safetensors.torch import save_file

from nnc.compiler.weights import GivenWeights
from nnc.runtime.failure import Failure
from nnc.runtime.saving.files import new_file
from nnc.runtime.saving.packing import distinct
from nnc.runtime.weights.transfer import read_tensors

__all__ = ["ENDS", "chosen", "write_tensors_to"]

ENDS = (".safetensors", ".pt", ".pth")


def chosen(weights: GivenWeights, only: Sequence[str] = (), dtype: str | None = None) -> dict[str, torch.Tensor]:
    """The tensors of a file under their new names: those that one of the globs fits, where there are some; floating ones in
    another dtype. Raises `Failure`."""
    tensors = read_tensors(weights.path, weights)
    if fault := weights.wrong_rename(tensors):
        raise Failure("NNC0921", weights.span, fault)
    found = {weights.renamed(name): tensor for name, tensor in tensors.items()}
    if only:
        found = {n: t for n, t in found.items() if any(fnmatchcase(n, glob) for glob in only)}
        if not found:
            raise Failure("NNC0921", weights.span, f"no tensor is called {' or '.join(only)}")
    if dtype is None:
        return found
    kind: torch.dtype = getattr(torch, dtype)
    return {n: t.to(kind) if t.is_floating_point() else t for n, t in found.items()}


def write_tensors_to(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """A state_dict as .pt, or plain safetensors, which has no two names for one tensor: tied ones are written out. It appears
    whole or not at all. Raises `Failure`."""
    with new_file(path) as temporary:
        if path.suffix.lower() == ".safetensors":
            stored, tied = distinct(tensors)
            save_file(stored | {name: stored[one].clone() for name, one in tied.items()}, temporary, {"format": "pt"})
        else:
            torch.save(dict(tensors), temporary)
