"""Everything that decides how training goes on, as one tree of plain data and tensors."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from nnc.compiler.training.config import (
    DataConfig,
    LossConfig,
    OptimizerConfig,
    SchedulerConfig,
    StepConfig,
    TrainConfig,
)
from nnc.runtime.failure import Failure, reason_of

__all__ = [
    "Best", "Position", "data_settings", "load_model", "model_tensors", "settings_of", "transient_buffers",
    "what_was_saved",
]  # fmt: skip


Named = Mapping[str, torch.Tensor]

MOST = 1 << 62  # of anything that is counted


@dataclass
class Best:
    """The best value of the monitored quantity so far, and the checkpoint that has it. Of equal values, the one with
    the lower `loss` is better: accuracies of small validation sets are often equal."""

    quantity: str
    value: float
    loss: float
    epoch: int
    checkpoint: str = ""

    def beaten_by(self, value: float, loss: float, goal: Literal["min", "max"]) -> bool:
        """Whether another value is better. NaN beats nothing, and anything beats NaN."""
        if value == self.value:
            return loss < self.loss
        if math.isnan(self.value):
            return not math.isnan(value)
        return value > self.value if goal == "max" else value < self.value


@dataclass
class Position:
    """Where a run is: in epoch `epoch` (from 1), after `done` of its batches. `elapsed` are seconds of training so far,
    `log` bytes of log.jsonl. `passed_over` counts the epoch's steps that were left out because a number was none,
    `troubles` those since the last checkpoint; `dropped` its samples that could not be read, `broken` the names of the first
    of these in the run. For early stopping: epochs `waited` since the monitored quantity was at its
    `reference`."""

    epoch: int = 1
    done: int = 0
    step: int = 0
    elapsed: float = 0.0
    epoch_seconds: float = 0.0
    log: int = 0
    best: Best | None = None
    quantities: dict[str, float] = field(default_factory=dict)
    passed_over: int = 0
    troubles: int = 0
    dropped: int = 0
    broken: list[str] = field(default_factory=list)
    waited: int = 0
    reference: float | None = None

    def wait(self, value: float, goal: Literal["min", "max"], min_delta: float) -> None:
        """Another epoch that is better by more than `min_delta`, or not. NaN is never better."""
        before = self.reference
        gain = math.inf if before is None else value - before if goal == "max" else before - value
        if gain > min_delta and not math.isnan(value):
            self.reference, self.waited = value, 0
        else:
            self.waited += 1

    def as_plain(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Position:
        """What `as_plain` gave. Raises ValueError or TypeError for anything else."""
        counts = ("epoch", "done", "step", "log", "passed_over", "troubles", "waited")
        if not all(type(plain[k]) is int and 0 <= plain[k] < MOST for k in counts) or plain["epoch"] < 1:
            raise ValueError("the position is none that a run can have")
        if not all(isinstance(plain[k], int | float) for k in ("elapsed", "epoch_seconds")):
            raise ValueError("the times of the position are no numbers")
        best = None if plain["best"] is None else Best(**plain["best"])
        if best is not None and (re.fullmatch(r"\d{6,}", best.checkpoint) is None or type(best.epoch) is not int):
            raise ValueError("the best checkpoint has no name of a checkpoint")
        return cls(**{**plain, "best": best})


@contextmanager
def what_was_saved(path: Path) -> Iterator[None]:
    """Turns what torch and Python say about state that is not what was saved into a `Failure`: whoever can write a
    manifest can write anything."""
    try:
        yield
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        text = f"its state is not what a run like this saves: {type(error).__name__}: {reason_of(error)[:200]}"
        raise Failure("NNC0901", path, text) from error


def settings_of(config: TrainConfig, samples: int) -> dict[str, Any]:
    """What must be the same when a run is resumed: all that decides its course but the number of epochs."""
    return {
        "loss": _loss(config.loss),
        "optimizer": _optimizer(config.optimizer),
        "scheduler": _scheduler(config.scheduler),
        "batch_size": config.batch_size,
        "drop_last": config.drop_last,
        "shuffle": config.shuffle,
        "seed": config.seed,
        "clip_grad_norm": config.clip_grad_norm,
        "clip_grad_value": config.clip_grad_value,
        "accumulate": config.accumulate,
        "averaging": None if config.averaging is None else str(config.averaging),
        "non_finite": config.non_finite,
        "precision": config.precision,
        "speed": config.speed.as_plain() or None,
        "monitor": config.monitor,
        "steps": [_step(step) for step in config.steps] or None,
        "carry": [[c.input, c.output, c.start] for c in config.carry] or None,
        "unfreeze": str([[r.match, r.epoch, r.statistics] for r in config.unfreeze]) if config.unfreeze else None,
        "mix": [[str(m.call), m.p, m.image, m.label] for m in config.mix] or None,
        "training samples": samples,
    }


def _loss(config: LossConfig) -> Any:
    return config.block.text if config.block else [[str(t.call), list(t.source), t.factor] for t in config.terms]


def _optimizer(config: OptimizerConfig) -> list[Any]:
    if config.further:
        return [[*_optimizer(replace(one, further=())), sorted(one.names or ())] for one in config.all]
    groups = [
        [list(g.match), dict(g.settings), *([sorted(g.names)] if g.names is not None else [])] for g in config.groups
    ]
    decay = config.layer_decay
    return [str(config.call), groups, *([decay.factor, sorted(decay.levels.items())] if decay else [])]


def _scheduler(config: SchedulerConfig | None) -> list[str] | None:
    return None if config is None else [str(config.call), config.every]


def _step(config: StepConfig) -> list[Any]:
    return [
        config.name, list(config.match), _loss(config.loss), _optimizer(config.optimizer), _scheduler(config.scheduler),
        config.every, list(config.reuse),
    ]  # fmt: skip


def data_settings(config: DataConfig) -> dict[str, Any]:
    """What of `data:` must be the same when a run is resumed."""
    return {
        "transforms": [[list(s.fields), [str(c) for c in s.train]] for s in config.stages],
        "sampler": None if config.sampler is None else str(config.sampler),
        "padding": str(config.padding) if config.padding.fields else None,
        "validation": str(config.validation),
        "data seed": config.seed,
    }


def model_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """The state_dict, tied tensors under each of their names. Raises `Failure` where a module keeps anything but
    tensors there."""
    state = model.state_dict()
    odd = next((name for name, value in state.items() if not isinstance(value, torch.Tensor)), None)
    if odd is not None:
        raise Failure(
            "NNC0903", odd, "the network keeps something in its state_dict that is no tensor, which cannot be saved"
        )
    return dict(state)


def transient_buffers(model: nn.Module) -> dict[str, torch.Tensor]:
    """Buffers outside the state_dict (`persistent=False`)."""
    persistent = model.state_dict().keys()
    return {name: buffer for name, buffer in model.named_buffers() if name not in persistent}


def load_model(
    model: nn.Module,
    tensors: Mapping[str, torch.Tensor],
    transient: Mapping[str, torch.Tensor],
    where: Any,
    parts: Callable[[Named, Named], Named] = lambda tensors, own: tensors,
) -> None:
    """Puts saved tensors into the network. `parts` makes of whole tensors what the network has of them, where it is sharded.
    Raises `Failure` where they are another network's."""
    own = model_tensors(model)
    wrong = [
        *(f"`{n}` is not saved" for n in own if n not in tensors),
        *(f"`{n}` is not in the network" for n in tensors if n not in own),
        *(f"`{n}` is {list(tensors[n].shape)}, and in the network {list(t.shape)}" for n, t in own.items()
          if n in tensors and tensors[n].shape != t.shape),
    ]  # fmt: skip
    if wrong:
        raise Failure("NNC0902", where, "the saved weights are another network's", notes=wrong[:8])
    model.load_state_dict(dict(parts(tensors, own)))
    buffers = dict(model.named_buffers())
    for name, value in transient.items():
        if name in buffers and buffers[name].shape == value.shape:
            buffers[name].copy_(value)
