"""A system that refuses: no room, an input/output error, no right to write. The run says so and ends, what was saved
before stays, and once there is room it goes on to the same weights."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
from collections.abc import Iterable
from pathlib import Path

from tests.reliability import trial
from tests.reliability.tally import Tally
from tests.reliability.tracing import Traced
from tests.runtime.killing import started

__all__ = ["in_a_read_only_folder", "refused_operations", "with_files_of_at_most"]

SAID = ("NNC0903", "NNC0906")
UNPRIVILEGED = 65534  # root may write anywhere


def refused_operations(spec: Path, folder: Path, numbers: Iterable[int], error: int = errno.ENOSPC) -> Tally:
    """Lets the n-th operation of a run on a file fail, for every n."""
    tally, expected = Tally(), _undisturbed(spec, folder / "whole")
    for number in numbers:
        where = folder / f"run{number}"
        with Traced(trial.and_say, spec, where, below=where) as traced:
            for operation in traced:
                if operation.number == number:
                    what = f"operation {number}, {operation.name} {operation.path}"
                    traced.fail(error)
        tally.add(*_outcome(spec, where, expected, what, os.strerror(error)))
    return tally


def _outcome(spec: Path, where: Path, expected: object, what: str, reason: str) -> tuple[str, str]:
    """What went wrong, "" for nothing; and whether the run ended with a message, or did not need what was refused."""
    said = where.with_suffix(".failure")
    told = said.read_text() if said.exists() else ""
    ended = "said" if told else "not needed"
    if told and (not any(code in told for code in SAID) or str(where) not in told or reason not in told):
        return f"{what}: said {told!r}", ended
    if not told and not trial.checkpoints_of(where).names():
        return f"{what}: ended without a word", ended
    try:
        trial.go_on(spec, where)
        found = trial.ending(where)
    except Exception as error:
        return f"{what}: afterwards {type(error).__name__}: {error}", ended
    shutil.rmtree(where)
    said.unlink(missing_ok=True)
    return ("" if found == expected else f"{what}: ended otherwise"), ended


def _undisturbed(spec: Path, where: Path) -> object:
    trial.go_on(spec, where)
    return trial.ending(where)


def limited(spec: Path, folder: Path, most: int) -> None:
    """Trains where no file may have more than so many bytes: what a full disk looks like, and root cannot avoid."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    trial.and_say(spec, folder)


def with_files_of_at_most(spec: Path, folder: Path, sizes: Iterable[int]) -> Tally:
    """Runs that may not write larger files than so many bytes."""
    tally, expected = Tally(), _undisturbed(spec, folder / "whole")
    for most in sizes:
        where = folder / f"run{most}"
        process = started(limited, spec, where, most)
        process.join()
        tally.add(*_outcome(spec, where, expected, f"files of at most {most} bytes", os.strerror(errno.EFBIG)))
    return tally


def in_a_read_only_folder(folder: Path) -> Tally:
    """A run that died half way, and whose folder nobody may write to any more. `folder` can be reached by everybody."""
    spec, where, tally = trial.write_project(folder), folder / "run", Tally()
    expected = _undisturbed(spec, folder / "whole")
    with Traced(trial.go_on, spec, where, below=where) as traced:
        for operation in traced:
            if operation.number == 200:
                traced.kill()
    before = _contents(where)
    for path in (where, *where.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    said = where.with_suffix(".failure")
    said.touch()
    said.chmod(0o666)
    process = started(unprivileged, spec, where, folder / "other")
    process.join()
    for path in (where, *where.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    fault = "" if _contents(where) == before else "the folder has changed"
    tally.add(fault or _outcome(spec, where, expected, "a read-only folder", os.strerror(errno.EACCES))[0])
    return tally


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def unprivileged(spec: Path, folder: Path, other: Path) -> None:
    """Trains as somebody who may not write into the folder. A run elsewhere comes first: what is imported late may lie where
    only root can read."""
    trial.go_on(spec, other)
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(UNPRIVILEGED)
        os.setuid(UNPRIVILEGED)
    trial.and_say(spec, folder)
