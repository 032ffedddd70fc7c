"""A run put together, but in a folder that is gone afterwards: for finding out what a run would do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from nnc.compiler.training.config import TrainConfig
from nnc.compiler.weights import GivenWeights
from nnc.runtime import device as devices
from nnc.runtime.data import Batch
from nnc.runtime.parallel.engine import engine_of
from nnc.runtime.parallel.world import ALONE
from nnc.runtime.project import read_project
from nnc.runtime.report import Reporter
from nnc.runtime.training import seed as seeds
from nnc.runtime.training.loop import Loop
from nnc.runtime.training.prepare import Prepared, overridden, prepare

__all__ = ["Trial", "synchronize", "trying"]


@dataclass(frozen=True)
class Trial:
    """The parts of a run that has not begun. `loop` has network, data, optimizer and folder."""

    prepared: Prepared
    loop: Loop

    @property
    def config(self) -> TrainConfig:
        return self.loop.config

    @property
    def device(self) -> torch.device:
        return self.loop.device

    def batches(self, size: int | None = None) -> Iterator[Batch]:
        """Training batches as a run would have them, without end; of another size where one is given, for which samples may
        come more than once."""
        loop, config = self.loop, self.config
        for epoch in count(1):
            order = loop.sampling.order(epoch)
            if size is not None and len(order) < size:
                order = order[torch.arange(size) % len(order)]
            full = (len(order) // size) * size if size is not None else loop.used
            batches = loop.split.batches(
                order[:full], size or config.batch_size, self.device, seed=config.seed, epoch=epoch
            )
            for number, batch in enumerate(batches):
                if batch:
                    yield loop.mixer(batch, epoch, number)

    def steps(self) -> Iterator[list[Batch]]:
        """What each step of the optimizer takes: so many batches as `accumulate` says."""
        batches = self.batches()
        while True:
            yield [next(batches) for _ in range(self.config.accumulate)]


@contextmanager
def trying(
    spec: str | os.PathLike[str] | Mapping[str, Any],
    *,
    args: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    device: str | None = None,
    pretrained: GivenWeights | None = None,
    reporter: Reporter | None = None,
    trust: bool = False,
    **replaced: Any,
) -> Iterator[Trial]:
    """A trial of a spec. What is `replaced` (`seed`, `precision`, `speed` …) is as for `run_training`. Raises `Failure`, or
    `SpecError` where the spec has faults."""
    project = overridden(
        read_project(spec, args or {}, sizes or {}, epochs=replaced.get("epochs"), trust=trust), replaced
    )
    prepared = prepare(project, pretrained, reporter=reporter)
    project, target = prepared.project, devices.resolve(device or project.train.device)
    with TemporaryDirectory(prefix="nnc-trial-") as folder:
        loop = Loop(
            prepared.model, project.train, prepared.data, Path(folder), project.signature, project.data, target,
            reporter or Reporter(), engine_of(ALONE, project.train, target),
        )  # fmt: skip
        seeds.seed_everything(project.train.seed)
        with loop.training.speed.applied():
            loop.training.enter_epoch()
            yield Trial(prepared, loop)


def synchronize(device: torch.device) -> None:
    """Waits until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
