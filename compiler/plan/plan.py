"""The plan: how much memory each GPU needs to train a network, how large a batch fits, what is sent, what to compute anew.

    asked = Asked(gpus=64, memory=80 * 10**9, batch_size=4096, parallel=ParallelConfig("fsdp"))
    plan = make_plan(graph, {"H": 224, "W": 224}, asked)

Everything is counted as torch allocates it, tensor by tensor. What is not: the CUDA context, libraries' workspaces and
the allocator's gaps, for which `reserve` is kept free.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from math import ceil
from typing import Any, Literal

from nnc.compiler.graph.blocks import blocks_of
from nnc.compiler.graph.ir import Graph
from nnc.compiler.plan.losses import record_losses
from nnc.compiler.plan.optimizers import FUSED, scratch_of, state_of
from nnc.compiler.plan.peak import Layout, Played, play
from nnc.compiler.plan.record import Recorded, record
from nnc.compiler.plan.tape import Tensor
from nnc.compiler.plan.traffic import Traffic, traffic_of
from nnc.compiler.training.config import TrainConfig
from nnc.compiler.training.config.parallel import ParallelConfig
from nnc.compiler.types.dim import Dim
from nnc.compiler.types.dtype import DType

__all__ = ["Asked", "Memory", "Plan", "batch_symbol", "make_plan"]

LOW: Mapping[str, DType] = {"bf16": DType.bfloat16, "fp16": DType.float16}
LARGEST_BATCH = 1 << 24  # samples on one GPU: beyond that nobody asks


@dataclass(frozen=True)
class Asked:
    """What training is planned for. `memory` in bytes, None where only the need is asked for; `reserve` is the part of it
    that stays free; `batch_size` counts the samples of a step on all GPUs, as in `train:`. `optimizer` is a call of
    torch.optim's, `device` whose kernels are meant."""

    gpus: int = 1
    memory: int | None = None
    reserve: float = 0.06
    batch_size: int | None = None
    parallel: ParallelConfig = field(default_factory=ParallelConfig)
    precision: str = "float32"
    optimizer: str = "AdamW"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    implementation: str | None = None
    averages: int = 0
    accumulate: int = 1
    recomputed: Collection[str] = ()
    config: TrainConfig | None = None
    device: Literal["cpu", "cuda"] = "cuda"

    @property
    def sharded(self) -> bool:
        return self.parallel.kind == "fsdp" and self.gpus > 1

    @property
    def gathered(self) -> str | None:
        """FSDP: the number format in which parameters are gathered and used, where it is not their own."""
        return self.parallel.param_dtype or ("bf16" if self.precision == "bf16" else None)

    @property
    def usable(self) -> int | None:
        return None if self.memory is None else int(self.memory * (1 - self.reserve))


@dataclass(frozen=True)
class Memory:
    """Bytes on each GPU at the fullest moment, by what they are for; `where` says when that is."""

    parameters: int
    buffers: int
    optimizer: int
    averages: int
    batch: int
    gradients: int
    gathered: int
    activations: int
    step: int
    where: str

    @property
    def parts(self) -> dict[str, int]:
        """What the bytes are for, by name, in the order of a table."""
        return {k: v for k, v in asdict(self).items() if isinstance(v, int)}

    @property
    def total(self) -> int:
        return sum(self.parts.values())


@dataclass(frozen=True)
class Choice:
    """Blocks to compute anew in the backward pass: with them the batch fits, at the cost of so many multiply-adds more, as a
    part of a step's."""

    blocks: tuple[str, ...]
    memory: Memory
    cost: float


@dataclass(frozen=True)
class Plan:
    """`units` are the parts that FSDP gathers one at a time. `local` samples are on each GPU at a time. `largest` is the
    greatest batch on all GPUs that fits, and `largest_recomputed` where every block is computed anew; None where it was not
    asked for, or cannot be changed. `choice` is what to compute anew for the batch asked for, None where that is not needed or
    does not help."""

    asked: Asked
    local: int | None
    memory: Memory
    kept: int
    parameters: int
    trainable: int
    macs: int
    traffic: Traffic
    blocks: tuple[str, ...]
    units: int
    fits: bool | None
    largest: int | None = None
    largest_recomputed: int | None = None
    choice: Choice | None = None


def batch_symbol(graph: Graph) -> str | None:
    """The free dimension that is the number of samples: the first one of every input; None where there is no such one."""
    firsts = [v.type.shape[0] if v.type.shape else None for v in graph.inputs]
    first = firsts[0] if firsts else None
    if not isinstance(first, Dim) or first.symbol is None or any(f != first for f in firsts):
        return None
    return first.symbol.name


def make_plan(graph: Graph, sizes: Mapping[str, int], asked: Asked) -> Plan:
    """The plan for sizes of the inputs' free dimensions but the batch. Without a batch size, it is for the largest batch that
    fits, or for one sample where nothing is said about memory. Raises `UnknownSize`."""
    trial = _Trial(graph, sizes, asked)
    symbol = trial.symbol
    everything = frozenset(b for b in trial.blocks)
    largest = recomputed = None
    if symbol is not None and asked.usable is not None:
        largest = trial.largest(asked.recomputed)
        recomputed = trial.largest(everything) if everything else None
    local = None
    if symbol is not None:
        wanted = asked.batch_size if asked.batch_size is not None else (largest or recomputed or asked.gpus)
        local = max(ceil(wanted / asked.gpus), 1)
    chosen = asked.recomputed
    memory, played, recorded = trial.run(local, chosen)
    fits = None if asked.usable is None else memory.total <= asked.usable
    choice = trial.choose(local) if fits is False and everything and not asked.recomputed else None
    named = {t.parameter: t for t in recorded.tape.parameters.values()}
    return Plan(
        asked, local, memory, played.kept,
        parameters=sum(t.numel for t in named.values()),
        trainable=sum(t.numel for t in named.values() if t.learns),
        macs=played.macs,
        traffic=traffic_of(recorded, asked.parallel, asked.gpus, asked.accumulate, gathered=asked.gathered),
        blocks=tuple(trial.blocks), units=len(recorded.tape.blocks) + 1,
        fits=fits, largest=largest, largest_recomputed=recomputed, choice=choice,
    )  # fmt: skip


class _Trial:
    """Plays steps of several sizes."""

    def __init__(self, graph: Graph, sizes: Mapping[str, int], asked: Asked) -> None:
        self.graph, self.sizes, self.asked = graph, sizes, asked
        symbol = batch_symbol(graph)
        self.symbol = None if symbol is None or symbol in sizes else symbol
        self.blocks = [b.path for b in blocks_of(graph) if b.repeated]
        self._recorded: dict[int | None, tuple[Recorded, list[Tensor], int]] = {}

    @property
    def sharded(self) -> bool:
        return self.asked.sharded

    def recorded(self, local: int | None) -> tuple[Recorded, list[Tensor], int]:
        """The tape for so many samples, its losses, and the bytes of the batch."""
        if local not in self._recorded:
            self._recorded.clear()
            asked = self.asked
            held = LOW.get(asked.gathered or "") if self.sharded else None
            autocast = LOW.get(asked.precision)
            sizes = {**self.sizes, self.symbol: local} if self.symbol is not None and local is not None else self.sizes
            made = record(
                self.graph, sizes, device=asked.device, low=autocast or held, cast_once=autocast is None, held=held
            )
            ends, targets = record_losses(made.tape, asked.config.loss if asked.config else None, made.outputs)
            made.tape.finish()
            self._recorded[local] = (made, ends, made.batch + targets)
        return self._recorded[local]

    def run(self, local: int | None, recomputed: Collection[str]) -> tuple[Memory, Played, Recorded]:
        made, ends, batch = self.recorded(local)
        played = play(made.tape, ends, recomputed, self.layout)
        return self.memory(made, played, batch), played, made

    @cached_property
    def layout(self) -> Layout:
        asked = self.asked
        if self.sharded:
            return Layout(
                "shards", asked.gpus, 2 if asked.parallel.reduce_dtype in LOW else 4, 4,
                reshard=asked.parallel.reshard_after_forward is not False, earlier=asked.accumulate > 1,
            )  # fmt: skip
        return Layout("buckets" if asked.gpus > 1 or asked.accumulate > 1 else "whole")

    def memory(self, made: Recorded, played: Played, batch: int) -> Memory:
        """The fullest moment: within forward and backward, or in the optimizer's step."""
        asked = self.asked
        named = {t.parameter: t for t in made.tape.parameters.values()}
        parts = asked.gpus if self.sharded else 1
        own = sum(_part(t, parts) for t in named.values()) * 4
        shapes = [(_part(t, parts),) if self.sharded else _in_words(t) for t in named.values() if t.learns]
        state = 4 * state_of(asked.optimizer, asked.arguments, shapes)
        where = asked.implementation or ("fused" if asked.device == "cuda" and asked.optimizer in FUSED else
                                         "foreach" if asked.device == "cuda" else "loop")  # fmt: skip
        scratch = 4 * scratch_of(asked.optimizer, asked.arguments, shapes, where)
        offloaded = self.sharded and asked.parallel.cpu_offload
        base = Memory(
            0 if offloaded else own, made.buffers, 0 if offloaded else state, asked.averages * (own + made.buffers), batch,
            0, 0, 0, 0, "",
        )  # fmt: skip
        gradients = sum(4 * _part(t, parts) for t in named.values() if t.learns)
        peak = played.peak
        if gradients + scratch > peak.total:
            return replace(base, gradients=gradients, step=scratch, where="the optimizer's step")
        return replace(
            base, gradients=peak.gradients, gathered=peak.gathered, activations=peak.activations, where=peak.where
        )

    # -- what fits -----------------------------------------------------------------------------------------------------

    def largest(self, recomputed: Collection[str]) -> int | None:
        """The greatest batch on all GPUs that fits; None where not one sample does."""
        usable = self.asked.usable
        assert usable is not None
        local = _last(lambda n: self.run(n, recomputed)[0].total <= usable, LARGEST_BATCH)
        return local * self.asked.gpus if local else None

    def choose(self, local: int | None) -> Choice | None:
        """The fewest blocks, those first that keep most for what they cost."""
        usable = self.asked.usable
        assert usable is not None
        _, played, _ = self.run(local, ())
        order = sorted(self.blocks, key=lambda b: -played.blocks.get(b, 0) / max(played.blocks_macs.get(b, 0), 1))

        def fits(count: int) -> bool:
            return self.run(local, frozenset(order[:count]))[0].total <= usable

        least = _last(lambda n: not fits(n), len(order)) + 1
        if least > len(order) or not fits(least):
            return None
        chosen = frozenset(order[:least])
        memory, again, _ = self.run(local, chosen)
        return Choice(tuple(b for b in self.blocks if b in chosen), memory, again.recomputed / max(3 * again.macs, 1))


def _part(tensor: Tensor, parts: int) -> int:
    """Words of one process's part: `fully_shard` divides the first dimension, rounded up."""
    if parts == 1 or not tensor.shape:
        return tensor.words
    return ceil(tensor.shape[0] / parts) * (tensor.words // max(tensor.shape[0], 1))


def _in_words(tensor: Tensor) -> tuple[int, ...]:
    """The shape as an optimizer has it, which takes a complex number for two."""
    return tensor.shape if tensor.dtype is DType.float32 else (*tensor.shape, max(tensor.dtype.itemsize // 4, 1))


def _last(holds: Callable[[int], bool], limit: int) -> int:
    """The greatest number up to `limit` for which it holds, if it holds below; 0 where it does not for 1."""
    if limit < 1 or not holds(1):
        return 0
    low, high = 1, 2
    while high <= limit and holds(high):
        low, high = high, high * 2
    high = min(high, limit + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def described(blocks: Sequence[str]) -> str:
    """`layer3.0 … layer4.2 (9)`."""
    return blocks[0] if len(blocks) == 1 else f"{blocks[0]} … {blocks[-1]} ({len(blocks)})" if blocks else "none"
