"""Processes that train together, forked from torch warmed up once. Whatever they wait for, the test ends."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from torch._C._distributed_c10d import FileStore

from nnc.runtime.failure import Failure
from nnc.runtime.parallel.group import Group

__all__ = ["started", "together"]

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["torch.distributed.fsdp", "nnc.runtime.training.loop", "tests.parallel.helpers"])
LIMIT = 60.0  # seconds, on a machine that does something else besides

Action = Callable[..., object]


def started(size: int, folder: Path, action: Action, *args: Any) -> list[BaseProcess]:
    """So many running processes, each in `action(world, *args)`; what it says is in `folder/RANK.txt`."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for rank in range(size):
        process = SERVER.Process(target=_enter, args=(folder, rank, size, action, args), daemon=True)
        process.start()
        found.append(process)
    return found


def together(
    size: int, folder: Path, action: Action, *args: Any, expect: Sequence[int] | None = None, limit: float = LIMIT
) -> list[str]:
    """Runs `action(world, *args)` in so many processes until all have ended, and gives what each said. Their exit codes
    must be those expected, by default 0."""
    processes = started(size, folder, action, *args)
    until = time.monotonic() + limit
    for process in processes:
        process.join(max(0.0, until - time.monotonic()))
    hanging = [rank for rank, p in enumerate(processes) if p.is_alive()]
    for process in processes:
        process.kill()
    said = [(folder / f"{rank}.txt").read_text() for rank in range(size)]
    assert not hanging, f"ranks {hanging} hang: {said}"
    assert [p.exitcode for p in processes] == list(expect or [0] * size), said
    return said


def _enter(folder: Path, rank: int, size: int, action: Action, args: Sequence[Any]) -> None:
    output = os.open(folder / f"{rank}.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    world = Group(FileStore(str(folder / "store"), size), rank, size, local_rank=rank, local_size=size)
    try:
        with world.speaking_first():
            action(world, *args)
    except Failure as failure:
        print(failure, flush=True)
        os._exit(1)
    except SystemExit as ended:
        os._exit(int(str(ended)))
    sys.stdout.flush()
