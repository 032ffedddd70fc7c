"""A run that dies without warning, anywhere, and goes on: does it end as if nothing had happened?

`Subject` is what is killed: nnc's own training, or the loop that people write, which saves in place with `torch.save`. One
harness for both, so that it is seen to find what it looks for.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from nnc.runtime.saving.files import TEMPORARY
from tests.reliability import trial
from tests.reliability.tally import Tally
from tests.reliability.tracing import Operation, Traced
from tests.runtime.killing import started

__all__ = ["IN_PLACE", "OURS", "Subject", "at_operations", "at_random_moments", "operations_of"]


@dataclass(frozen=True)
class Subject:
    """A training that can be killed: what begins or continues it in `folder` (a function that a module defines by name,
    given the spec and the folder), and what it came to."""

    train: Callable[[Path, Path], None]
    ending: Callable[[Path], object]


OURS = Subject(trial.go_on, trial.ending)


def train_in_place(_: Path, folder: Path) -> None:
    """The loop that is found in tutorials: a checkpoint is one file, written over the last one."""
    torch.set_num_threads(1)
    folder.mkdir(exist_ok=True)
    path = folder / "checkpoint.pt"
    state = torch.load(path, weights_only=True) if path.exists() else {"step": 0, "weight": torch.zeros(500_000)}
    for step in range(state["step"], 12):
        generator = torch.Generator().manual_seed(step)
        state["weight"] += torch.randn(500_000, generator=generator)
        state["step"] = step + 1
        torch.save(state, path)


def ending_in_place(folder: Path) -> str:
    weight = torch.load(folder / "checkpoint.pt", weights_only=True)["weight"]
    return hashlib.sha256(weight.numpy().data).hexdigest()


IN_PLACE = Subject(train_in_place, ending_in_place)


def at_random_moments(subject: Subject, spec: Path, folder: Path, trials: int, seed: int) -> Tally:
    """Kills as many runs, each at a moment drawn from the whole time that a run takes."""
    expected = _undisturbed(subject, spec, folder / "whole")
    whole = median(_seconds(subject, spec, folder / f"timed{n}") for n in range(3))
    chance, tally = random.Random(seed), Tally()
    for number in range(trials):
        where, moment = folder / f"run{number}", chance.uniform(0, whole)
        process = started(subject.train, spec, where)
        time.sleep(moment)
        process.kill()
        process.join()
        _resume(subject, spec, where, expected, f"killed after {moment:.3f} s", tally)
    return tally


def operations_of(subject: Subject, spec: Path, folder: Path) -> list[Operation]:
    """What a run does to files, from its beginning to its end."""
    with Traced(subject.train, spec, folder, below=folder) as traced:
        return list(traced)


def at_operations(subject: Subject, spec: Path, folder: Path, numbers: Iterable[int]) -> Tally:
    """Kills a run in front of its n-th operation on a file, for every n; of a write, once more in the middle."""
    expected = _undisturbed(subject, spec, folder / "whole")
    tally = Tally()
    for number in numbers:
        for halfway in (False, True):
            where = folder / f"run{number}{'h' if halfway else ''}"
            met = _killed_at(subject, spec, where, number, halfway=halfway)
            if met is not None:
                what = f"{'in the middle of' if halfway else 'before'} operation {met.number}, {met.name} {met.path}"
                _resume(subject, spec, where, expected, what, tally, met.name)
    return tally


def _killed_at(subject: Subject, spec: Path, where: Path, number: int, *, halfway: bool) -> Operation | None:
    """The operation that a run died at; None where it is no write, of which there is no middle."""
    met = None
    with Traced(subject.train, spec, where, below=where) as traced:
        for operation in traced:
            if operation.number == number:
                if halfway and operation.length < 2:
                    traced.kill()
                    return None
                met = operation
                traced.kill_halfway() if halfway else traced.kill()
    assert met is not None, f"the run had no operation {number}"
    return met


def _resume(subject: Subject, spec: Path, where: Path, expected: object, what: str, tally: Tally, *seen: str) -> None:
    left = list(where.rglob(f"{TEMPORARY}*")) if where.exists() else []
    marks = [*seen, *(["while saving"] if left else [])]
    try:
        subject.train(spec, where)
        found = subject.ending(where)
        tally.add("" if found == expected else f"{what}: ended otherwise", *marks)
    except Exception as error:
        tally.add(f"{what}: {type(error).__name__}: {str(error)[:200]}", *marks)
    shutil.rmtree(where, ignore_errors=True)


def _undisturbed(subject: Subject, spec: Path, where: Path) -> object:
    subject.train(spec, where)
    return subject.ending(where)


def _seconds(subject: Subject, spec: Path, where: Path) -> float:
    began = time.perf_counter()
    process = started(subject.train, spec, where)
    process.join()
    assert process.exitcode == 0
    return time.perf_counter() - began
