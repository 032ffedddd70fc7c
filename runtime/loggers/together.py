"""Several reporters as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nnc.compiler.training.config import TrainConfig
from nnc.compiler.training.config.logs import TensorBoardConfig
from nnc.runtime.failure import reason_of
from nnc.runtime.loggers.table import TableLog
from nnc.runtime.report import Reporter, Watched

__all__ = ["TENSORBOARD", "Together", "loggers_of", "with_tensorboard"]

TENSORBOARD = "tensorboard"  # its folder in a run's


def loggers_of(config: TrainConfig, folder: Path) -> list[Reporter]:
    """Those of a run in `folder`. Raises `Failure` where a package is missing, before anything has run."""
    found: list[Reporter] = [TableLog(folder)]
    if config.log is not None:
        from nnc.runtime.loggers.tensorboard import TensorBoard

        found.append(TensorBoard(config.log, folder / TENSORBOARD))
    return found


def with_tensorboard(config: TrainConfig, folder: Path, *, wanted: bool) -> TrainConfig:
    """With TensorBoard where a command wants it, or where a run that goes on has it already."""
    if config.log is not None or not (wanted or (folder / TENSORBOARD).is_dir()):
        return config
    return replace(config, log=TensorBoardConfig())


class Together(Reporter):
    """`main` tells the user, `others` write. What goes wrong in one of them is told, and that one is asked no more: a full
    disk, or a terminal that is gone, does not end hours of training."""

    def __init__(self, main: Reporter, others: Sequence[Reporter]) -> None:
        self._main, self._others = main, list(others)

    def watch(self, run: Watched) -> None:
        self._tell("watch", run)

    def begin(self, facts: Mapping[str, Any]) -> None:
        self._tell("begin", facts)

    def note(self, text: str) -> None:
        self._tell("note", text)

    def begin_epoch(self, epoch: int, epochs: int, steps: int, done: int) -> None:
        self._tell("begin_epoch", epoch, epochs, steps, done)

    def step(self, done: int, loss: Callable[[], float]) -> None:
        self._tell("step", done, loss)

    def end_epoch(self, record: Mapping[str, Any]) -> None:
        self._tell("end_epoch", record)

    def end(self) -> None:
        self._tell("end")

    def _tell(self, what: str, *arguments: Any) -> None:
        try:
            getattr(self._main, what)(*arguments)
        except OSError:  # nobody reads it any more
            self._main = Reporter()
        for one in list(self._others):
            try:
                getattr(one, what)(*arguments)
            except Exception as error:  # whatever a library makes of a full disk, an odd network, an old version
                self._others.remove(one)
                self.note(f"{type(one).__name__} is left out from here on: {reason_of(error)}")
