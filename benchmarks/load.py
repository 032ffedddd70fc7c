"""Trained weights → a module that runs, from a file: `nnc.load` of an artifact against torchvision's constructor and
`load_state_dict`, in a warm process, the files in the system's cache.

A process compiles an architecture once: "of a new architecture" is its first load. nnc compares every byte with the file's
digest; torchvision's side compares nothing. torchvision's tensors are copies,
ours lie in the file's pages, and they are equal: that is checked before the clock runs.

python benchmarks/load.py [repeats]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
import torchvision
from harness import interleave, table
from safetensors.torch import load_file, save_file
from torch import nn

import nnc
from nnc.compiler.backends.torch import build
from nnc.runtime.saving import artifact
from nnc.runtime.saving.header import read_header, verify_digest

torch.set_num_threads(1)
NETWORKS = {"resnet152": [3, 8, 36, 3], "resnet50": [3, 4, 6, 3]}


def compared(name: str, layers: list[int], folder: Path, repeats: int) -> str:
    """The table of one network."""
    make = getattr(torchvision.models, name)
    ours, pickled, plain = folder / f"{name}.safetensors", folder / f"{name}.pt", folder / f"{name}-plain.safetensors"
    nnc.save(nnc.load("zoo:resnet", layers=layers), ours)
    state = nnc.load(str(ours)).state_dict()
    torch.save(state, pickled)
    save_file(state, plain)
    header = read_header(ours)

    def torchvision_from_memory() -> nn.Module:
        model: nn.Module = make()
        model.load_state_dict(state)
        return model

    def torchvision_from_pt() -> nn.Module:
        model: nn.Module = make()
        model.load_state_dict(torch.load(pickled, weights_only=True))
        return model

    def torchvision_from_safetensors() -> nn.Module:
        model: nn.Module = make()
        model.load_state_dict(load_file(plain))
        return model

    def first_load() -> nn.Module:
        build._loaded.clear()  # what this process has compiled
        build._recipes.clear()
        return nnc.load(str(ours))

    for load in (torchvision_from_memory, torchvision_from_pt, torchvision_from_safetensors):
        found = load().state_dict()
        assert list(found) == list(state)
        assert all(torch.equal(found[k], state[k]) for k in state)
    base = "constructor + load_state_dict"
    contestants = {
        base: torchvision_from_memory,
        "constructor + load_state_dict(torch.load)": torchvision_from_pt,
        "constructor + load_state_dict(load_file)": torchvision_from_safetensors,
        "nnc.load of a new architecture": first_load,
        "nnc.load": lambda: nnc.load(str(ours)),
        "nnc.load without the comparison": lambda: artifact.load(ours, verify=False),
        "the comparison alone": lambda: verify_digest(header),
    }
    size = ours.stat().st_size / 1e6
    rows = interleave(contestants, repeats=repeats)
    return table(f"{name}, {size:.0f} MB → module", rows, base=base, goal="nnc.load ≤ ×0.333")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        for network, depths in NETWORKS.items():
            print(compared(network, depths, Path(where), int(sys.argv[1]) if len(sys.argv) > 1 else 15))
