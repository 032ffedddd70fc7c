"""Plays a tape forward and back, and counts what is in memory at every moment.

A tensor is there while a variable or a step that keeps it refers to its storage. A gradient is there from the step that
makes it until the step that it goes into has run; where several meet, the first takes up the others, unless something else
still needs it. A parameter's gradient stays until the end, or goes where `Layout` says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from nnc.compiler.plan.tape import Block, Drop, Kernel, Storage, Take, Tape, Tensor, Uncast

__all__ = ["Layout", "Moment", "Played", "play"]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where parameters and their gradients lie.

    whole     each process has all; gradients come into being in the backward pass
    buckets   the same, but gradients have their place before it: DistributedDataParallel's, or those of earlier batches
    shards    FSDP2: each process has one part in `devices`; a block's parameters are gathered before it runs, and its
              gradients are scattered after its backward pass. What is in no block stays gathered.

    `reduce_bytes` is the size of a number in what is sent, `own_bytes` that of a gradient at rest. `reshard`: whether a block's
    parameters go after its forward pass. `earlier`: whether gradients of earlier batches wait, unsharded.
    """

    kind: Literal["whole", "buckets", "shards"] = "whole"
    devices: int = 1
    reduce_bytes: int = 4
    own_bytes: int = 4
    reshard: bool = True
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """What is in memory besides what is resident, in bytes, and when: of `total`, parameters' `gradients`, and parameters
    `gathered` from other processes with the buffers for that; the rest are activations and their gradients."""

    total: int
    gradients: int
    gathered: int
    where: str

    @property
    def activations(self) -> int:
        return self.total - self.gradients - self.gathered


@dataclass(frozen=True, slots=True)
class Played:
    """The fullest `peak`, the bytes `kept` when the backward pass begins, of which `blocks` says each block's part, the bytes
    of all `gradients` in the end, and the multiply-adds of the forward pass (`blocks_macs` by block), and of blocks that ran
    twice."""

    peak: Moment
    kept: int
    blocks: Mapping[str, int]
    gradients: int
    macs: int
    blocks_macs: Mapping[str, int]
    recomputed: int


@dataclass
class _Meter:
    """What is in memory now, and the most so far."""

    now: int = 0
    gradients: int = 0
    gathered: int = 0
    phase: str = "forward"
    peak: Moment = field(default_factory=lambda: Moment(0, 0, 0, ""))
    references: dict[Storage, int] = field(default_factory=dict)

    def hold(self, storage: Storage) -> None:
        count = self.references.get(storage, 0)
        self.references[storage] = count + 1
        if not count and not storage.resident:
            self.now += storage.bytes

    def release(self, storage: Storage) -> None:
        count = self.references.get(storage, 0) - 1
        if count > 0:
            self.references[storage] = count
        elif self.references.pop(storage, None) is not None and not storage.resident:
            self.now -= storage.bytes

    def look(self, where: str, further: int = 0, *, gathering: bool = False) -> None:
        """Notes this moment, at which `further` bytes are there besides."""
        if self.now + further > self.peak.total:
            gathered = self.gathered + (further if gathering else 0)
            self.peak = Moment(self.now + further, self.gradients, gathered, f"{self.phase} of {where}")

    def gradient(self, count: int) -> None:
        """So many bytes more, or fewer, that are the gradients of parameters."""
        self.now += count
        self.gradients += count

    def gather(self, count: int) -> None:
        self.now += count
        self.gathered += count


class _Player:
    def __init__(self, tape: Tape, layout: Layout) -> None:
        self.tape, self.layout = tape, layout
        self.meter = _Meter()
        self.gradients: dict[int, Tensor] = {}  # of a tensor, by its identity
        self.arrived: dict[str, int] = {}  # bytes of the gradient of a parameter
        self.buffer = 0  # bytes in which gathered parameters came, or come
        self.sent = 0  # bytes of gradients that are being sent
        self.learning = {n: t for n, t in tape.parameters.items() if t.learns}
        inside = {n for b in tape.blocks for n in b.parameters}
        self.outside = tuple(n for n in tape.parameters if n not in inside)

    # -- forward -------------------------------------------------------------------------------------------------------

    def forward(self, start: int, end: int, *, keeping: bool) -> int:
        """Runs events; returns the multiply-adds."""
        macs, meter = 0, self.meter
        for event in self.tape.events[start:end]:
            if isinstance(event, Kernel):
                macs += event.macs
                for tensor in event.outputs:
                    meter.hold(tensor.storage)
                for storage in event.keeps if keeping else ():
                    meter.hold(storage)
                meter.look(event.path, event.scratch)
            elif isinstance(event, Drop):
                meter.release(event.storage)
            elif isinstance(event, Take):
                meter.hold(event.storage)
            elif isinstance(event, Uncast):
                for storage in event.storages:
                    meter.release(storage)
        return macs

    def again(self, block: Block) -> int:
        """The forward pass of a block once more; copies of weights that autocast made for it go with the backward pass."""
        macs = self.forward(block.start, block.end, keeping=True)
        for event in self.tape.events[block.start : block.end]:
            if isinstance(event, Kernel) and event.op == "to" and any(t.parameter for t in event.inputs):
                for tensor in event.outputs:
                    self.meter.release(tensor.storage)
        return macs

    # -- backward ------------------------------------------------------------------------------------------------------

    def backward(self, start: int, end: int) -> None:
        for event in reversed(self.tape.events[start:end]):
            if isinstance(event, Kernel):
                self.kernel(event)

    def kernel(self, kernel: Kernel) -> None:
        meter = self.meter
        given = [g for g in (self.gradients.pop(id(t), None) for t in kernel.outputs) if g is not None]
        made = []
        if given:
            made = [self.gradient(t, given[0] if k in kernel.hands_on else None) for k, t in enumerate(kernel.inputs)]
            meter.look(kernel.path, kernel.back_scratch)
        for gradient in given:
            meter.release(gradient.storage)
        for storage in kernel.keeps:
            meter.release(storage)
        if made:
            for tensor, gradient in zip(kernel.inputs, made, strict=True):
                self.arrive(tensor, gradient, kernel.path)

    def gradient(self, tensor: Tensor, handed: Tensor | None) -> Tensor:
        """A new tensor, or the gradient of the result itself."""
        storage = handed.storage if handed is not None else Storage(tensor.bytes)
        self.meter.hold(storage)
        return Tensor(tensor.shape, tensor.strides, tensor.dtype, storage)

    def arrive(self, tensor: Tensor, gradient: Tensor, where: str) -> None:
        meter = self.meter
        if tensor.parameter:
            self.parameter(tensor, gradient, where)
            return
        before = self.gradients.get(id(tensor))
        if before is None:
            self.gradients[id(tensor)] = gradient
            return
        if meter.references[before.storage] > 1:  # something else needs the one that is there
            total = Tensor(tensor.shape, tensor.strides, tensor.dtype, Storage(tensor.bytes))
            meter.hold(total.storage)
            meter.look(where)
            meter.release(before.storage)
            self.gradients[id(tensor)] = total
        meter.release(gradient.storage)

    def parameter(self, tensor: Tensor, gradient: Tensor, where: str) -> None:
        """The gradient of a parameter lies in its place. Used more than once, the sum is a further tensor for a moment."""
        meter, name = self.meter, tensor.parameter
        self.meter.release(gradient.storage)
        if self.layout.kind == "buckets" or self.layout.earlier:
            meter.look(where, tensor.bytes)
        elif name in self.arrived:
            meter.look(where, 2 * tensor.bytes)
        else:
            self.arrived[name] = tensor.bytes
            meter.gradient(tensor.bytes)
            meter.look(where)

    # -- sharding ------------------------------------------------------------------------------------------------------

    def size_of(self, names: Sequence[str]) -> int:
        return sum(self.tape.parameters[n].bytes for n in names)

    def gather(self, names: Sequence[str], where: str) -> None:
        """Forward: all processes' parts of some parameters come in one buffer and are copied to where they belong. The buffer
        is there until that of the next block is, so that one may come while the other is computed."""
        meter, size = self.meter, self.size_of(names)
        meter.gather(size)
        meter.look(where)
        meter.gather(-self.buffer)
        self.buffer = size
        meter.gather(size)
        meter.look(where)

    def gather_back(self, names: Sequence[str], next_names: Sequence[str], where: str) -> None:
        """Backward: the buffer came while the block before was computed, and now the next one's comes."""
        meter, size = self.meter, self.size_of(names)
        meter.gather(size - self.buffer)
        self.buffer = size
        meter.gather(size)
        meter.look(where)
        meter.gather(-size)
        self.buffer = self.size_of(next_names)
        meter.gather(self.buffer)
        meter.look(where)

    def forget(self, names: Sequence[str]) -> None:
        self.meter.gather(-self.size_of(names))

    def scatter(self, names: Sequence[str], where: str) -> None:
        """The gradients of some parameters are summed over the processes, and each keeps its part. What is sent stays until the
        next block sends."""
        layout, meter = self.layout, self.meter
        there = [n for n in names if n in self.arrived]
        numbers = sum(self.tape.parameters[n].words for n in there)
        meter.gather(numbers * layout.reduce_bytes - self.sent)
        self.sent = numbers * layout.reduce_bytes
        meter.look(where)
        meter.gradient(-sum(self.arrived.pop(n) for n in there))
        meter.gradient(-(-numbers // layout.devices) * layout.own_bytes)
        meter.look(where)

    def whole_gradients(self) -> int:
        return sum(t.bytes for t in self.learning.values())


def play(tape: Tape, ends: Sequence[Tensor], recomputed: Collection[str] = (), layout: Layout | None = None) -> Played:
    """One step of training, from the batch to the gradients. `recomputed` are the paths of blocks that keep only what goes
    into them, and run again before their backward pass. `ends` are what the gradients start from: the loss."""
    layout = layout or Layout()
    player = _Player(tape, layout)
    meter = player.meter
    sharded = layout.kind == "shards"
    if layout.kind == "buckets" or layout.earlier:
        meter.gradient(player.whole_gradients())
    if sharded:
        player.gather(player.outside, "the network")
    starts = {b.start: b for b in tape.blocks}
    marks = sorted({0, len(tape.events), *(b.start for b in tape.blocks), *(b.end for b in tape.blocks)})
    pieces = [(start, end, starts.get(start)) for start, end in pairwise(marks)]
    shares, costs, total = dict[str, int](), dict[str, int](), 0
    for start, end, block in pieces:
        if block is None:
            total += player.forward(start, end, keeping=True)
            continue
        if sharded:
            player.gather(block.parameters, block.path)
        held = meter.now
        again = block.path in recomputed
        for tensor in block.inputs if again else ():
            meter.hold(tensor.storage)
        costs[block.path] = player.forward(start, end, keeping=not again)
        shares[block.path] = meter.now - held
        total += costs[block.path]
        if sharded and layout.reshard:
            player.forget(block.parameters)
    kept = meter.now - meter.gradients - meter.gathered
    meter.phase = "backward"
    for tensor in ends:
        if tensor.learns:
            player.gradients[id(tensor)] = player.gradient(tensor, None)
            meter.look("the loss")
        meter.release(tensor.storage)
    extra = 0
    before = [b for _, _, b in pieces if b is not None]
    following = {b.path: a.parameters for a, b in pairwise(before)}  # in the backward pass the one before comes next
    for start, end, block in reversed(pieces):
        if block is None:
            player.backward(start, end)
            continue
        if sharded and layout.reshard:
            player.gather_back(block.parameters, following.get(block.path, ()), block.path)
        if block.path in recomputed:
            extra += player.again(block)
            for tensor in block.outputs:
                meter.release(tensor.storage)
        player.backward(start, end)
        for tensor in block.inputs if block.path in recomputed else ():
            meter.release(tensor.storage)
        if sharded:
            player.forget(block.parameters)
            player.scatter(block.parameters, block.path)
    if sharded:
        player.scatter([*player.arrived], "the network")
        player.forget(player.outside)
    return Played(meter.peak, kept, shares, meter.gradients, total, costs, extra)
