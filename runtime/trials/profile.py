"""Where the time of a training step goes, by layer of the spec: seconds, memory kept for the backward pass, and FLOPs.

Times are between marks. A module's own forward time is what passes while it is the innermost one, so functions that a block
calls count as the block's. Backward passes run from a layer's last operation to the layer before it; what a block computes
between two layers counts with the later one.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nnc.runtime.data import Batch
from nnc.runtime.saving.files import writing
from nnc.runtime.training.memory import span_of
from nnc.runtime.trials.trial import Trial, synchronize

__all__ = ["LayerRow", "Profile", "profile"]

WARM, MEASURED, TRACED = 2, 5, 2  # steps


@dataclass(frozen=True)
class LayerRow:
    """One module, "" the network itself, at a line of the spec: seconds in forward and backward pass, bytes of activations
    that it keeps, floating-point operations of both passes."""

    path: str
    type: str
    line: int | None
    forward: float
    backward: float
    kept: int
    flops: int

    @property
    def seconds(self) -> float:
        return self.forward + self.backward


@dataclass(frozen=True)
class Profile:
    """`rows` in the order of the network. `step` are the seconds of a whole step; what is neither in `rows` nor in
    `optimizer` is the loss, the data, and the loop itself. `trace` is the file for chrome://tracing or Perfetto."""

    rows: tuple[LayerRow, ...]
    step: float
    optimizer: float
    data: float
    trace: Path | None


def profile(trial: Trial, trace: Path | None = None) -> Profile:
    """Takes some steps in eager mode, whatever `speed:` says of compilation, and writes the trace of two more. Raises
    `Failure`."""
    loop, model = trial.loop, trial.loop.model
    choices = loop.training.speed.choices
    loop.training.speed.choices = replace(choices, compile=None, cuda_graphs=False)
    steps = trial.steps()
    for _ in range(WARM):
        loop.take_step(next(steps))
    whole, data = _whole(trial, steps)
    marks = [_marked(trial, next(steps)) for _ in range(MEASURED)]
    optimizer = statistics.median(_optimizer(trial, next(steps)) for _ in range(MEASURED))
    kept = _kept(trial, next(steps))
    flops = _flops(trial, next(steps))
    if trace is not None:
        _trace(trial, steps, trace)
    rows = []
    for path, module in model.named_modules():
        forward, backward = (statistics.median(m[way].get(path, 0.0) for m in marks) for way in (0, 1))
        if forward or backward or kept.get(path) or flops.get(path):
            line = span.line if (span := span_of(path, model)) else None
            kind = type(module).__name__
            rows.append(LayerRow(path, kind, line, forward, backward, kept.get(path, 0), flops.get(path, 0)))
    return Profile(tuple(rows), whole, optimizer, data, trace)


def _whole(trial: Trial, steps: Iterator[list[Batch]]) -> tuple[float, float]:
    """Seconds of a step and of its data, unwatched: medians."""
    taken, read = [], []
    for _ in range(MEASURED):
        began = time.perf_counter()
        group = next(steps)
        synchronize(trial.device)
        read.append(time.perf_counter() - began)
        trial.loop.take_step(group)
        synchronize(trial.device)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken), statistics.median(read)


def _optimizer(trial: Trial, group: list[Batch]) -> float:
    """Seconds that the optimizer takes in a step."""
    optimizer: Any = trial.loop.training.updater.optimizer
    genuine, taken = optimizer.step, [0.0]

    def timed(*args: Any, **kwargs: Any) -> Any:
        synchronize(trial.device)
        began = time.perf_counter()
        try:
            return genuine(*args, **kwargs)
        finally:
            synchronize(trial.device)
            taken[0] += time.perf_counter() - began

    optimizer.step = timed
    try:
        trial.loop.take_step(group)
    finally:
        del optimizer.step
    return taken[0]


class _Clock:
    """Moments on the device's own clock: on a GPU events between its operations, for which nothing waits."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.moments: list[Any] = []

    def mark(self) -> int:
        """The number of this moment."""
        if self.device.type == "cuda":
            event: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            self.moments.append(event)
        else:
            synchronize(self.device)
            self.moments.append(time.perf_counter())
        return len(self.moments) - 1

    def between(self, first: int, second: int) -> float:
        """Seconds, once the device has come that far."""
        one, other = self.moments[first], self.moments[second]
        return float(other - one) if isinstance(one, float) else float(one.elapsed_time(other)) / 1e3


def _marked(trial: Trial, group: list[Batch]) -> tuple[dict[str, float], dict[str, float]]:
    """One step's seconds by module, forward and backward."""
    clock = _Clock(trial.device)
    spent: tuple[dict[str, float], dict[str, float]] = (defaultdict(float), defaultdict(float))
    pieces: list[tuple[int, str, int, int]] = []  # way, path, from, to
    open_at: list[int] = []
    stack: list[str] = []
    last_backward: list[tuple[str, int]] = []

    def enter(path: str) -> None:
        now = clock.mark()
        if stack:
            pieces.append((0, stack[-1], open_at[-1], now))
        stack.append(path)
        open_at.append(clock.mark())

    def leave(path: str) -> None:
        pieces.append((0, stack.pop(), open_at.pop(), clock.mark()))
        if open_at:
            open_at[-1] = clock.mark()

    def begin_backward(path: str) -> None:
        now = clock.mark()
        if last_backward:
            before, at = last_backward[-1]
            pieces.append((1, before, at, now))
        last_backward.append((path, clock.mark()))

    backward: Any = torch.Tensor.backward

    def until_its_end(self: torch.Tensor, *args: Any, **kwargs: Any) -> None:
        last_backward.clear()
        backward(self, *args, **kwargs)
        if last_backward:
            before, at = last_backward[-1]
            pieces.append((1, before, at, clock.mark()))

    with _watching(trial.loop.model, enter, leave, begin_backward):
        torch.Tensor.backward = until_its_end  # type: ignore[method-assign]
        try:
            trial.loop.take_step(group)
        finally:
            torch.Tensor.backward = backward  # type: ignore[method-assign]
    synchronize(trial.device)
    for way, path, first, second in pieces:
        spent[way][path] += clock.between(first, second)
    return spent


def _kept(trial: Trial, group: list[Batch]) -> dict[str, int]:
    """Bytes that the backward pass needs, by the module that keeps them; what several keep counts for the first. Parameters
    are there anyway."""
    kept: dict[str, int] = defaultdict(int)
    stack: list[str] = [""]
    known = {p.untyped_storage().data_ptr() for p in trial.loop.model.parameters()}
    known |= {b.untyped_storage().data_ptr() for b in trial.loop.model.buffers()}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            known.add(storage.data_ptr())
            kept[stack[-1]] += storage.nbytes()
        return tensor

    with (
        _watching(trial.loop.model, stack.append, lambda path: stack.remove(path), lambda path: None),
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
    ):
        trial.loop.take_step(group)
    return kept


def _flops(trial: Trial, group: list[Batch]) -> dict[str, int]:
    """Floating-point operations of a step by module, those inside it left out."""
    model = trial.loop.model
    with FlopCounterMode(display=False) as counter:
        trial.loop.take_step(group)
    total: dict[str, int] = {}
    root = type(model).__name__
    for name, counts in counter.get_flop_counts().items():
        if name == root or name.startswith(f"{root}."):
            total[name[len(root) + 1 :]] = sum(counts.values())
    own = dict(total)
    for path in total:
        if path:
            parent = path.rpartition(".")[0]
            while parent and parent not in total:
                parent = parent.rpartition(".")[0]
            if parent in own:
                own[parent] -= total[path]
    return {path: count for path, count in own.items() if count > 0}


def _trace(trial: Trial, steps: Iterator[list[Batch]], file: Path) -> None:
    """torch.profiler's trace of some steps, with every module by its path."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if trial.device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    regions: list[Any] = []

    def enter(path: str) -> None:
        regions.append(torch.profiler.record_function(path or "network"))
        regions[-1].__enter__()

    def leave(path: str) -> None:
        regions.pop().__exit__(None, None, None)

    with (
        torch.profiler.profile(activities=activities, profile_memory=True) as profiler,
        _watching(trial.loop.model, enter, leave, lambda path: None),
    ):
        for _ in range(TRACED):
            with torch.profiler.record_function("step"):
                trial.loop.take_step(next(steps))
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        profiler.export_chrome_trace(str(file))


@contextmanager
def _watching(
    model: nn.Module, enter: Callable[[str], Any], leave: Callable[[str], Any], backward: Callable[[str], Any]
) -> Iterator[None]:
    """Within it, modules tell when their forward pass begins and ends, and layers without layers inside when their backward
    pass begins."""
    hooks: list[Any] = []
    for path, module in model.named_modules():
        leaf = next(module.children(), None) is None
        hooks += [
            module.register_forward_pre_hook(_before(path, enter)),
            module.register_forward_hook(_after(path, leave, backward if leaf else None), always_call=True),
        ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _before(path: str, enter: Callable[[str], Any]) -> Callable[..., None]:
    def before(module: nn.Module, inputs: Any) -> None:
        enter(path)

    return before


def _after(path: str, leave: Callable[[str], Any], backward: Callable[[str], Any] | None) -> Callable[..., None]:
    def after(module: nn.Module, inputs: Any, outputs: Any) -> None:
        leave(path)
        if backward is not None:
            _hook(outputs, lambda gradients: backward(path))

    return after


def _hook(outputs: Any, told: Callable[[Sequence[Any]], None]) -> None:
    """`told` is called before the operation runs backward that made the (first) output."""
    first = outputs[0] if isinstance(outputs, tuple) and outputs else outputs
    if isinstance(first, torch.Tensor) and first.grad_fn is not None:
        first.grad_fn.register_prehook(told)
