"""The optimizer with its parameter groups, and the scheduler."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer, lr_scheduler

from nnc.compiler.diagnostics import Problems
from nnc.compiler.training.config import BoundCall, OptimizerConfig, SchedulerConfig
from nnc.compiler.training.groups import group_names
from nnc.compiler.training.read.binding import formula, resolve
from nnc.compiler.training.read.values import Unknown
from nnc.runtime.failure import Failure, raise_errors, reason_of
from nnc.runtime.training.several import Several

__all__ = ["Scheduler", "build_optimizer", "build_scheduler"]

PEAKS = ("max_lr", "base_lr")  # numbers of schedulers that stand for the rate of the optimizer


def build_optimizer(config: OptimizerConfig, parameters: Iterable[tuple[str, nn.Parameter]]) -> Optimizer:
    """torch.optim's optimizer over named parameters, tied ones once; several that share them as one. Raises `Failure` where
    torch refuses it."""
    named = dict(parameters)
    if config.further:
        parts = [
            (i, one, {n: p for n, p in named.items() if n in (one.names or ())}) for i, one in enumerate(config.all)
        ]
        return Several(
            {f"{i}.{o.call.name}": build_optimizer(replace(o, further=()), m.items()) for i, o, m in parts if m}
        )
    groups = [{"params": [named[n] for n in g.names], **g.settings} for g in group_names(config, named)]
    if not groups:
        raise Failure("NNC0822", config.call.span, "the network has no parameters to train")
    try:
        made: Optimizer = getattr(torch.optim, config.call.name)(groups, **config.call.arguments)
    except (ValueError, TypeError, RuntimeError) as error:
        raise _refused(config.call, error) from error
    return made


def build_scheduler(
    config: SchedulerConfig, optimizer: Optimizer, names: Mapping[str, Any], steps_per_epoch: int
) -> Scheduler:
    """torch's scheduler, with what depends on the length of the data computed. Raises `Failure`."""
    known = {**names, "steps_per_epoch": steps_per_epoch, "steps": steps_per_epoch * int(names["epochs"])}
    problems = Problems()
    call = resolve(config.call, known, problems)
    raise_errors(problems)
    assert call is not None
    return Scheduler(config, _scheduler(call, optimizer, known, config), call)


def _scheduler(call: BoundCall, optimizer: Optimizer, names: Mapping[str, Any], config: SchedulerConfig) -> Any:
    arguments = {k: _argument(k, v, call, optimizer, names, config) for k, v in call.arguments.items()}
    if call.name == "ReduceLROnPlateau":
        arguments.setdefault("mode", config.goal)
    try:
        cls = getattr(lr_scheduler, call.name)
        return cls(optimizer=optimizer, **arguments)
    except (ValueError, TypeError, ZeroDivisionError, RuntimeError) as error:
        raise _refused(call, error) from error


def _argument(
    name: str, value: Any, call: BoundCall, optimizer: Optimizer, names: Mapping[str, Any], config: SchedulerConfig
) -> Any:
    match name, value:
        case "lr_lambda", str():
            return formula(value, names, call.spans[name])
        case "lr_lambda", tuple():
            return [formula(v, names, call.spans[name]) for v in value]
        case "schedulers", tuple():
            return [_scheduler(v, optimizer, names, config) for v in value]
        case "pct_start", int():
            return float(value)  # torch takes no integer here
        case _, tuple():
            return list(value)
        case _, float() | int() if name in PEAKS:
            return _by_group(value, optimizer)
    return value


def _by_group(rate: float, optimizer: Optimizer) -> float | list[float]:
    """A rate that stands for the optimizer's: groups with a rate of their own keep their ratio to it. torch would give
    all of them the same."""
    base = float(optimizer.defaults["lr"])
    rates = [float(g["lr"]) for g in optimizer.param_groups]
    return rate if not base or all(r == base for r in rates) else [rate * r / base for r in rates]


class Scheduler:
    """Steps with every batch or every epoch, as the spec says."""

    def __init__(self, config: SchedulerConfig, scheduler: Any, call: BoundCall) -> None:
        self._config, self._scheduler, self._call = config, scheduler, call

    def after_step(self) -> None:
        if self._config.every == "step":
            self._advance()

    def after_epoch(self, quantities: Mapping[str, float]) -> None:
        """`quantities` are those of the log: `train.loss`, `validation.accuracy` …"""
        if self._config.monitor is not None:
            self._advance(quantities[self._config.monitor])
        elif self._config.every == "epoch":
            self._advance()

    def _advance(self, *quantity: float) -> None:
        try:
            self._scheduler.step(*quantity)
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise _refused(self._call, error) from error
        except Unknown as unknown:
            raise Failure(unknown.code, unknown.span, unknown.message, notes=unknown.notes) from None

    def state(self) -> dict[str, Any]:
        return dict(self._scheduler.state_dict())

    def load(self, state: dict[str, Any]) -> None:
        self._scheduler.load_state_dict(state)


def _refused(call: BoundCall, error: Exception) -> Failure:
    return Failure("NNC0822", call.span, f"torch refuses {call.name}: {reason_of(error)}")
