"""Refused by the system at any operation, asked to stop, begun twice: the run says so, and loses nothing."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

import pytest

from tests.reliability.killing import OURS, operations_of
from tests.reliability.room import in_a_read_only_folder, refused_operations, with_files_of_at_most
from tests.reliability.stopping import asked_to_stop, begun_twice
from tests.reliability.test_killing import a_save, traced
from tests.reliability.trial import write_project


@traced
def test_no_room_at_any_operation_of_a_save(tmp_path: Path) -> None:
    spec = write_project(tmp_path)
    save = a_save(operations_of(OURS, spec, tmp_path / "counted"))
    tally = refused_operations(spec, tmp_path, [o.number for o in save][1::8])
    assert tally.whole, tally
    assert tally.seen["said"], "some of these operations are needed"


@traced
@pytest.mark.nightly
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_an_error_at_every_operation_of_a_run(tmp_path: Path, error: int) -> None:
    spec = write_project(tmp_path)
    operations = operations_of(OURS, spec, tmp_path / "counted")
    tally = refused_operations(spec, tmp_path, [o.number for o in operations], error)
    assert tally.whole, tally


@pytest.mark.parametrize("sizes", [[6000], pytest.param(range(500, 40_000, 500), marks=pytest.mark.nightly)])
def test_files_that_may_not_grow(tmp_path: Path, sizes: list[int]) -> None:
    tally = with_files_of_at_most(write_project(tmp_path), tmp_path, sizes)
    assert tally.whole, tally
    assert tally.seen["said"]


@traced
def test_a_read_only_folder() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # reached by everybody, which pytest's folders are not
        tally = in_a_read_only_folder(Path(name))
    assert tally.whole, tally


@pytest.mark.parametrize("trials", [2, pytest.param(100, marks=pytest.mark.nightly)])
def test_asked_to_stop(tmp_path: Path, trials: int) -> None:
    tally = asked_to_stop(write_project(tmp_path), tmp_path, trials, seed=trials)
    assert tally.whole, tally


@pytest.mark.parametrize("trials", [1, pytest.param(20, marks=pytest.mark.nightly)])
def test_a_second_process_is_refused(tmp_path: Path, trials: int) -> None:
    tally = begun_twice(write_project(tmp_path), tmp_path, trials)
    assert tally.whole, tally
