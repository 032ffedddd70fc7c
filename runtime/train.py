"""The training loop, exact under interruption: stopped anywhere and resumed equals never stopped, bit for bit on the
CPU."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from nnc.compiler.training.config import DataConfig, TrainConfig
from nnc.runtime import device as devices
from nnc.runtime import seed
from nnc.runtime.averaging import Averaging
from nnc.runtime.checkpoint import Checkpoint, CheckpointFolder
from nnc.runtime.data import Batch, Data
from nnc.runtime.data.checks import feed
from nnc.runtime.data.splits import order_of
from nnc.runtime.evaluate import evaluate
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.files import writing
from nnc.runtime.interrupt import Interrupts
from nnc.runtime.loss import Loss
from nnc.runtime.metrics import LossAverage
from nnc.runtime.optimize import build_scheduler
from nnc.runtime.preflight import Preflight
from nnc.runtime.report import Log, Reporter
from nnc.runtime.runs import CHECKPOINTS, LOCK, LOG
from nnc.runtime.signature import Signature
from nnc.runtime.state import Best, Position, load_model, model_tensors, settings_of, transient_buffers
from nnc.runtime.update import NotFinite, Updater

__all__ = ["RunResult", "train"]

TROUBLES = 5  # steps that may be passed over from one checkpoint to the next; more is no accident


@dataclass(frozen=True)
class RunResult:
    """How a run ended. `quantities` are the last epoch's, such as `validation.accuracy`; `best` the best checkpoint."""

    folder: Path
    status: Literal["finished", "interrupted"]
    epoch: int
    step: int
    quantities: Mapping[str, float]
    best: Best | None
    elapsed: float
    signal: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        """0, or 128 + the number of the signal that asked to stop: 130 for SIGINT, 143 for SIGTERM. The run can be
        resumed."""
        return 128 + self.signal if self.signal is not None else 0


def train(
    model: nn.Module,
    config: TrainConfig,
    data: Data,
    folder: Path,
    *,
    signature: Signature,
    data_config: DataConfig,
    device: str | torch.device = "auto",
    resume: bool = False,
    reporter: Reporter | None = None,
    begin: Callable[[], None] = lambda: None,
) -> RunResult:
    """Trains `model` in place and leaves in `folder` the log and the newest and best checkpoints.

    SIGINT and SIGTERM end the run after the step at hand, with a checkpoint; `resume` continues from the newest good
    one, or from the beginning where there is none yet. `begin` is called before the first step of a run, when everything
    is known to fit. Raises `Failure`.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, timeout=0)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise Failure("NNC0906", folder, "another process trains in this folder") from None
    try:
        target = devices.resolve(device) if isinstance(device, str) else device
        loop = _Loop(model, config, data, folder, signature, data_config, target, reporter or Reporter())
        with Interrupts() as interrupts:
            return loop.run(interrupts, begin, resume=resume)
    finally:
        lock.release()


@dataclass
class _Loop:
    model: nn.Module
    config: TrainConfig
    data: Data
    folder: Path
    signature: Signature
    data_config: DataConfig
    device: torch.device
    reporter: Reporter
    position: Position = field(default_factory=Position)

    def __post_init__(self) -> None:
        assert self.data.train is not None, "training needs the train split"
        config, self.split = self.config, self.data.train
        self.feeding = feed(self.signature, self.data.fields, self.data_config.span)
        self.inputs = [self.feeding[name] for name in self.signature.inputs]
        self.used = len(self.split) // config.batch_size * config.batch_size if config.drop_last else len(self.split)
        self.steps = -(-self.used // config.batch_size)
        if not self.steps:
            message = (
                f"{len(self.split)} samples make no batch of {config.batch_size}, and drop_last leaves smaller ones out"
            )
            raise Failure("NNC0813", config.span, message)
        self.model.to(self.device)
        self.loss = Loss(config.loss, self.signature, self.device)
        self.updater = Updater(self.model, config, self.loss, self.inputs, self.device)
        self.scheduler = config.scheduler and build_scheduler(
            config.scheduler, self.updater.optimizer, config.names, -(-self.steps // config.accumulate)
        )
        averaging = config.averaging
        self.averaging = Averaging(averaging, self.model, self.updater.optimizer) if averaging else None
        self.average = LossAverage(self.loss, self.device)
        self.checkpoints = CheckpointFolder(self.folder / CHECKPOINTS)

    # -- the run -------------------------------------------------------------------------------------------------------

    def run(self, interrupts: Interrupts, begin: Callable[[], None], *, resume: bool) -> RunResult:
        if not resume and self.checkpoints.names():
            notes = ("resume it, or train into another folder",)
            raise Failure("NNC0908", self.folder, "this folder holds a run already", notes=notes)
        saved = self._newest() if resume else None
        if saved is None:
            seed.seed_everything(self.config.seed)
            self._preflight()
            begin()
        else:
            self._restore(saved)
        self.log = Log(self.folder / LOG, self.position.log)
        self.reporter.begin(self._facts(saved))
        try:
            self.model.train()
            if saved is None and self.config.non_finite == "rollback":
                self._save()
            while self.position.epoch <= self.config.epochs and not self._patience_lost():
                if not self._epoch(interrupts):
                    self._save()
                    return self._result(interrupts.requested)
            return self._result(None)
        finally:
            self.reporter.end()
            self.log.close()

    def _epoch(self, interrupts: Interrupts) -> bool:
        """One epoch, from where it stands; False where a signal asks to stop."""
        at, began = self.position, time.perf_counter()
        before = at.epoch_seconds
        self.reporter.begin_epoch(at.epoch, self.config.epochs, self.steps, at.done)
        order = order_of(len(self.split), self.config.seed, at.epoch, shuffle=self.config.shuffle)[: self.used]
        batches = self.split.batches(
            order, self.config.batch_size, self.device, seed=self.config.seed, epoch=at.epoch, start=at.done
        )
        for group in batched(batches, self.config.accumulate):
            self._step(group)
            at.done += len(group)
            at.epoch_seconds = before + time.perf_counter() - began
            self.reporter.step(at.done, lambda: self.average.compute()["loss"])
            if interrupts.requested is not None:
                return False
            if self.config.checkpoint_every and at.step % self.config.checkpoint_every == 0 and at.done < self.steps:
                self._save()
        if at.passed_over and not self.average.count:
            raise self._not_finite(f"every step of epoch {at.epoch} had a number that is none")
        if self.averaging:
            self.averaging.after_epoch(self.model, at.epoch, self._training_inputs)
        validation = self._validate(interrupts)
        if validation is None:
            return False
        at.epoch_seconds = before + time.perf_counter() - began
        self._end_epoch(validation)
        return interrupts.requested is None or at.epoch > self.config.epochs or self._patience_lost()

    def _end_epoch(self, validation: Mapping[str, float]) -> None:
        at = self.position
        training = self.average.compute()
        quantities = {f"train.{k}": v for k, v in training.items()}
        quantities |= {f"validation.{k}": v for k, v in validation.items()}
        rates = [float(g["lr"]) for g in self.updater.optimizer.param_groups]
        value = quantities[self.config.monitor]
        loss = quantities.get("validation.loss", training["loss"])
        better = at.best is None or at.best.beaten_by(value, loss, self.config.goal)
        if self.config.early_stopping:
            at.wait(value, self.config.goal, self.config.early_stopping.min_delta)
        record = {
            "epoch": at.epoch,
            "epochs": self.config.epochs,
            "step": at.step,
            "train": training,
            "validation": validation,
            "lr": rates,
            "best": better,
            "monitor": self.config.monitor,
            "goal": self.config.goal,
            "seconds": at.epoch_seconds,
            "samples_per_second": self.used / max(at.epoch_seconds, 1e-9),
        }
        if at.passed_over:
            record["passed over"] = at.passed_over
        if self._patience_lost():
            record["stopped early"] = True
        self.log.write(record)
        self.reporter.end_epoch(record)
        if self.averaging and self._annealing:
            self.averaging.anneal()
        elif self.scheduler:
            self.scheduler.after_epoch(quantities)
        if better:
            at.best = Best(self.config.monitor, value, loss, at.epoch, self.checkpoints.next_name())
        at.elapsed += at.epoch_seconds
        at.epoch, at.done, at.epoch_seconds, at.quantities, at.passed_over = at.epoch + 1, 0, 0.0, quantities, 0
        self.average = LossAverage(self.loss, self.device)
        self._save()

    def _patience_lost(self) -> bool:
        stopping = self.config.early_stopping
        return stopping is not None and self.position.waited >= stopping.patience

    @property
    def _judged(self) -> nn.Module:
        """The network that is validated and saved as the best: the average, once there is one."""
        return self.averaging.model if self.averaging and self.averaging.begun else self.model

    def _training_inputs(self) -> Iterator[tuple[torch.Tensor, ...]]:
        order = torch.arange(self.used)
        for batch in self.split.batches(order, self.config.batch_size, self.device, seed=self.config.seed, epoch=0):
            yield tuple(batch[name] for name in self.inputs)

    # -- one step ------------------------------------------------------------------------------------------------------

    def _step(self, batches: Sequence[Batch]) -> None:
        at, policy = self.position, self.config.non_finite
        at.step += 1
        try:
            self.updater.step(batches, self.average.add)
        except NotFinite as trouble:
            if policy == "stop":
                raise self._not_finite(str(trouble)) from None
            self._pass_over(str(trouble))
        except (RuntimeError, ValueError, NotImplementedError) as error:
            raise self._stopped(error) from error
        else:
            if self.averaging:
                self.averaging.after_step(self.model, at.step)
        if self.scheduler and not self._annealing:
            self.scheduler.after_step()

    def _pass_over(self, trouble: str) -> None:
        """The batches of this step are left out, and with `rollback` the weights of the last checkpoint come back."""
        at, back = self.position, self.config.non_finite == "rollback"
        at.passed_over += 1
        at.troubles += 1
        if at.troubles > TROUBLES:
            raise self._not_finite(f"{trouble}, for the {at.troubles}th time since the last checkpoint")
        if back:
            self._roll_back()
        action = "went back to the last checkpoint" if back else "left out"
        self.log.write({"event": action, "step": at.step, "epoch": at.epoch, "reason": trouble})
        self.reporter.note(f"step {at.step}: {trouble}; {action}")

    def _roll_back(self) -> None:
        """Weights and optimizer as they were saved; position, order and learning rate go on from here."""
        saved = self._newest()
        assert saved is not None, "a run that may roll back begins with a checkpoint"
        rates = [g["lr"] for g in self.updater.optimizer.param_groups]
        self._restore_weights(saved)
        for group, rate in zip(self.updater.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def _not_finite(self, trouble: str) -> Failure:
        notes = ["the last checkpoint is intact"] if self.checkpoints.names() else []
        notes.append("a lower lr or `clip_grad_norm: 1.0` may help; `non_finite: skip` leaves such steps out")
        return Failure("NNC0825", self.config.span, f"step {self.position.step}: {trouble}", notes=notes)

    def _stopped(self, error: Exception) -> Failure:
        """What torch says in the middle of a step: out of memory, an optimizer that cannot take these gradients …"""
        notes = ["the last checkpoint is intact"] if self.checkpoints.names() else []
        if isinstance(error, torch.OutOfMemoryError):
            notes.append(f"batches of {self.config.batch_size} are too large for the memory of {self.device}")
        message = f"torch stopped in step {max(self.position.step, 1)}: {reason_of(error)}"
        return Failure("NNC0822", self.config.optimizer.call.span, message, notes=notes)

    @property
    def _annealing(self) -> bool:
        """Whether the average of the weights decides the learning rate now."""
        return self.averaging is not None and self.averaging.takes_over(self.position.epoch)

    def _validate(self, interrupts: Interrupts) -> dict[str, float] | None:
        """Quantities of the validation data, none where there is none; None where a signal asks to stop."""
        if self.data.validation is None:
            return {}
        return evaluate(
            self._judged, self.data.validation, self.config, signature=self.signature, feeding=self.feeding,
            device=self.device, stop=lambda: interrupts.requested is not None, loss=self.loss,
        )  # fmt: skip

    # -- checking, saving and resuming ---------------------------------------------------------------------------------

    def _preflight(self) -> None:
        Preflight(
            self.model, self.config, self.data_config, self.split, self.used, self.loss, self.signature, self.feeding,
            self.device, self._stopped,
        ).run()  # fmt: skip

    def _save(self) -> None:
        at = self.position
        finite = (
            self.config.non_finite == "ignore"
            or not self.average.count
            or math.isfinite(self.average.compute()["loss"])
        )
        if not finite:
            raise self._not_finite("the average of the loss is no number")
        at.troubles = 0
        at.log = self.log.size
        state: dict[str, Any] = {
            "position": at.as_plain(),
            "settings": settings_of(self.config, len(self.split)),
            "average": self.average.state(),
            "optimizer": self.updater.optimizer.state_dict(),
            "scheduler": self.scheduler.state() if self.scheduler else None,
            "averaging": self.averaging.state() if self.averaging else None,
            "scaler": self.updater.scaler.state_dict(),
            "random": seed.capture(self.device),
            "transient": transient_buffers(self.model),
        }
        self.checkpoints.save(model_tensors(self.model), state, keep=at.best.checkpoint if at.best else None)

    def _newest(self) -> Checkpoint | None:
        saved, damaged = self.checkpoints.newest()
        for what in damaged:
            self.reporter.note(f"passed over a damaged checkpoint: {what}")
        return saved

    def _restore(self, saved: Checkpoint) -> None:
        state = saved.state
        now = settings_of(self.config, len(self.split))
        differing = [
            f"{k} was {state['settings'].get(k)}, now {v}" for k, v in now.items() if state["settings"].get(k) != v
        ]
        if differing:
            raise Failure("NNC0902", saved.path, "the run was begun with other settings", notes=differing)
        self._restore_weights(saved)
        if self.scheduler and state["scheduler"] is not None:
            self.scheduler.load(state["scheduler"])
        self.average.load(state["average"])
        self.position = Position.of(state["position"])
        seed.restore(state["random"], self.device)

    def _restore_weights(self, saved: Checkpoint) -> None:
        state = saved.state
        load_model(self.model, saved.model, state["transient"], saved.path)
        if self.averaging and state["averaging"] is not None:
            self.averaging.load(state["averaging"])
        self.updater.load(state["optimizer"])
        if state["scaler"]:
            self.updater.scaler.load_state_dict(state["scaler"])

    def _facts(self, saved: Checkpoint | None) -> dict[str, str]:
        """What a reader of the report wants to know at its head."""
        config, parameters = self.config, sum(p.numel() for p in self.updater.parameters)
        facts = {
            "device": devices.describe(self.device)
            + ("" if config.precision == "float32" else f", {config.precision}"),
            "parameters": f"{parameters:,}",
            "data": f"{len(self.split):,} samples in batches of {config.batch_size}"
            + (f", {config.accumulate} to a step" if config.accumulate > 1 else "")
            + (f", {len(self.data.validation):,} for validation" if self.data.validation is not None else ""),
            "optimizer": str(config.optimizer.call),
        }
        if config.scheduler:
            facts["scheduler"] = f"{config.scheduler.call}, every {config.scheduler.every}"
        if config.averaging:
            facts["average"] = f"{config.averaging.kind.upper()} of the weights, validated and saved in their place"
        facts["best by"] = f"{config.monitor} ({'highest' if config.goal == 'max' else 'lowest'})"
        if saved is not None:
            facts["resumed"] = f"from checkpoint {saved.name}, epoch {self.position.epoch}, batch {self.position.done}"
        return facts

    def _result(self, which: signal.Signals | None) -> RunResult:
        at = self.position
        status: Literal["finished", "interrupted"] = "finished" if which is None else "interrupted"
        last = min(at.epoch if at.done else at.epoch - 1, self.config.epochs)
        return RunResult(
            self.folder, status, last, at.step, at.quantities, at.best, at.elapsed + at.epoch_seconds, which
        )


def batched(batches: Iterable[Batch], count: int) -> Iterator[list[Batch]]:
    """So many at a time; the last ones may be fewer."""
    them = iter(batches)
    while group := list(islice(them, count)):
        yield group
