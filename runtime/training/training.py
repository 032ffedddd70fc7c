"""What changes while a network is trained (weights, optimizer, learning rate, averages, random state, position), saved and
restored as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from nnc.compiler.training.config import TrainConfig
from nnc.runtime.data import Batch
from nnc.runtime.evaluation.metrics import LossAverage
from nnc.runtime.failure import Failure
from nnc.runtime.parallel import ALONE
from nnc.runtime.parallel.engine import Engine
from nnc.runtime.parallel.shares import part_size
from nnc.runtime.saving.checkpoint import Checkpoint
from nnc.runtime.signature import Signature
from nnc.runtime.speed import Speed
from nnc.runtime.training import seed
from nnc.runtime.training.averaging import Averaging
from nnc.runtime.training.carry import Carry
from nnc.runtime.training.loss import Loss
from nnc.runtime.training.optimize import build_scheduler
from nnc.runtime.training.state import Position, load_model, settings_of, transient_buffers, what_was_saved
from nnc.runtime.training.steps import Scheduling, Steps
from nnc.runtime.training.unfreezing import Thaw
from nnc.runtime.training.update import NotFinite, Updater

__all__ = ["Training"]


class Training:
    """`average` is the loss of the epoch at hand. `inputs` are the fields that go into the network, in its order; an epoch
    has so many batches and the training data so many samples."""

    def __init__(
        self,
        model: nn.Module,
        config: TrainConfig,
        loss: Loss,
        inputs: Sequence[str],
        device: torch.device,
        *,
        batches: int,
        samples: int,
        engine: Engine | None = None,
        signature: Signature | None = None,
    ) -> None:
        self.engine = engine or Engine(ALONE, config, device)
        self.model, self.config, self.loss, self.device = model, config, loss, device
        self.settings = settings_of(config, samples)
        self.position = Position()
        self.speed = Speed(model, self.engine.adapted(config), device)
        self.speed.module = self.engine.wrap(model)
        if self.engine.data.size > 1:
            self.speed.full = part_size(config.batch_size, self.engine.data)
        self.carry = Carry(self.speed.forward, signature, config.carry) if config.carry and signature else None
        self.updater, self.scheduler = self._updater(inputs, batches)
        self.averaging = None
        if config.averaging:
            self.averaging = Averaging(config.averaging, model, self.updater.optimizer, self.engine)
        self.average = LossAverage(loss, device)
        self.thaw = Thaw(model, config.unfreeze)

    def _updater(self, inputs: Sequence[str], batches: int) -> tuple[Updater | Steps, Scheduling | None]:
        """What takes the steps, and what sets their rates."""
        config = self.speed.config
        if config.steps:
            steps = Steps(
                self.model, config, self.loss, inputs, self.device, self.speed, self.engine, batches=batches,
                number=lambda: self.position.step,
            )  # fmt: skip
            return steps, steps.scheduler
        forward = self.carry or self.speed.forward
        updater = Updater(self.model, config, self.loss, inputs, self.device, forward, self.engine)
        if config.scheduler is None:
            return updater, None
        per_epoch = -(-batches // config.accumulate)
        return updater, build_scheduler(config.scheduler, updater.optimizer, config.names, per_epoch)

    # -- its course ----------------------------------------------------------------------------------------------------

    def step(self, batches: Sequence[Batch]) -> None:
        """One step of the optimizer over all of the batches. Raises `NotFinite` before the weights have changed, and whatever
        torch raises."""
        self.engine.reseed(self.position.step)
        try:
            self.updater.step(batches, self.average.add)
        except NotFinite:
            if self.carry:
                self.carry.reset()  # its numbers are of the same forward pass
            raise
        if self.averaging:
            self.averaging.after_step(self.model, self.position.step)

    def advance(self) -> None:
        """The learning rate, after a step."""
        if self.scheduler and not self._annealing:
            self.scheduler.after_step()

    def gather(self, inputs: Callable[[], Iterable[tuple[torch.Tensor, ...]]]) -> None:
        """The averages of the weights, after the steps of an epoch and before its validation. `inputs` are the network's, of
        all training data."""
        if self.averaging:
            self.averaging.after_epoch(self.model, self.position.epoch, inputs)

    def advance_epoch(self, quantities: Mapping[str, float]) -> None:
        """The learning rate, after an epoch that ended with these quantities, such as `validation.loss`."""
        if self.averaging and self._annealing:
            self.averaging.anneal()
        elif self.scheduler:
            self.scheduler.after_epoch(quantities)

    def enter_epoch(self) -> None:
        """Where the steps of an epoch begin, or go on after an interruption: the network is in training mode, with all that is
        trained by now."""
        self.thaw.begin_epoch(self.position.epoch)
        self.speed.module = self.engine.wrap(self.model)

    def begin_epoch(self) -> None:
        self.average = LossAverage(self.loss, self.device)
        if self.carry:
            self.carry.reset()

    @property
    def judged(self) -> nn.Module:
        """The network that is validated and saved as the best: the average, once there is one."""
        return self.averaging.model if self.averaging and self.averaging.begun else self.model

    @property
    def rates(self) -> list[float]:
        """The learning rate of each group of parameters."""
        return [float(g["lr"]) for g in self.updater.optimizer.param_groups]

    @property
    def patience_lost(self) -> bool:
        stopping = self.config.early_stopping
        return stopping is not None and self.position.waited >= stopping.patience

    @property
    def _annealing(self) -> bool:
        """Whether the average of the weights decides the learning rate now."""
        return self.averaging is not None and self.averaging.takes_over(self.position.epoch)

    # -- saving and restoring ------------------------------------------------------------------------------------------

    def state(self, *, gathered: bool = True) -> dict[str, Any]:
        """All but the weights, for a checkpoint; sharded tensors are `gathered`, or each process has its own parts. All
        processes call it."""
        whole = self.engine.whole if gathered else _as_it_is
        return {
            "position": self.position.as_plain(),
            "settings": self.settings,
            "average": self.average.total(self.engine.data).state(),
            "optimizer": whole(self.updater.optimizer.state_dict()),
            "scheduler": self.scheduler.state() if self.scheduler else None,
            "averaging": whole(self.averaging.state()) if self.averaging else None,
            "scaler": self.updater.scaler.state_dict(),
            "carry": self.carry.state(self.engine) if self.carry else None,
            "random": seed.capture(self.device),
            "transient": transient_buffers(self.model),
        }

    def restore(self, saved: Checkpoint) -> None:
        """Raises `Failure` where the run was begun with other settings, or with another network."""
        with what_was_saved(saved.path):
            self._restore(saved)

    def _restore(self, saved: Checkpoint) -> None:
        state, before = saved.state, saved.state["settings"]
        differing = [f"{k} was {before.get(k)}, now {v}" for k, v in self.settings.items() if before.get(k) != v]
        if differing:
            raise Failure("NNC0902", saved.path, "the run was begun with other settings", notes=differing)
        self._restore_weights(saved)
        if self.scheduler and state["scheduler"] is not None:
            self.scheduler.load(state["scheduler"])
        if self.engine.world.main:  # what it sums over all processes
            self.average.load(state["average"])
        if self.carry:
            self.carry.load(state["carry"], self.engine)
        self.position = Position.of(state["position"])
        seed.restore(state["random"], self.device)

    def roll_back(self, saved: Checkpoint) -> None:
        """Weights and optimizer as they were saved; position, order and learning rate go on from here."""
        rates = [g["lr"] for g in self.updater.optimizer.param_groups]
        self._restore_weights(saved)
        for group, rate in zip(self.updater.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def _restore_weights(self, saved: Checkpoint) -> None:
        state = saved.state
        load_model(self.model, saved.model, state["transient"], saved.path, self.engine.parts)
        if self.averaging and state["averaging"] is not None:
            self.averaging.load(state["averaging"])
        self.updater.load(self.engine.optimizer_parts(state["optimizer"], self.updater.optimizer))
        self.speed.align(self.updater.optimizer)
        if state["scaler"]:
            self.updater.scaler.load_state_dict(state["scaler"])


def _as_it_is(tree: Any) -> Any:
    return tree
