"""Which samples are whose: every process takes its part of every batch, in the order of the batch.

`batch_size` counts the samples of all processes, and the order of an epoch is the one of a single process, so the steps are
the same on one process and on many: no sample is repeated, none is left out.

    batch of 10 on 4 processes      0 1 2 | 3 4 5 | 6 7 | 8 9
    the last one, of 3              0     | 1     | 2   | -     the fourth has a stand-in, which counts for nothing
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from nnc.compiler.diagnostics import Span
from nnc.runtime.data import Batch, Split
from nnc.runtime.failure import Failure
from nnc.runtime.parallel.world import World

__all__ = ["StandIn", "check_shares", "samples_of", "share_sizes", "shares", "whole_of"]


class Part(dict[str, torch.Tensor]):
    """A process's part of a batch that has `whole` samples."""

    whole = 0


class StandIn(Part):
    """What goes through the network of a process that has no sample of a batch, because the others wait for it: samples of
    another process, which count for nothing."""


def samples_of(batch: Batch, rows: int) -> int:
    """How many samples a batch of so many rows counts for."""
    return 0 if isinstance(batch, StandIn) else rows


def whole_of(batch: Batch, rows: int) -> int:
    """How many samples all processes have of it."""
    return batch.whole if isinstance(batch, Part) else rows


def share_sizes(samples: int, batch_size: int, world: World) -> set[int]:
    """How many samples of a batch a process may have, 0 for those that have none."""
    batches = {min(batch_size, samples), samples % batch_size} - {0}
    return {n // world.size + extra for n in batches for extra in range(1 + (n % world.size > 0))}


def check_shares(batch_size: int, world: World, span: Span) -> None:
    """Raises `Failure` where a process would have no sample of any batch."""
    if batch_size < world.size:
        message = f"batches of {batch_size} cannot be divided among {world.size} processes"
        notes = ("`batch_size` counts the samples of all processes together",)
        raise Failure("NNC0931", span, message, notes=notes)


def shares(
    split: Split,
    order: torch.Tensor,
    batch_size: int,
    device: torch.device,
    world: World,
    *,
    seed: int = 0,
    epoch: int = 0,
    start: int = 0,
) -> Iterator[Batch]:
    """This process's part of each batch, from batch number `start` on; a `StandIn` where it has none. The arguments are those
    of `Split.batches`."""
    if world.size == 1:
        yield from split.batches(order, batch_size, device, seed=seed, epoch=epoch, start=start)
        return
    whole = torch.split(order, batch_size)
    parts = [batch.tensor_split(world.size)[world.rank] for batch in whole]
    size = len(parts[0])
    empty = not len(parts[-1])  # of the last batch alone, since every other one is full
    if empty:
        parts[-1] = whole[-1][:1].repeat(min(size, 2))  # two, for one is too few to normalize
    batches = split.batches(torch.cat(parts), size, device, seed=seed, epoch=epoch, start=start)
    for number, batch in enumerate(batches, start):
        part = StandIn(batch) if empty and number == len(parts) - 1 else Part(batch)
        part.whole = len(whole[number])
        yield part
