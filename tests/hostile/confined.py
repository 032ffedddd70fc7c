"""A command in a process of its own, watched: how it ended, what it said, how long it took, how much memory it had."""

from __future__ import annotations

import gc
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnc.cli.main import main
from tests.runtime.killing import SERVER

__all__ = ["Ended", "confined", "forget_peak", "peak"]

PATIENCE = 30.0


@dataclass(frozen=True)
class Ended:
    """`code` is None for one that had to be stopped; `seconds` of processor time, `megabytes` at most, all included."""

    code: int | None
    said: str
    seconds: float
    megabytes: int


def confined(command: Sequence[str], folder: Path) -> Ended:
    """Runs `nnc` with these arguments; the working directory is `folder`."""
    told = folder.parent / f"{folder.name}.told"
    process = SERVER.Process(
        target=_run, args=(list(command), str(folder), str(told))
    )  # it may have workers of its own
    process.start()
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()
        return Ended(None, told.read_text(errors="replace"), PATIENCE, 0)
    said, _, facts = told.read_text(errors="replace").rpartition("\n--\n")
    if not facts:
        return Ended(process.exitcode, told.read_text(errors="replace"), 0, 0)
    seconds, megabytes = facts.split()
    return Ended(process.exitcode, said, float(seconds), int(megabytes))


def _run(command: list[str], folder: str, told: str) -> None:
    gc.freeze()
    with open(told, "w", buffering=1, errors="replace") as stream:
        sys.stdout = sys.stderr = stream
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(folder)
        forget_peak()
        began = time.process_time()
        code = main(command)
        stream.write(f"\n--\n{time.process_time() - began:.3f} {peak()}")
    os._exit(code)


def forget_peak() -> None:
    """The peak counts from here on, and not from what the process was forked from."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak() -> int:
    """The most memory since then, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s*(\d+)", status.read_text())[1]) // 1024  # type: ignore[index]  # it is there
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
