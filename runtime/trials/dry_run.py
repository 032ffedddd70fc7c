"""One batch through everything that a run does: data, forward, loss, backward, optimizer, schedule, validation, checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from nnc.runtime.data import Batch, Split
from nnc.runtime.evaluation.evaluate import evaluate
from nnc.runtime.failure import Failure
from nnc.runtime.training.facts import facts
from nnc.runtime.training.state import model_tensors
from nnc.runtime.trials.trial import Trial, synchronize

__all__ = ["Done", "DryRun", "GroupRow", "dry_run"]


@dataclass(frozen=True)
class Done:
    """Something that was done, what came of it, and the seconds that it took."""

    what: str
    result: str
    seconds: float


@dataclass(frozen=True)
class GroupRow:
    """A group of parameters: how many `tensors` with how many `numbers`, their rate and their decay, and some names."""

    rate: float
    decay: float | None
    tensors: int
    numbers: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class DryRun:
    facts: dict[str, str]
    done: tuple[Done, ...]
    groups: tuple[GroupRow, ...]
    frozen: tuple[str, ...]


def dry_run(trial: Trial, say: Callable[[Done], None] = lambda done: None) -> DryRun:
    """`say` hears of everything that was done. Raises `Failure` for the first thing that cannot be."""
    return _DryRun(trial, say).run()


class _DryRun:
    def __init__(self, trial: Trial, say: Callable[[Done], None]) -> None:
        self.trial, self.loop, self.training, self.say = trial, trial.loop, trial.loop.training, say
        self.done: list[Done] = []

    def run(self) -> DryRun:
        head, groups = facts(self.training, self.loop.data, None), tuple(self.groups())
        with self.noted("data") as results:
            group = next(self.trial.steps())
            results.append(
                f"{self.loop.steps:,} batches of {self.trial.config.batch_size} in an epoch: {shapes(group[0])}"
            )
        with self.noted("check") as results:
            self.loop.preflight()
            results.append("inputs and labels are what the network and the loss take")
        self.step(group)
        self.validate()
        self.checkpoint()
        return DryRun(head, tuple(self.done), groups, tuple(self.frozen()))

    def step(self, group: list[Batch]) -> None:
        rates = self.training.rates
        before = {n: p.detach().clone() for n, p in self.loop.model.named_parameters()}
        with self.noted("step") as results:
            self.loop.take_step(group)
            loss = self.training.average.compute()["loss"]
            changed = sum(not torch.equal(before[n], p) for n, p in self.loop.model.named_parameters())
            results.append(f"loss {loss:.4f}; {changed} of {len(before)} parameters changed")
        if self.training.scheduler is not None:
            now = self.training.rates
            self.note("schedule", f"learning rate {_listed(rates)} → {_listed(now)} after the step", 0.0)

    def validate(self) -> None:
        loop, split = self.loop, self.loop.data.validation
        if split is None:
            return
        with self.noted("validation") as results:
            found = evaluate(
                self.training.judged, _First(split, self.trial.config.batch_size), self.trial.config,
                signature=loop.signature, feeding=loop.feeding, device=loop.device, loss=loop.loss,
            )  # fmt: skip
            assert found is not None, "nothing asked it to stop"
            results.append(", ".join(f"{name} {value:.4f}" for name, value in found.items()) + ", of the first batch")

    def checkpoint(self) -> None:
        folder, model = self.loop.checkpoints, self.loop.model
        with self.noted("checkpoint") as results:
            saved = {name: tensor.detach().clone() for name, tensor in model_tensors(model).items()}
            name = folder.save(model_tensors(model), self.training.state())
            size = sum(f.stat().st_size for f in (folder.path / name).iterdir())
            newest, _ = folder.newest()
            assert newest is not None, "it was saved"
            self.training.restore(newest)
            differing = [n for n, tensor in model_tensors(model).items() if not _same(tensor, saved[n])]
            if differing:
                raise Failure("NNC0902", folder.path / name, "weights came back changed", notes=differing[:8])
            results.append(f"{size / 2**20:.1f} MiB written, read again and compared; nothing is left of it")

    def groups(self) -> Iterator[GroupRow]:
        names = {id(p): n for n, p in self.loop.model.named_parameters()}
        for group in self.training.updater.optimizer.param_groups:
            parameters: list[Any] = group["params"]
            yield GroupRow(
                float(group["lr"]), group.get("weight_decay"), len(parameters), sum(p.numel() for p in parameters),
                tuple(names.get(id(p), "?") for p in parameters),
            )  # fmt: skip

    def frozen(self) -> Iterator[str]:
        trained = {id(p) for group in self.training.updater.optimizer.param_groups for p in group["params"]}
        yield from (n for n, p in self.loop.model.named_parameters() if id(p) not in trained)

    @contextmanager
    def noted(self, what: str) -> Iterator[list[str]]:
        """Says what was done within it; what came of it is the text in the list."""
        results: list[str] = []
        began = time.perf_counter()
        yield results
        synchronize(self.trial.device)
        self.note(what, results[0], time.perf_counter() - began)

    def note(self, what: str, result: str, seconds: float) -> None:
        self.done.append(Done(what, result, seconds))
        self.say(self.done[-1])


class _First:
    """The first samples of a split."""

    def __init__(self, split: Split, count: int) -> None:
        self._split, self._count = split, min(count, len(split))

    def __len__(self) -> int:
        return self._count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._split, name)


def shapes(batch: Batch) -> str:
    """`image [64, 1, 28, 28] float32, label [64] int64`"""
    return ", ".join(f"{n} {list(t.shape)} {str(t.dtype).removeprefix('torch.')}" for n, t in batch.items())


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """To the last bit, where a number that is none is as good as another."""
    return torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def _listed(rates: list[float]) -> str:
    return ", ".join(f"{r:.4g}" for r in dict.fromkeys(rates))
