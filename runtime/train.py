"""The training loop, exact under interruption: stopped anywhere and resumed equals never stopped, bit for bit on the
CPU."""

from __future__ import annotations

import copy
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from nnc.compiler.diagnostics import Problems
from nnc.compiler.training.config import DataConfig, TrainConfig
from nnc.compiler.training.vocabulary import VOCABULARY
from nnc.runtime import device as devices
from nnc.runtime import seed
from nnc.runtime.checkpoint import Checkpoint, CheckpointFolder
from nnc.runtime.data import Batch, Data
from nnc.runtime.data.checks import check_inputs, check_labels, feed
from nnc.runtime.data.splits import order_of
from nnc.runtime.evaluate import autocast, evaluate, evaluation_mode
from nnc.runtime.failure import Failure, raise_errors
from nnc.runtime.files import writing
from nnc.runtime.interrupt import Interrupts
from nnc.runtime.loss import Loss, named_outputs
from nnc.runtime.metrics import Average, Metrics
from nnc.runtime.optimize import build_optimizer, build_scheduler
from nnc.runtime.report import Log, Reporter
from nnc.runtime.signature import Signature
from nnc.runtime.state import Best, Position, load_model, model_tensors, settings_of, transient_buffers

__all__ = ["CHECKPOINTS", "LOG", "RunResult", "train"]

CHECKPOINTS, LOG, LOCK = "checkpoints", "log.jsonl", ".lock"


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
        self.optimizer = build_optimizer(config.optimizer, self.model)
        self.scheduler = config.scheduler and build_scheduler(
            config.scheduler, self.optimizer, config.names, self.steps
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == "fp16")
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.average = Average(self.device)
        self.checkpoints = CheckpointFolder(self.folder / CHECKPOINTS)
        self.closure = "closure" in VOCABULARY["optimizer"][config.optimizer.call.name].traits

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
            while self.position.epoch <= self.config.epochs:
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
        for batch in batches:
            self._step(batch)
            at.done += 1
            at.step += 1
            at.epoch_seconds = before + time.perf_counter() - began
            self.reporter.step(at.done, self.average.compute)
            if interrupts.requested is not None:
                return False
            if self.config.checkpoint_every and at.step % self.config.checkpoint_every == 0 and at.done < self.steps:
                self._save()
        validation = self._validate(interrupts)
        if validation is None:
            return False
        at.epoch_seconds = before + time.perf_counter() - began
        self._end_epoch(validation)
        return interrupts.requested is None or at.epoch > self.config.epochs

    def _end_epoch(self, validation: Mapping[str, float]) -> None:
        at = self.position
        training = {"loss": self.average.compute()}
        quantities = {f"train.{k}": v for k, v in training.items()}
        quantities |= {f"validation.{k}": v for k, v in validation.items()}
        rates = [float(g["lr"]) for g in self.optimizer.param_groups]
        value = quantities[self.config.monitor]
        loss = quantities.get("validation.loss", training["loss"])
        better = at.best is None or at.best.beaten_by(value, loss, self.config.goal)
        record = {
            "epoch": at.epoch,
            "epochs": self.config.epochs,
            "step": at.step,
            "train": training,
            "validation": validation,
            "lr": rates,
            "best": better,
            "seconds": at.epoch_seconds,
            "samples_per_second": self.used / max(at.epoch_seconds, 1e-9),
        }
        self.log.write(record)
        self.reporter.end_epoch(record)
        if self.scheduler:
            self.scheduler.after_epoch(quantities)
        if better:
            at.best = Best(self.config.monitor, value, loss, at.epoch, self.checkpoints.next_name())
        at.elapsed += at.epoch_seconds
        at.epoch, at.done, at.epoch_seconds, at.quantities = at.epoch + 1, 0, 0.0, quantities
        self.average = Average(self.device)
        self._save()

    # -- one step ------------------------------------------------------------------------------------------------------

    def _step(self, batch: Batch) -> None:
        try:
            loss = self._advance(batch)
        except (RuntimeError, ValueError, NotImplementedError) as error:
            raise self._stopped(error) from error
        self.average.add(loss, len(batch[self.inputs[0]]), mean=self.loss.mean)
        if self.scheduler:
            self.scheduler.after_step()

    def _advance(self, batch: Batch) -> torch.Tensor:
        """Forward, backward and the optimizer; the loss."""
        if self.closure:
            step: Any = self.optimizer.step  # declared for closures that return a float; a tensor will do
            loss: torch.Tensor = step(lambda: self._gradients(batch))
            return loss
        loss = self._gradients(batch)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss

    def _stopped(self, error: Exception) -> Failure:
        """What torch says in the middle of a step: out of memory, an optimizer that cannot take these gradients …"""
        notes = ["the last checkpoint is intact"] if self.checkpoints.names() else []
        if isinstance(error, torch.OutOfMemoryError):
            notes.append(f"batches of {self.config.batch_size} are too large for the memory of {self.device}")
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        message = f"torch stopped in step {self.position.step + 1}: {reason}"
        return Failure("NNC0822", self.config.optimizer.call.span, message, notes=notes)

    def _gradients(self, batch: Batch) -> torch.Tensor:
        """Forward and backward; the gradients are clipped and lie in the parameters."""
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.config.precision, self.device):
            loss = self.loss(self.model(*(batch[name] for name in self.inputs)), batch)
        scaled: Any = self.scaler.scale(loss)
        scaled.backward()
        if self.config.clip_grad_norm is not None or self.config.clip_grad_value is not None:
            self.scaler.unscale_(self.optimizer)
            if self.config.clip_grad_value is not None:
                nn.utils.clip_grad_value_(self.parameters, self.config.clip_grad_value)
            if self.config.clip_grad_norm is not None:
                nn.utils.clip_grad_norm_(self.parameters, self.config.clip_grad_norm)
        return loss

    def _validate(self, interrupts: Interrupts) -> dict[str, float] | None:
        """Quantities of the validation data, none where there is none; None where a signal asks to stop."""
        if self.data.validation is None:
            return {}
        return evaluate(
            self.model, self.data.validation, self.config, signature=self.signature, feeding=self.feeding,
            device=self.device, stop=lambda: interrupts.requested is not None,
        )  # fmt: skip

    # -- before the first step -----------------------------------------------------------------------------------------

    def _preflight(self) -> None:
        """Sends the first batch through everything, without a trace: what does not fit is said now, at its place."""
        order = order_of(len(self.split), self.config.seed, 1, shuffle=self.config.shuffle)[: self.config.batch_size]
        batch = next(
            iter(self.split.batches(order, self.config.batch_size, self.device, seed=self.config.seed, epoch=1))
        )
        problems = Problems()
        check_inputs(self.signature, batch, self.feeding, self.data_config, problems)
        raise_errors(problems)
        with evaluation_mode(self.model, self.device), autocast(self.config.precision, self.device):
            try:
                outputs = self.model(*(batch[name] for name in self.inputs))
            except (RuntimeError, ValueError, NotImplementedError) as error:
                raise self._stopped(error) from error
            if "classes" in VOCABULARY["loss"][self.config.loss.call.name].traits:
                self._check_labels(named_outputs(outputs, self.signature.outputs), batch, problems)
                raise_errors(problems)
            self.loss.checked(outputs, batch)
            Metrics(self.config.metrics, self.signature, self.device).update(outputs, batch)
        if self.used % self.config.batch_size == 1:
            self._check_single({name: tensor[:1] for name, tensor in batch.items()})

    def _check_labels(self, outputs: Mapping[str, torch.Tensor], batch: Batch, problems: Problems) -> None:
        """Class numbers, all of them where they are in memory, against the scores of the network."""
        scores, target = self.config.loss.source[:2]
        if scores not in outputs or target in self.signature.outputs or outputs[scores].ndim < 2:
            return
        whole = self.split.whole(target)
        ignored = self.config.loss.call.arguments.get("ignore_index", -100)
        labels = batch[target] if whole is None else whole
        where = self.data_config.spans.get("train", self.data_config.span)
        check_labels(labels, outputs[scores].shape[1], ignored, target, where, problems)

    def _check_single(self, batch: Batch) -> None:
        """The last batch will have one sample, which some networks cannot train on."""
        trial = copy.deepcopy(self.model).train()
        try:
            with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []), torch.no_grad():
                trial(*(batch[name] for name in self.inputs))
        except ValueError as error:
            notes = ("`drop_last: true` leaves that batch out", str(error).strip().splitlines()[0])
            size = self.config.batch_size
            message = f"{self.used} samples in batches of {size} leave one over, too few to normalize a batch"
            raise Failure("NNC0813", self.config.span, message, notes=notes) from error

    # -- saving and resuming -------------------------------------------------------------------------------------------

    def _save(self) -> None:
        at = self.position
        at.log = self.log.size
        state: dict[str, Any] = {
            "position": at.as_plain(),
            "settings": settings_of(self.config, len(self.split)),
            "average": [self.average.total, self.average.count],
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state() if self.scheduler else None,
            "scaler": self.scaler.state_dict(),
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
        load_model(self.model, saved.model, state["transient"], saved.path)
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler and state["scheduler"] is not None:
            self.scheduler.load(state["scheduler"])
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        total, self.average.count = state["average"]
        self.average.total.copy_(total)
        self.position = Position.of(state["position"])
        seed.restore(state["random"], self.device)

    def _facts(self, saved: Checkpoint | None) -> dict[str, str]:
        """What a reader of the report wants to know at its head."""
        config, parameters = self.config, sum(p.numel() for p in self.parameters)
        facts = {
            "device": devices.describe(self.device)
            + ("" if config.precision == "float32" else f", {config.precision}"),
            "parameters": f"{parameters:,}",
            "data": f"{len(self.split):,} samples in batches of {config.batch_size}"
            + (f", {len(self.data.validation):,} for validation" if self.data.validation is not None else ""),
            "optimizer": str(config.optimizer.call),
        }
        if config.scheduler:
            facts["scheduler"] = f"{config.scheduler.call}, every {config.scheduler.every}"
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
