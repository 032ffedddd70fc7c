"""Several steps for each batch, each with a loss, an optimizer and a forward pass of its own: a GAN's.

A step's forward pass is the part of the network's that its loss needs. What it reuses is there already, with its history:
of `fooled = discriminator(generator(noise))` only the discriminator runs again, and the gradient comes to the generator.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import nn

from nnc.compiler.backends.torch.build import build, origin
from nnc.compiler.graph.part import part_of
from nnc.compiler.training.config import StepConfig, TrainConfig
from nnc.compiler.training.network import OUTPUT
from nnc.runtime.data import Batch
from nnc.runtime.parallel.engine import Engine
from nnc.runtime.speed import Speed
from nnc.runtime.training.loss import Loss
from nnc.runtime.training.optimize import Scheduler, build_scheduler
from nnc.runtime.training.several import Several
from nnc.runtime.training.update import Updater

__all__ = ["Scheduling", "Steps"]

Named = Mapping[str, torch.Tensor]


class Scheduling(Protocol):
    """One scheduler, or those of several steps."""

    def after_step(self) -> None: ...

    def after_epoch(self, quantities: Mapping[str, float]) -> None: ...

    def state(self) -> dict[str, Any]: ...

    def load(self, state: dict[str, Any]) -> None: ...


class Steps:
    """Does what an `Updater` does. `number` says which step of the run is at hand, from 1; an epoch has so many `batches`."""

    def __init__(
        self,
        model: nn.Module,
        config: TrainConfig,
        loss: Loss,
        inputs: Sequence[str],
        device: torch.device,
        speed: Speed,
        engine: Engine,
        *,
        batches: int,
        number: Callable[[], int],
    ) -> None:
        self._number = number
        self._kept: list[dict[str, torch.Tensor]] = []  # what steps of this batch computed and others reuse
        self._steps = [
            _Step(step, model, config, own, inputs, device, speed, engine, self._kept)
            for step, own in zip(config.steps, loss.parts, strict=True)
        ]
        self.optimizer = Several({s.config.name: s.updater.optimizer for s in self._steps})
        self.scaler = _Scalers({s.config.name: s.updater.scaler for s in self._steps})
        schedulers = _Schedulers(self._steps, config, -(-batches // config.accumulate))
        self.scheduler = schedulers if schedulers.parts else None
        self.parameters = list({id(p): p for s in self._steps for p in s.updater.parameters}.values())

    def step(self, batches: Sequence[Batch], seen: Callable[[Named, int, Named], None]) -> None:
        """All steps that are due. Raises `NotFinite` where one of them would change the weights to no numbers; those
        before it have changed theirs."""
        number = self._number()
        self._kept[:] = [{} for _ in batches]
        try:
            for one in self._steps:
                one.due = number % one.config.every == 0
                if one.due:
                    one.forward.begin()
                    one.updater.step(batches, seen)
        finally:
            self._kept.clear()

    def load(self, state: Mapping[str, Any]) -> None:
        for one in self._steps:
            one.updater.load(state[one.config.name])

    def size(self, batch: Batch) -> int:
        return self._steps[0].updater.size(batch)


class _Step:
    """One of them: its updater, and whether it is due."""

    def __init__(
        self,
        config: StepConfig,
        model: nn.Module,
        whole: TrainConfig,
        loss: Loss,
        inputs: Sequence[str],
        device: torch.device,
        speed: Speed,
        engine: Engine,
        kept: list[dict[str, torch.Tensor]],
    ) -> None:
        self.config, self.due = config, False
        reused = {name for step in whole.steps for name in step.reuse}
        self.forward = _Forward(config, model, speed, kept, reused)
        own = replace(whole, loss=config.loss, optimizer=config.optimizer, scheduler=config.scheduler, steps=())
        self.updater = Updater(
            model, speed.applied_to(own), loss, inputs, device, self.forward, engine, trains=config.trains
        )


class _Forward:
    """The part of the network that a step needs. It is called once for each batch of the step, in their order. What other
    steps reuse is kept for them; it is not compiled, for what is compiled is freed as a whole by the first backward pass."""

    def __init__(
        self,
        config: StepConfig,
        model: nn.Module,
        speed: Speed,
        kept: list[dict[str, torch.Tensor]],
        reused: Collection[str],
    ) -> None:
        made = origin(model)
        assert made is not None, "a network with several steps is one that nnc wrote"
        key_of = {name or OUTPUT: name for name in made.graph.outputs}
        part = part_of(made.graph, [key_of[n] for n in config.outputs], [key_of[n] for n in config.reuse])
        own: Any = type(build(part, device="meta")).forward
        self._shared = [name for name in config.outputs if name in reused]
        self._call = own.__get__(model) if self._shared else speed.compiled(own.__get__(model))
        self._outputs, self._reuse, self._kept, self._batch = config.outputs, config.reuse, kept, 0

    def begin(self) -> None:
        self._batch = 0

    def __call__(self, *inputs: torch.Tensor) -> Named:
        kept = self._kept[self._batch]
        self._batch += 1
        found = self._call(*inputs, *(kept[name] for name in self._reuse))
        named: Named = found if isinstance(found, dict) else {self._outputs[0]: found}
        for name in self._shared:
            kept[name] = named[name]
        return named


class _Scalers:
    """The loss scaling of each step."""

    def __init__(self, parts: Mapping[str, torch.amp.GradScaler]) -> None:
        self._parts = parts

    def state_dict(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self._parts.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, part in self._parts.items():
            part.load_state_dict(state[name])


class _Schedulers:
    """The scheduler of each step that has one. With every batch those follow whose step was taken."""

    def __init__(self, steps: Iterable[_Step], config: TrainConfig, steps_per_epoch: int) -> None:
        self.parts: list[tuple[_Step, Scheduler]] = []
        for one in steps:
            if one.config.scheduler is not None:
                own = -(-steps_per_epoch // one.config.every)
                built = build_scheduler(one.config.scheduler, one.updater.optimizer, config.names, own)
                self.parts.append((one, built))

    def after_step(self) -> None:
        for one, scheduler in self.parts:
            if one.due:
                scheduler.after_step()

    def after_epoch(self, quantities: Mapping[str, float]) -> None:
        for _, scheduler in self.parts:
            scheduler.after_epoch(quantities)

    def state(self) -> dict[str, Any]:
        return {one.config.name: scheduler.state() for one, scheduler in self.parts}

    def load(self, state: Mapping[str, Any]) -> None:
        for one, scheduler in self.parts:
            scheduler.load(state[one.config.name])
