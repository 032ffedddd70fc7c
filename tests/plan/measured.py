"""The memory of a training step as it is: every storage that torch makes, while it is there."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nnc.compiler.backends.torch.build import build
from nnc.compiler.graph.ir import Graph
from nnc.compiler.types.dim import evaluate

__all__ = ["Meter", "Step", "allocated", "measure"]


class Meter(TorchDispatchMode):
    """Counts the bytes of all storages that operations return, from when they are made until they are freed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._there: dict[int, int] = {}

    def add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata in self._there:
            return
        self._there[storage._cdata] = storage.nbytes()
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._drop, storage._cdata)

    def _drop(self, key: int) -> None:
        self.now -= self._there.pop(key, 0)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, torch.Tensor):
                self.add(leaf)
        return made


@dataclass
class Step:
    """Training steps of a network on one batch, with a cross-entropy on every output."""

    graph: Graph
    sizes: Mapping[str, int]
    optimizer: Callable[..., torch.optim.Optimizer]
    autocast: torch.dtype | None = None
    recomputed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        self.model = self.wrap(build(self.graph).train())
        self.inputs = [self._input(v.type) for v in self.graph.inputs]
        self.targets: list[torch.Tensor] = []
        self.made = self.optimizer([p for p in self.model.parameters() if p.requires_grad])
        self()
        self()  # some engines make their buffers in the second

    def wrap(self, model: nn.Module) -> nn.Module:
        return model

    def _input(self, type: Any) -> torch.Tensor:
        shape = [evaluate(d, dict(self.sizes)) for d in type.shape]
        dtype = getattr(torch, type.dtype.value)
        return torch.rand(shape) if dtype.is_floating_point else torch.zeros(shape, dtype=dtype)

    def __call__(self) -> None:
        from nnc.runtime.speed.checkpointing import checkpointing

        self.made.zero_grad(set_to_none=True)
        with checkpointing(self.model, self.recomputed):
            with torch.autocast("cpu", self.autocast or torch.bfloat16, enabled=self.autocast is not None):
                loss = self.loss(self.model(*self.inputs))
            loss.backward()  # type: ignore[no-untyped-call]
        self.made.step()

    def loss(self, outputs: Any) -> torch.Tensor:
        learning = list({id(t): t for t in tree_leaves(outputs) if t.requires_grad}.values())
        if not self.targets:
            shapes = [(t.shape[0], *t.shape[2:]) for t in learning]
            self.targets = [torch.zeros(s, dtype=torch.int64) for s in shapes]
        losses = [F.cross_entropy(t, target) for t, target in zip(learning, self.targets, strict=True)]
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    @property
    def resident(self) -> list[torch.Tensor]:
        state = [t for s in self.made.state.values() for t in s.values() if isinstance(t, torch.Tensor)]
        return [*self.model.parameters(), *self.model.buffers(), *self.inputs, *self.targets, *state]


def measure(step: Step) -> int:
    """The most bytes in tensors at once, in a step that is not the first."""
    step.made.zero_grad(set_to_none=True)
    gc.collect()
    meter = Meter()
    for tensor in step.resident:
        meter.add(tensor)
    with meter:
        step()
    return meter.peak


def allocated(step: Step) -> int:
    """The same as the CPU's allocator sees it: with the kernels' workspaces."""
    from torch._C._profiler import _EventType
    from torch.profiler import ProfilerActivity, profile

    step.made.zero_grad(set_to_none=True)
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step()
    found: list[tuple[int, int]] = []
    waiting: list[Any] = [*profiled.profiler.kineto_results.experimental_event_tree()]  # type: ignore[union-attr]
    while waiting:
        event = waiting.pop()
        waiting.extend(event.children)
        if event.tag == _EventType.Allocation:
            found.append((event.start_time_ns, event.extra_fields.alloc_size))
    now = peak = 0
    for _, size in sorted(found, key=lambda f: f[0]):
        now += size
        peak = max(peak, now)
    storages = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in step.resident}
    return peak + sum(storages.values())
