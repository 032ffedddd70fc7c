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
from typing import Literal

import torch
from torch import nn

from nnc.compiler.training.config import DataConfig, TrainConfig
from nnc.runtime import device as devices
from nnc.runtime.data import Batch, Data
from nnc.runtime.data.checks import feed
from nnc.runtime.data.sampling import sampling_of
from nnc.runtime.evaluation.evaluate import evaluate
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.loggers import Together, loggers_of
from nnc.runtime.parallel.engine import Engine, engine_of
from nnc.runtime.parallel.shares import check_shares, shares
from nnc.runtime.parallel.world import ALONE, World
from nnc.runtime.report import Log, NoLog, Reporter, Watched
from nnc.runtime.runs import CHECKPOINTS, LOCK, LOG, refuse_links
from nnc.runtime.saving.checkpoint import Checkpoint, CheckpointFolder
from nnc.runtime.saving.files import writing
from nnc.runtime.saving.saves import saves_of
from nnc.runtime.signature import Signature
from nnc.runtime.training import seed
from nnc.runtime.training.facts import facts
from nnc.runtime.training.interrupt import Interrupts
from nnc.runtime.training.leavings import Leavings
from nnc.runtime.training.loss import Loss
from nnc.runtime.training.memory import failure_of, is_out_of_memory
from nnc.runtime.training.mix import Mixer
from nnc.runtime.training.preflight import Preflight
from nnc.runtime.training.state import Best, data_settings
from nnc.runtime.training.training import Training
from nnc.runtime.training.update import NotFinite

__all__ = ["Loop", "RunResult", "train"]

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
    world: World = ALONE,
) -> RunResult:
    """Trains `model` in place and leaves in `folder` the log and the newest and best checkpoints.

    SIGINT and SIGTERM end the run after the step at hand, with a checkpoint; `resume` continues from the newest good
    one, or from the beginning where there is none yet. `begin` is called before the first step of a run, when everything
    is known to fit. Of a `world` of several processes, the first writes, and all return the same. Raises `Failure`.
    """
    from filelock import FileLock, Timeout

    loggers = loggers_of(config, folder) if world.main else []
    lock = FileLock(folder / LOCK, timeout=0)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        refuse_links(folder)
        try:
            if world.main:
                lock.acquire()
        except Timeout:
            raise Failure("NNC0906", folder, "another process trains in this folder") from None
    try:
        target = devices.resolve(device) if isinstance(device, str) else device
        engine = engine_of(world, config, target)
        loop = Loop(model, config, data, folder, signature, data_config, target, reporter or Reporter(), engine)
        loop.reporter = Together(loop.reporter, loggers)
        with Interrupts() as interrupts, loop.training.speed.applied():
            return loop.run(interrupts, begin, resume=resume)
    finally:
        lock.release()


@dataclass
class Loop:
    """A run's parts put together, and its course. Raises `Failure` where they do not fit."""

    model: nn.Module
    config: TrainConfig
    data: Data
    folder: Path
    signature: Signature
    data_config: DataConfig
    device: torch.device
    reporter: Reporter
    engine: Engine
    stopped_by: signal.Signals | None = None
    leavings: Leavings = field(default_factory=Leavings)

    def __post_init__(self) -> None:
        assert self.data.train is not None, "training needs the train split"
        config, self.split = self.config, self.data.train
        self.feeding = feed(self.signature, self.data.fields, self.data_config)
        self.inputs = [self.feeding[name] for name in self.signature.fed]
        self.sampling = sampling_of(self.split, self.data_config, config, self.data.classes)
        drawn = self.sampling.count
        self.used = drawn // config.batch_size * config.batch_size if config.drop_last else drawn
        self.steps = -(-self.used // config.batch_size)
        if not self.steps:
            message = f"{drawn} samples make no batch of {config.batch_size}, and drop_last leaves smaller ones out"
            raise Failure("NNC0813", config.span, message)
        self.world = self.engine.world
        check_shares(config.batch_size, self.engine.data, config.spans.get("batch_size", config.span))
        self.model = self.engine.prepare(self.model.to(self.device))
        self.loss = Loss(config.loss, self.signature, self.device)
        self.training = Training(
            self.model, config, self.loss, self.inputs, self.device, batches=self.steps, samples=len(self.split),
            engine=self.engine, signature=self.signature,
        )  # fmt: skip
        self.training.settings |= data_settings(self.data_config)
        self.mixer = Mixer(config.mix, config.seed, self.engine.data.rank)
        self.checkpoints = CheckpointFolder(self.folder / CHECKPOINTS)
        self.saves = saves_of(self.checkpoints, self.engine)

    # -- the run -------------------------------------------------------------------------------------------------------

    def run(self, interrupts: Interrupts, begin: Callable[[], None], *, resume: bool) -> RunResult:
        if not resume and self.world.main and self.checkpoints.names():
            notes = ("resume it, or train into another folder",)
            raise Failure("NNC0908", self.folder, "this folder holds a run already", notes=notes)
        saved = self._newest() if resume else None
        if saved is None:
            seed.seed_everything(self.config.seed)
            self.preflight()
            begin()
        else:
            self.training.restore(saved)
        at = self.training.position
        self.log = Log(self.folder / LOG, at.log) if self.world.main else NoLog()
        self.reporter.watch(
            Watched(self.folder, self.training, self.data, self.signature, self.inputs, saved is not None)
        )
        self.reporter.begin(facts(self.training, self.data, saved))
        self.leavings.begin(self.data.dropped, self.log, self.reporter, new=saved is None)
        try:
            self.training.enter_epoch()
            if saved is None and self.config.non_finite == "rollback":
                self._save()
            while at.epoch <= self.config.epochs and not self.training.patience_lost:
                if not self._epoch(interrupts):
                    self._save()
                    self.saves.wait()
                    return self._result(self.stopped_by)
            self.saves.wait()
            return self._result(None)
        finally:
            self.saves.close()
            self.reporter.end()
            self.log.close()

    def _epoch(self, interrupts: Interrupts) -> bool:
        """One epoch, from where it stands; False where a signal asks to stop."""
        at, began = self.training.position, time.perf_counter()
        before = at.epoch_seconds
        self.training.enter_epoch()
        self.reporter.begin_epoch(at.epoch, self.config.epochs, self.steps, at.done)
        order = self.sampling.order(at.epoch)[: self.used]
        batches = shares(
            self.split, order, self.config.batch_size, self.device, self.engine.data,
            seed=self.config.seed, epoch=at.epoch, start=at.done,
        )  # fmt: skip
        for group in batched(batches, self.config.accumulate):
            there = self.leavings.without(group, at, self.log, self.reporter)
            whole = [self.mixer(batch, at.epoch, at.done + i) for i, batch in enumerate(there)]
            if whole:
                self.take_step(whole)
            at.done += len(group)
            at.epoch_seconds = before + time.perf_counter() - began
            self.reporter.step(at.done, lambda: self.training.average.compute()["loss"])
            if self._asked_to_stop(interrupts):
                return False
            if self.config.checkpoint_every and at.step % self.config.checkpoint_every == 0 and at.done < self.steps:
                self._save()
        if at.passed_over and not self.training.average.count:
            raise self._not_finite(f"every step of epoch {at.epoch} had a number that is none")
        self.training.gather(self._training_inputs)
        validation = self._validate(interrupts)
        if validation is None:
            return False
        at.epoch_seconds = before + time.perf_counter() - began
        self._end_epoch(validation)
        asked = self._asked_to_stop(interrupts, now=True)
        return not asked or at.epoch > self.config.epochs or self.training.patience_lost

    def _asked_to_stop(self, interrupts: Interrupts, *, now: bool = False) -> bool:
        """Whether a signal came to this process; of several, whether one came to any, and all learn of it after the same step:
        a step later, or `now`, where they wait for each other."""
        ask = self.world.settle if now else self.world.poll
        number = ask(int(interrupts.requested or 0))
        self.stopped_by = signal.Signals(number) if number else None
        return number > 0

    def _end_epoch(self, validation: Mapping[str, float]) -> None:
        at = self.training.position
        training = self.training.average.total(self.engine.data).compute()
        quantities = {f"train.{k}": v for k, v in training.items()}
        quantities |= {f"validation.{k}": v for k, v in validation.items()}
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
            "lr": self.training.rates,
            "best": better,
            "monitor": self.config.monitor,
            "goal": self.config.goal,
            "seconds": at.epoch_seconds,
            "samples_per_second": self.used / max(at.epoch_seconds, 1e-9),
        }
        if at.passed_over:
            record["passed over"] = at.passed_over
        if at.dropped:
            record["dropped"] = at.dropped
        if self.training.patience_lost:
            record["stopped early"] = True
        self.log.write(record)
        self.reporter.end_epoch(record)
        self.training.advance_epoch(quantities)
        if better:
            at.best = Best(self.config.monitor, value, loss, at.epoch, self.saves.next_name())
        at.elapsed += at.epoch_seconds
        at.epoch, at.done, at.epoch_seconds, at.quantities, at.passed_over = at.epoch + 1, 0, 0.0, quantities, 0
        at.dropped = 0
        self.training.begin_epoch()
        self._save()

    def _training_inputs(self) -> Iterator[tuple[torch.Tensor, ...]]:
        order = torch.arange(self.used)
        for batch in self.split.batches(order, self.config.batch_size, self.device, seed=self.config.seed, epoch=0):
            yield tuple(batch[name] for name in self.inputs)

    # -- one step ------------------------------------------------------------------------------------------------------

    def take_step(self, batches: Sequence[Batch]) -> None:
        at, policy = self.training.position, self.config.non_finite
        at.step += 1
        try:
            self.training.step(batches)
        except NotFinite as trouble:
            if policy == "stop":
                raise self._not_finite(str(trouble)) from None
            self._pass_over(str(trouble))
        except (RuntimeError, ValueError, NotImplementedError, MemoryError) as error:
            alone = self.world.size == 1  # several could not do it again together
            raise self.stopped(error, (lambda: self.training.step(batches)) if alone else None) from error
        self.training.advance()

    def _pass_over(self, trouble: str) -> None:
        """The batches of this step are left out, and with `rollback` the weights of the last checkpoint come back."""
        at, back = self.training.position, self.config.non_finite == "rollback"
        at.passed_over += 1
        at.troubles += 1
        if at.troubles > TROUBLES:
            raise self._not_finite(f"{trouble}, for the {at.troubles}th time since the last checkpoint")
        if back:
            self.world.barrier()  # the first process has saved what all will read
            saved = self._newest()
            assert saved is not None, "a run that may roll back begins with a checkpoint"
            self.training.roll_back(saved)
        action = "went back to the last checkpoint" if back else "left out"
        self.log.write({"event": action, "step": at.step, "epoch": at.epoch, "reason": trouble})
        self.reporter.note(f"step {at.step}: {trouble}; {action}")

    def _not_finite(self, trouble: str) -> Failure:
        notes = ["the last checkpoint is intact"] if self.checkpoints.names() else []
        notes.append("a lower lr or `clip_grad_norm: 1.0` may help; `non_finite: skip` leaves such steps out")
        return Failure("NNC0825", self.config.span, f"step {self.training.position.step}: {trouble}", notes=notes)

    def stopped(self, error: Exception, again: Callable[[], object] | None = None) -> Failure:
        """What torch says in the middle of a step, which `again` computes once more: out of memory, an optimizer that cannot
        take these gradients …"""
        self.world.check(error)
        step, intact = max(self.training.position.step, 1), bool(self.checkpoints.names())
        if is_out_of_memory(error):
            return failure_of(error, self.model, self.config, self.device, f"step {step}", intact=intact, again=again)
        notes = ["the last checkpoint is intact"] if intact else []
        message = f"torch stopped in step {step}: {reason_of(error)}"
        return Failure("NNC0822", self.config.optimizer.call.span, message, notes=notes)

    def _validate(self, interrupts: Interrupts) -> dict[str, float] | None:
        """Quantities of the validation data, none where there is none; None where a signal asks to stop."""
        if self.data.validation is None:
            return {}
        judged = self.training.judged
        self.engine.agree(judged)
        try:
            return evaluate(
                judged, self.data.validation, self.config, signature=self.signature, feeding=self.feeding,
                device=self.device, stop=lambda: self._asked_to_stop(interrupts), loss=self.loss, engine=self.engine,
            )  # fmt: skip
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            during, intact = f"validation after step {self.training.position.step}", bool(self.checkpoints.names())
            raise failure_of(error, judged, self.config, self.device, during, intact=intact) from error

    # -- checking, saving and resuming ---------------------------------------------------------------------------------

    def preflight(self) -> None:
        Preflight(
            self.model, self.config, self.data_config, self.split, self.sampling, self.used, self.loss, self.signature,
            self.feeding, self.device, self.stopped, self.engine, self.mixer,
        ).run()  # fmt: skip

    def _save(self) -> None:
        at = self.training.position
        average = self.training.average.total(self.engine.data)
        finite = self.config.non_finite == "ignore" or not average.count or math.isfinite(average.compute()["loss"])
        if not finite:
            raise self._not_finite("the average of the loss is no number")
        at.troubles = 0
        at.log = self.log.size
        self.saves.save(self.model, self.training, keep=at.best.checkpoint if at.best else None)

    def _newest(self) -> Checkpoint | None:
        self.saves.wait()
        saved, damaged = self.checkpoints.newest()
        for what in damaged:
            self.reporter.note(f"passed over a damaged checkpoint: {what}")
        return saved

    def _result(self, which: signal.Signals | None) -> RunResult:
        at = self.training.position
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
