"""A run that is asked to stop, and one that is begun while another trains in its folder."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

from nnc.cli.main import main
from nnc.runtime.runs import RUN
from tests.reliability import trial
from tests.reliability.tally import Tally
from tests.runtime.killing import started

__all__ = ["asked_to_stop", "begun_twice"]

PATIENCE = 60.0


def command(spec: Path, folder: Path) -> None:
    """`nnc train`, its output in a file beside the folder."""
    with folder.with_suffix(".out").open("w") as stream:
        sys.stdout = sys.stderr = stream
        resume = ["--resume"] if (folder / RUN).exists() else []
        status = main(["train", str(spec), "--run-dir", str(folder), "--device", "cpu", *resume])
    os._exit(status)


def until_saved(process: BaseProcess, folder: Path, count: int) -> None:
    """Waits until a run has made so many checkpoints, or has ended."""
    deadline = time.monotonic() + PATIENCE
    while process.is_alive():
        names = trial.checkpoints_of(folder).names()
        if names and int(names[-1]) >= count:
            return
        assert time.monotonic() < deadline, "the run hangs"
        time.sleep(0.001)


def asked_to_stop(spec: Path, folder: Path, trials: int, seed: int) -> Tally:
    """SIGTERM or SIGINT at a random moment of training: 143 or 130, a checkpoint of the step at hand, the same end."""
    trial.go_on(spec, folder / "whole")
    expected, chance, tally = trial.ending(folder / "whole"), random.Random(seed), Tally()
    for number in range(trials):
        where, which = folder / f"run{number}", (signal.SIGTERM, signal.SIGINT)[number % 2]
        process = started(command, spec, where)
        until_saved(process, where, chance.randrange(1, 10))
        time.sleep(chance.uniform(0, 0.02))
        assert process.pid is not None
        os.kill(process.pid, which)
        process.join(PATIENCE)
        tally.add(_stopped(spec, where, process.exitcode, which, expected), which.name)
        shutil.rmtree(where)
    return tally


def _stopped(spec: Path, where: Path, code: int | None, which: signal.Signals, expected: object) -> str:
    """What went wrong; a run that had ended before the signal came ends with 0."""
    told = where.with_suffix(".out").read_text()
    if code not in (0, 128 + which):
        return f"{which.name}: exit code {code}: {told[-300:]}"
    if code and "--resume" not in told:
        return f"{which.name}: no word of how to go on: {told[-300:]}"
    trial.go_on(spec, where)
    return "" if trial.ending(where) == expected else f"{which.name}: ended otherwise"


def begun_twice(spec: Path, folder: Path, trials: int) -> Tally:
    """While one process trains in a folder, another is refused, and does no harm."""
    trial.go_on(spec, folder / "whole")
    expected, tally = trial.ending(folder / "whole"), Tally()
    for number in range(trials):
        where = folder / f"run{number}"
        first = started(command, spec, where)
        until_saved(first, where, 1 + number % 10)
        assert first.pid is not None
        os.kill(first.pid, signal.SIGSTOP)
        alive = first.is_alive()
        second = started(trial.and_say, spec, where)
        second.join(PATIENCE)
        os.kill(first.pid, signal.SIGCONT)
        first.join(PATIENCE)
        said = where.with_suffix(".failure")
        told = said.read_text() if said.exists() else ""
        fault = "" if not alive or ("NNC0906" in told and str(where) in told) else f"the second said {told!r}"
        tally.add(fault or ("" if trial.ending(where) == expected else "the first ended otherwise"))
    return tally
