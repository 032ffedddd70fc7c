"""Killed anywhere, a run goes on to the same weights, bit for bit; a loop that saves in place does not."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from nnc.runtime.saving.files import TEMPORARY
from tests.reliability.killing import IN_PLACE, OURS, at_operations, at_random_moments, operations_of
from tests.reliability.tracing import Operation, cannot_trace
from tests.reliability.trial import write_project

traced = pytest.mark.skipif(bool(cannot_trace()), reason=cannot_trace() or "processes can be traced")


@pytest.mark.parametrize("trials", [3, pytest.param(200, marks=pytest.mark.nightly)])
def test_killed_at_random_moments(tmp_path: Path, trials: int) -> None:
    tally = at_random_moments(OURS, write_project(tmp_path), tmp_path, trials, seed=trials)
    assert tally.whole, tally


@traced
def test_killed_at_every_operation_of_a_save(tmp_path: Path) -> None:
    """Those before it are there to fall back on, and the oldest is removed."""
    spec = write_project(tmp_path)
    save = a_save(operations_of(OURS, spec, tmp_path / "counted"))
    assert {"openat", "mkdir", "write", "fsync", "rename", "unlinkat", "rmdir"} <= {o.name for o in save}
    tally = at_operations(OURS, spec, tmp_path, [o.number for o in save][::6])
    assert tally.whole, tally


@traced
@pytest.mark.nightly
def test_killed_at_every_operation_of_a_run(tmp_path: Path) -> None:
    spec = write_project(tmp_path)
    operations = operations_of(OURS, spec, tmp_path / "counted")
    tally = at_operations(OURS, spec, tmp_path, [o.number for o in operations])
    assert tally.whole, tally
    assert tally.trials > len(operations)


def a_save(operations: list[Operation]) -> list[Operation]:
    """One of a checkpoint in the middle of a run, to the last operation before the next one's."""
    made = [i for i, o in enumerate(operations) if o.name == "mkdir" and o.path.name.startswith(f"{TEMPORARY}0")]
    saves = [operations[begin:end] for begin, end in pairwise(made)]
    return next(s for s in saves[3:] if any(o.name == "rmdir" for o in s))


@traced
def test_saving_in_place_loses_runs(tmp_path: Path) -> None:
    """The same harness over a loop that saves in place: it finds what it looks for."""
    operations = operations_of(IN_PLACE, tmp_path, tmp_path / "counted")
    tally = at_operations(IN_PLACE, tmp_path, tmp_path, [o.number for o in operations][-4:])
    assert tally.held < tally.trials, "no death left a file that does not load: the tests above would prove nothing"


@traced
def test_a_save_is_on_the_disk_before_it_has_its_name(tmp_path: Path) -> None:
    """What a power failure asks for: nothing is renamed to its name before the bytes of every file in it, and the
    folder's own names, have been flushed; afterwards the folder above is."""
    operations = operations_of(OURS, write_project(tmp_path), tmp_path / "counted")
    assert unflushed(operations) == []
    without = [o for o in operations if not (o.name == "fsync" and o.path.name == "model.safetensors")]
    assert unflushed(without), "and a flush that is left out is noticed"


def unflushed(operations: list[Operation]) -> list[str]:
    """What was not flushed when something was renamed to a name that is meant to last: files that were written to, and
    folders in which names were made."""
    waiting: set[Path] = set()
    missing = []
    for operation in operations:
        name, path, target = operation.name, operation.path, operation.target
        if name in ("write", "pwrite64", "writev", "ftruncate"):
            waiting |= {path, path.parent}
        elif name in ("fsync", "fdatasync"):
            waiting.discard(path)
        elif target is not None:
            if not target.parent.name.startswith(TEMPORARY):
                missing += [f"{p} before {target.name}" for p in waiting if p == path or path in p.parents]
            waiting = {target if p == path else p for p in waiting} | {target.parent}
    return missing
