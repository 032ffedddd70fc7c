"""When and how a run's checkpoints are written: by the main process, or by every process its own part; at once, or in the
background while training goes on.

A checkpoint appears whole or not at all: it is written into a folder with a temporary name, and only when every part of
it is on the disk does the folder get its name. A run that ends before that has lost the last checkpoint and no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from nnc.runtime.saving.checkpoint import CheckpointFolder
from nnc.runtime.training.state import model_tensors

if TYPE_CHECKING:
    from nnc.runtime.parallel.engine import Engine
    from nnc.runtime.training.training import Training

__all__ = ["Saves", "saves_of"]


class Saves:
    """The main process writes everything, while the others wait for it in their next step."""

    def __init__(self, checkpoints: CheckpointFolder, engine: Engine) -> None:
        self.checkpoints, self.engine = checkpoints, engine

    def next_name(self) -> str:
        """What the next checkpoint will be called."""
        return self.checkpoints.next_name()

    def save(self, model: nn.Module, training: Training, *, keep: str | None) -> None:
        """All processes call it. Raises `Failure`."""
        tensors, state = self.engine.whole(model_tensors(model)), training.state()
        if self.engine.world.main:
            self.checkpoints.save(tensors, state, keep=keep)

    def wait(self) -> None:
        """Until what was saved is on the disk; all processes call it. Raises `Failure` where it could not be written."""

    def close(self) -> None:
        """Leaves nothing behind that still runs, whatever becomes of it."""


def saves_of(checkpoints: CheckpointFolder, engine: Engine) -> Saves:
    """What suits the run: with FSDP every process writes its part; on GPUs, or where `parallel:` says so, in the background."""
    world, parallel = engine.world, engine.config.parallel
    if world.size == 1:
        return Saves(checkpoints, engine)
    background = engine.device.type != "cpu" if parallel.background_saves is None else parallel.background_saves
    if engine.name != "fsdp" and not background:
        return Saves(checkpoints, engine)
    from nnc.runtime.parallel.saves import SharedSaves

    return SharedSaves(checkpoints, engine, background=background)
