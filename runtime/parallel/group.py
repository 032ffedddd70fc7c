"""Several processes, over torch.distributed: a store, where they meet; a group for tensors on the device, NCCL or Gloo; and
one for control, Gloo, so that asking whether anyone wants to stop does not wait for a GPU.

A run that torchrun restarts meets under another name, else it finds what the attempt before left in the store. Every wait
is finite. The group is left together: a process that destroys it while another still talks aborts.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import PrefixStore, TCPStore

from nnc.compiler.diagnostics import Diagnostic
from nnc.compiler.driver import SpecError
from nnc.runtime import device as devices
from nnc.runtime.failure import Failure, reason_of
from nnc.runtime.parallel.world import World

__all__ = ["Group"]

MEETING = 300.0  # seconds to wait for the others at the start, and for what the main process says
GRACE = 5.0  # seconds in which the process that failed first says so
FAILED = "failed"
SIGNS = (
    "gloo",
    "nccl",
    "connection reset",
    "connection closed",
    "connection was likely closed",
    "broken pipe",
    "socket",
)


class Group(World):
    """A process of several. It has met the others in a store; with `begin` it joins their group."""

    def __init__(
        self, store: Any, rank: int, size: int, *, local_rank: int = 0, local_size: int = 1, attempt: int = 0
    ) -> None:
        self.rank, self.size, self.local_rank, self.local_size, self.attempt = (
            rank,
            size,
            local_rank,
            local_size,
            attempt,
        )
        self._node = rank - local_rank  # the rank of this machine's first process
        self._store = PrefixStore(f"nnc/{attempt}/{size}", store)
        self._lasting = PrefixStore("nnc/run", store)  # where torchrun keeps the store, it outlives the processes
        self._control: Any = None
        self._pending: tuple[Any, torch.Tensor] | None = None

    @classmethod
    def of_environment(cls) -> Group:
        """As torchrun says. Raises `Failure` where the store cannot be reached, or the variables are none of torchrun's."""
        place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        try:
            rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
            local_rank, local_size = int(os.environ["LOCAL_RANK"]), int(os.environ.get("LOCAL_WORLD_SIZE", size))
            attempt = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))
            agents = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"  # torchrun has the store, and outlives us
            store = TCPStore(
                os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), size,
                is_master=rank == 0 and not agents, timeout=timedelta(seconds=MEETING), wait_for_workers=False,
            )  # fmt: skip
        except (ValueError, RuntimeError) as error:
            raise Failure(
                "NNC0930", "torchrun", f"the other processes cannot be met at {place}: {reason_of(error)}"
            ) from error
        return cls(store, rank, size, local_rank=local_rank, local_size=local_size, attempt=attempt)

    # -- before there is a group ---------------------------------------------------------------------------------------

    def agreed(self, key: str, value: Callable[[], str]) -> str:
        if self.main:
            said = value()
            self._store.set(f"agreed/{key}", said)
            return said
        return self._told(f"agreed/{key}")

    def remember(self, key: str, value: str) -> None:
        self._lasting.set(key, value)

    def recall(self, key: str) -> str:
        return bytes(self._lasting.get(key)).decode() if self._lasting.check([key]) else ""

    def _told(self, key: str) -> str:
        """What another process puts under a key. Raises `Failure` where it does not."""
        try:
            self._store.wait([key], timedelta(seconds=MEETING))
            return bytes(self._store.get(key)).decode()
        except RuntimeError as error:
            self._gone(error)

    @contextmanager
    def first(self, key: str) -> Iterator[None]:
        done = f"first/{key}/{self._node}"
        if self.local_rank:
            self._told(done)
            yield
        else:
            yield
            self._store.set(done, "done")

    def device(self, name: str) -> torch.device:
        kind = "cuda" if name == "auto" and torch.cuda.is_available() else name
        if kind == "auto":
            kind = "cpu"
        if kind.startswith("cuda:"):
            raise Failure("NNC0818", "--device", f"each of {self.size} processes has a GPU of its own: write `cuda`")
        if kind == "mps":
            raise Failure("NNC0818", "--device", "Apple's GPUs serve one process: torch.distributed does not know them")
        if kind != "cuda":
            return devices.resolve(kind)
        there = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if self.local_size > there:
            message = f"{self.local_size} processes on this machine need a GPU each, and torch can use {there}"
            raise Failure("NNC0818", "--device", message, notes=("--device cpu trains on the processor",))
        device = torch.device("cuda", self.local_rank)
        torch.cuda.set_device(device)
        return device

    def begin(self, device: torch.device, timeout: float) -> None:
        limit = timedelta(seconds=timeout)
        try:
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
                store=PrefixStore("group", self._store), rank=self.rank, world_size=self.size, timeout=limit,
                device_id=device if device.type == "cuda" else None,
            )  # fmt: skip
            self._control = dist.new_group(backend="gloo", timeout=limit)
        except RuntimeError as error:
            self._gone(error)

    # -- in the group --------------------------------------------------------------------------------------------------

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        self._do(dist.all_reduce, tensor)
        return tensor

    def highest(self, number: int) -> int:
        given = torch.tensor([number])
        self._do(dist.all_reduce, given, dist.ReduceOp.MAX, group=self._control)
        return int(given)

    def poll(self, number: int) -> int:
        answer = self._last()
        given = torch.tensor([number])
        work = self._do(dist.all_reduce, given, dist.ReduceOp.MAX, group=self._control, async_op=True)
        self._pending = (work, given)
        return answer

    def settle(self, number: int) -> int:
        return max(self._last(), self.highest(number))

    def _last(self) -> int:
        """The answer to the last poll; 0 where there was none."""
        if self._pending is None:
            return 0
        (work, given), self._pending = self._pending, None
        self._do(work.wait)
        return int(given)

    def texts(self, text: str) -> list[str]:
        mine = torch.tensor(list(text.encode()), dtype=torch.uint8)
        longest = self.highest(len(mine))
        padded = torch.cat([mine, torch.zeros(longest - len(mine), dtype=torch.uint8)])
        found = [torch.empty_like(padded) for _ in range(self.size)]
        self._do(dist.all_gather, found, padded, group=self._control)
        return [bytes(t.numpy()).rstrip(b"\0").decode() for t in found]

    def barrier(self) -> None:
        self.highest(0)

    def end(self) -> None:
        self.barrier()
        dist.barrier()
        dist.destroy_process_group()

    def _do(self, action: Any, *args: Any, **named: Any) -> Any:
        """Raises `Failure` where another process is gone."""
        try:
            return action(*args, **named)
        except RuntimeError as error:
            self._gone(error)

    # -- how it fails --------------------------------------------------------------------------------------------------

    def check(self, error: BaseException) -> None:
        if any(sign in str(error).lower() for sign in SIGNS):
            self._gone(error)

    def _gone(self, error: BaseException) -> NoReturn:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whoever started us ends us, and knows why
        if self._others_failed(GRACE):
            raise SystemExit(1)
        notes = (f"rank {self.rank} of {self.size} waited for it: {reason_of(error)[:200]}",)
        raise Failure("NNC0930", "run", "another process of this run ended, or is too slow", notes=notes) from error

    def _others_failed(self, seconds: float) -> bool:
        """Whether another process says within so many seconds that it has failed."""
        until = time.monotonic() + seconds
        while True:
            try:
                if self._store.check([FAILED]):
                    return bytes(self._store.get(FAILED)).decode() != str(self.rank)
            except RuntimeError:  # the store is gone, and with it whoever had something to say
                return False
            if time.monotonic() > until:
                return False
            time.sleep(0.05)

    @contextmanager
    def speaking_first(self) -> Iterator[None]:
        try:
            yield
        except (Failure, SpecError) as error:
            if not self._speaks():
                raise SystemExit(1) from None
            where = f"in rank {self.rank} of {self.size}"
            error.diagnostics = [_with_note(d, where) for d in error.diagnostics]
            raise
        except Exception as error:
            self.check(error)
            if not self._speaks():
                raise SystemExit(1) from None
            raise

    def _speaks(self) -> bool:
        """Whether this process is the first to fail."""
        try:
            return bytes(self._store.compare_set(FAILED, "", str(self.rank))).decode() == str(self.rank)
        except RuntimeError:
            return True


def _with_note(diagnostic: Diagnostic, note: str) -> Diagnostic:
    from dataclasses import replace

    return replace(diagnostic, notes=(*diagnostic.notes, note))
