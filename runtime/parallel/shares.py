"""Which samples are whose: every process takes its part of every batch, in the order of the batch.

`batch_size` counts the samples of all processes, and the order of an epoch is the one of a single process, so the steps are
the same on one process and on many: no sample is repeated, none is left out.

    batch of 10 on 4 processes      0 1 2 | 3 4 5 | 6 7 | 8 9
    the last one, of 3              0     | 1     | 2   | -     the fourth has a stand-in, which counts for nothing
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import torch

from nnc.compiler.diagnostics import Span
from nnc.runtime.data import Batch, Split
from nnc.runtime.data.broken import Broken, CountedBatch
from nnc.runtime.failure import Failure
from nnc.runtime.parallel.world import World

__all__ = ["StandIn", "changed", "check_shares", "part_size", "samples_of", "share_sizes", "shares", "whole_of"]


class Part(CountedBatch):
    """A process's part of a batch that has `whole` samples. `dropped` are those that the batch lacks, in any process."""

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


def changed(batch: Batch, tensors: Batch) -> Batch:
    """The same batch with other tensors in the place of some."""
    if not isinstance(batch, Part):
        return {**batch, **tensors}
    part = type(batch)({**batch, **tensors}, batch.dropped)
    part.whole = batch.whole
    return part


def part_size(batch_size: int, world: World) -> int:
    """How many samples of a full batch this process has."""
    return batch_size // world.size + (world.rank < batch_size % world.size)


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
    """This process's part of each batch, from batch number `start` on; a `StandIn` where it has none, and an empty one where
    no process has any. The arguments are those of `Split.batches`. Where samples may turn out to be unreadable and are left
    out, the processes tell each other how many they have. Raises `Failure`."""
    if world.size == 1:
        yield from split.batches(order, batch_size, device, seed=seed, epoch=epoch, start=start)
        return
    whole = torch.split(order, batch_size)
    parts = [batch.tensor_split(world.size)[world.rank] for batch in whole]
    size = part_size(batch_size, world)
    empty = not len(parts[-1])  # of the last batch alone, since every other one is full
    if empty:
        parts[-1] = whole[-1][:1].repeat(min(size, 2))  # two, for one is too few to normalize
    batches = split.batches(torch.cat(parts), size, device, seed=seed, epoch=epoch, start=start)
    spare: Batch = {}
    for number, batch in enumerate(batches if start < len(whole) else (), start):
        dropped = batch.dropped if isinstance(batch, CountedBatch) else ()
        stands_in = empty and number == len(parts) - 1
        part = StandIn(dict(batch), dropped) if stands_in else Part(dict(batch), dropped)
        part.whole = len(whole[number])
        yield part if split.certain else _settled(part, spare, device, world)
        spare = {name: tensor[:2] for name, tensor in batch.items()} or spare


def _settled(part: Part, spare: Batch, device: torch.device, world: World) -> Part:
    """The part of a batch of which all know by now what can be read. `spare` are samples to stand in for none; a process that
    has not seen any gets another's."""
    count = 0 if isinstance(part, StandIn) else len(next(iter(part.values()), ()))
    lacking = [] if isinstance(part, StandIn) else [[b.name, b.message] for b in part.dropped]
    told: list[Any] = [json.loads(t) for t in world.texts(json.dumps([count, lacking, not part and not spare]))]
    whole = sum(found for found, _, _ in told)
    dropped = tuple(Broken(name, message) for _, names, _ in told for name, message in names)
    if whole and any(wants for _, _, wants in told):
        giver = next(rank for rank, (found, _, _) in enumerate(told) if found)
        given = world.texts(_as_text(part) if world.rank == giver else "")[giver]
        spare = spare or _as_batch(given, device)
    settled = StandIn(dict(spare), dropped) if whole and not part else type(part)(dict(part) if whole else {}, dropped)
    settled.whole = whole
    return settled


def _as_text(batch: Batch) -> str:
    """The first sample of a batch."""
    first = {n: t[:1].cpu().contiguous() for n, t in batch.items()}
    parts = {n: (str(t.dtype).removeprefix("torch."), list(t.shape), _bytes(t).hex()) for n, t in first.items()}
    return json.dumps(parts)


def _bytes(tensor: torch.Tensor) -> bytes:
    return bytes(tensor.reshape(-1).view(torch.uint8).numpy())


def _as_batch(text: str, device: torch.device) -> Batch:
    return {
        name: torch.frombuffer(bytearray.fromhex(data), dtype=getattr(torch, kind)).reshape(shape).to(device)
        for name, (kind, shape, data) in json.loads(text).items()
    }
