"""What each process sends in one step of training, in bytes, by kind of message.

A ring of N processes sends (N − 1) / N of the data to gather or to scatter it, and twice that to do both: Patarasuk and
Yuan, 2009 (https://doi.org/10.1016/j.jpdc.2008.09.002).
"""

from __future__ import annotations

from dataclasses import dataclass

from nnc.compiler.plan.record import Recorded
from nnc.compiler.plan.tape import Tensor
from nnc.compiler.training.config.parallel import ParallelConfig

__all__ = ["Traffic", "traffic_of"]

HALF = ("bf16", "fp16")


@dataclass(frozen=True)
class Traffic:
    """Bytes that each process sends."""

    all_reduce: int = 0
    all_gather: int = 0
    reduce_scatter: int = 0
    broadcast: int = 0

    @property
    def total(self) -> int:
        return self.all_reduce + self.all_gather + self.reduce_scatter + self.broadcast


def traffic_of(
    made: Recorded, parallel: ParallelConfig, devices: int, accumulate: int, *, gathered: str | None = None
) -> Traffic:
    """Of one step, which is `accumulate` batches. `gathered` is the number format of gathered parameters."""
    if devices < 2:
        return Traffic()
    named = {t.parameter: t for t in made.tape.parameters.values()}
    learning = sum(t.words for t in named.values() if t.learns)
    if parallel.kind == "ddp":  # buffers go around before each forward pass
        return Traffic(all_reduce=2 * _share(4 * learning, devices), broadcast=made.buffers * accumulate)
    width = 2 if gathered in HALF else 4
    reduced = 2 if parallel.reduce_dtype in HALF else 4
    inside = {n for b in made.tape.blocks for n in b.parameters}
    blocks = _numbers(named, inside)
    every = sum(t.words for t in named.values())
    twice = 1 + (parallel.reshard_after_forward is not False)  # what is in no block stays gathered
    numbers = (blocks * twice + every - blocks) * accumulate
    return Traffic(all_gather=_share(numbers * width, devices), reduce_scatter=_share(learning * reduced, devices))


def _numbers(named: dict[str, Tensor], chosen: set[str]) -> int:
    return sum(t.words for name, t in named.items() if name in chosen)


def _share(size: int, devices: int) -> int:
    return size * (devices - 1) // devices
