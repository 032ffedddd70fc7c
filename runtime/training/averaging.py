"""Averages of the weights beside the run: exponential (`ema:`) and stochastic (`swa:`), both torch's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_multi_avg_fn

from nnc.compiler.training.config import AveragingConfig
from nnc.runtime.parallel.engine import Engine
from nnc.runtime.training.modes import modes, restore_modes

__all__ = ["Averaging", "averaged_weights"]

PREFIX = "module."  # AveragedModel's


class Averaging:
    """`model` is the average, a network of its own. An exponential average has the buffers averaged too; a stochastic one
    gets its batch statistics from a pass over the training data, as in Izmailov et al., 2018."""

    def __init__(self, config: AveragingConfig, model: nn.Module, optimizer: Optimizer, engine: Engine) -> None:
        self.config = config
        ema = config.kind == "ema"
        exponential: Any = get_ema_multi_avg_fn  # torch has no types for it
        average: Any = {}
        if ema:
            average = {"multi_avg_fn": engine.average_function(exponential(config.decay)), "use_buffers": True}
        self._average = AveragedModel(engine.copied(model), **average)
        self._optimizer, self._engine = optimizer, engine
        engine.prepare_average(self._average.module)
        self._schedule: SWALR | None = None

    @property
    def model(self) -> nn.Module:
        return self._average.module

    @property
    def begun(self) -> bool:
        return int(self._average.n_averaged) > 0

    def takes_over(self, epoch: int) -> bool:
        """Whether the learning rate follows the average's own plan instead of `scheduler:`."""
        return self.config.kind == "swa" and epoch >= self.config.start and self.config.lr is not None

    def after_step(self, model: nn.Module, step: int) -> None:
        config = self.config
        if config.kind == "ema" and step > config.start and (step - config.start) % config.every == 0:
            self._average.update_parameters(model)

    def after_epoch(
        self, model: nn.Module, epoch: int, inputs: Callable[[], Iterable[tuple[torch.Tensor, ...]]]
    ) -> None:
        """At the end of an epoch, before validation. `inputs` are the network's, batch by batch."""
        if self.config.kind == "swa" and epoch >= self.config.start:
            self._average.update_parameters(model)
            renew_statistics(self.model, model, inputs)
            self._engine.rest(self.model)

    def anneal(self) -> None:
        """After an epoch whose learning rates it decides."""
        self._plan().step()

    def _plan(self) -> SWALR:
        if self._schedule is None:
            assert self.config.lr is not None, "only a plan with a goal takes over"
            self._schedule = SWALR(
                self._optimizer, self.config.lr, self.config.anneal_epochs, self.config.anneal_strategy
            )
        return self._schedule

    def state(self) -> dict[str, Any]:
        return {
            "weights": dict(self._average.state_dict()),
            "schedule": None if self._schedule is None else dict(self._schedule.state_dict()),
        }

    def load(self, state: dict[str, Any]) -> None:
        self._average.load_state_dict(self._engine.parts(state["weights"], self._average.state_dict()))
        if state["schedule"] is not None:
            rates = [g["lr"] for g in self._optimizer.param_groups]
            self._plan().load_state_dict(state["schedule"])
            for group, rate in zip(self._optimizer.param_groups, rates, strict=True):
                group["lr"] = rate  # making the plan set its own first


def averaged_weights(state: dict[str, Any] | None) -> dict[str, torch.Tensor] | None:
    """The average of a saved state, under the network's own names; None where there is none yet."""
    if state is None or int(state["weights"]["n_averaged"]) == 0:
        return None
    return {k.removeprefix(PREFIX): v for k, v in state["weights"].items() if k.startswith(PREFIX)}


@torch.no_grad()
def renew_statistics(
    model: nn.Module, trained: nn.Module, inputs: Callable[[], Iterable[tuple[torch.Tensor, ...]]]
) -> None:
    """Batch statistics as the mean over all batches: torch.optim.swa_utils.update_bn, for networks with several inputs.
    Layers that keep theirs in the network that is `trained`, because they are frozen, keep them here too."""
    before = modes(model)
    for module, like in zip(model.modules(), trained.modules(), strict=True):
        module.training = like.training
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)
             and m.track_running_stats and m.training]  # fmt: skip
    momenta = [m.momentum for m in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
    try:
        for batch in inputs() if norms else ():
            model(*batch)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        restore_modes(before)
