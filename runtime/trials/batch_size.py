"""The largest batch that fits: twice as large until it does not, then halfway back.

On a GPU memory decides, which says no by itself. On a CPU the system would swap or kill first, so there a batch is not tried
that would need more than most of what is left, by what the last two needed; and it is over when more no longer means faster.
"""

from __future__ import annotations

import gc
import re
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from nnc.runtime.failure import Failure
from nnc.runtime.training.memory import is_out_of_memory
from nnc.runtime.trials.trial import Trial, synchronize

__all__ = ["BatchSizes", "TriedSize", "find_batch_size"]

LARGEST = 1 << 16
MEMORY = 0.8  # of what is left may be taken
FASTER = 1.03  # samples a second, from one size to the next; less is no gain
PATIENCE = 3  # sizes without a gain
STEPS = 4  # of each size


@dataclass(frozen=True)
class TriedSize:
    """One step over a batch of `size`: in `seconds`, with `memory` bytes at most; `fits` says whether it could be done."""

    size: int
    fits: bool
    seconds: float = 0.0
    memory: int = 0

    @property
    def rate(self) -> float:
        """Samples a second."""
        return self.size / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class BatchSizes:
    """What was tried, in this order; the size that is `suggested`, and the `reason` why no larger one is."""

    tried: tuple[TriedSize, ...]
    suggested: int
    reason: str


def find_batch_size(
    trial: Trial,
    say: Callable[[TriedSize], None] = lambda tried: None,
    *,
    largest: int = LARGEST,
    room: int | None = None,
) -> BatchSizes:
    """`say` hears of every size; `room` are the bytes that a CPU may take. Raises `Failure` where not even the smallest batch
    can be trained on."""
    search = _Search(trial, say, min(largest, len(trial.loop.split)), _available() if room is None else room)
    reason = search.upwards()
    if not search.fitting:
        raise Failure("NNC0850", trial.config.span, f"not even a batch of {search.first} fits into memory")
    if search.refused is not None:
        search.between(search.fitting[-1].size, search.refused)
    return BatchSizes(tuple(search.tried), search.suggestion(), reason)


class _Search:
    def __init__(self, trial: Trial, say: Callable[[TriedSize], None], largest: int, room: int) -> None:
        self.trial, self.say, self.largest, self.room = trial, say, largest, room
        self.cpu = trial.device.type == "cpu"
        self.tried: list[TriedSize] = []
        self.refused: int | None = None
        self.first = min(2, largest)  # normalization needs two samples
        self.before = _peak() if self.cpu else 0

    @property
    def fitting(self) -> list[TriedSize]:
        return sorted((t for t in self.tried if t.fits), key=lambda t: t.size)

    def upwards(self) -> str:
        """Doubles. The reason why it ends."""
        size = self.first
        while True:
            tried = self.attempt(size)
            if not tried.fits:
                self.refused = size
                return "larger ones do not fit into memory"
            if size >= self.largest:
                return (
                    f"the training data have {self.largest:,} samples" if size < LARGEST else "that is the most we try"
                )
            size = min(size * 2, self.largest)
            if self.cpu and self.needed(size) > self.room:
                return f"a batch of {size} would need about {self.needed(size) / 2**30:.1f} GiB, most of what is left"
            if self.cpu and self.flat():
                return "larger ones are not faster"

    def between(self, low: int, high: int) -> None:
        """Halves the gap between a size that fits and one that does not, to an eighth of it."""
        while high - low > max(1, low // 8):
            middle = (low + high) // 2
            if self.attempt(middle).fits:
                low = middle
            else:
                high = middle

    def suggestion(self) -> int:
        """On a GPU the largest that fits; on a CPU the smallest that is nearly as fast as any."""
        if not self.cpu:
            return self.fitting[-1].size
        best = max(t.rate for t in self.fitting)
        return next(t.size for t in self.fitting if t.rate * FASTER >= best)

    def flat(self) -> bool:
        rates = [t.rate for t in self.fitting]
        return len(rates) > PATIENCE and max(rates[-PATIENCE:]) < FASTER * max(rates[:-PATIENCE])

    def needed(self, size: int) -> float:
        """Bytes, by what grew with the last two sizes."""
        if len(self.fitting) < 2:
            return 0
        small, large = self.fitting[-2:]
        each = max(0.0, (large.memory - small.memory) / (large.size - small.size))
        return large.memory + each * (size - large.size)

    def attempt(self, size: int) -> TriedSize:
        device = self.trial.device
        self.trial.loop.training.speed.full = size
        self.trial.loop.training.begin_epoch()  # what is carried along is that of a batch of another size
        if device.type == "cuda":
            gc.collect()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
        try:
            tried = TriedSize(size, True, self.seconds(size), self.memory())
        except Failure:
            raise
        except Exception as error:
            if not is_out_of_memory(error):
                raise self.trial.loop.stopped(error) from error
            tried = TriedSize(size, False)
        self.tried.append(tried)
        self.say(tried)
        return tried

    def seconds(self, size: int) -> float:
        """The fastest of some steps, after one to warm up: whatever else the machine does only adds to it."""
        batches, times = self.trial.batches(size), []
        for _ in range(1 + STEPS):
            batch = next(batches)
            synchronize(self.trial.device)
            began = time.perf_counter()
            self.trial.loop.training.step([batch])
            synchronize(self.trial.device)
            times.append(time.perf_counter() - began)
        return min(times[1:])

    def memory(self) -> int:
        """Bytes at the most: those of torch on a GPU, on a CPU what the process has grown by."""
        if self.trial.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.trial.device))
        return max(0, _peak() - self.before) if self.cpu else 0


def _peak() -> int:
    """The most bytes of memory that this process has had."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _available() -> int:
    """Bytes that a process may still take, of the machine's and of its container's."""
    left = [1 << 40]
    try:
        left.append(int(re.findall(r"MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text())[0]) * 1024)
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        if limit.isdigit():
            left.append(int(limit) - int(Path("/sys/fs/cgroup/memory.current").read_text()))
    except (OSError, IndexError, ValueError):
        pass  # another system: what is known counts
    return int(min(left) * MEMORY)
