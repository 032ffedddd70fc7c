"""The trained network that is exported: a saved model, or the best of a run."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from nnc.runtime.failure import Failure
from nnc.runtime.runs import ARTIFACT
from nnc.runtime.saving.artifact import load

__all__ = ["open_trained"]


def open_trained(source: Path) -> tuple[nn.Module, Path]:
    """The network, and the file that it was read from. Raises `Failure`."""
    file = source / ARTIFACT if source.is_dir() else source
    if source.is_dir() and not file.is_file():
        raise Failure("NNC0907", source, f"there is no {ARTIFACT} in this folder: no run has finished an epoch in it")
    return load(file), file
