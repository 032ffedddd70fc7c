"""When memory does not suffice: which layer asked for it, with which batch, and what would help."""

from __future__ import annotations

import gc
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from nnc.compiler.backends.torch.build import origin
from nnc.compiler.diagnostics import Span
from nnc.compiler.training.config import TrainConfig
from nnc.runtime.failure import Failure, reason_of

__all__ = ["failure_of", "is_out_of_memory", "layer_of", "span_of"]

REFUSED = re.compile(r"DefaultCPUAllocator: .*?allocate|std::bad_alloc|out of memory", re.IGNORECASE)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is exhausted: a GPU's, or the machine's own."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and REFUSED.search(str(error)) is not None


def failure_of(
    error: BaseException,
    model: nn.Module,
    config: TrainConfig,
    device: torch.device,
    during: str,
    *,
    intact: bool,
    again: Callable[[], object] | None = None,
) -> Failure:
    """Where the error came from a backward pass, which is in no traceback, the step is computed `again`, watched.
    `during` says what was done, such as "step 7"; `intact`: there is a checkpoint."""
    path, when = layer_of(error, model), "forward pass"
    if path is None and again is not None:
        path, when = _watched(model, device, again)
    whose = f"`{path}`" if path else "the network"
    layer = f" in the {when} of {whose}" if path is not None else ""
    message = f"{during} ran out of memory{layer}, with batches of {config.batch_size} on {device}"
    notes = [*(["the last checkpoint is intact"] if intact else []), f"torch says: {reason_of(error)}"]
    return Failure("NNC0850", span_of(path, model) or config.span, message, notes=[*notes, *_advice(config, device)])


def _advice(config: TrainConfig, device: torch.device) -> Iterator[str]:
    if config.batch_size > 1:
        half, steps = config.batch_size // 2, config.accumulate * 2
        yield f"`batch_size: {half}` with `accumulate: {steps}` makes the same steps with half the memory"
        yield "`nnc train --find-batch-size` finds the largest batch that fits"
    if not config.speed.checkpointing:
        yield "`speed: {checkpointing: true}` keeps fewer activations, and computes them again"
    if config.precision in ("float32", "tf32") and device.type == "cuda":
        yield "`precision: bf16` halves most activations"


def layer_of(error: BaseException, model: nn.Module) -> str | None:
    """The innermost module that the error went through, by its path in the network, which is "" itself; None where it met
    none."""
    names = {id(module): name for name, module in model.named_modules()}
    found = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        name = names.get(id(frame.f_locals.get("self")))
        found = found if name is None else name
    return found


def span_of(path: str | None, model: nn.Module) -> Span | None:
    """The entry of the spec that a module comes from; inside torch's own layers, theirs."""
    made = origin(model)
    if made is None or not path:
        return None
    entries = {name: node.span for name, node in made.graph.walk()}
    parts = path.split(".")
    prefixes = (".".join(parts[:i]) for i in range(len(parts), 0, -1))
    return next((entries[p] for p in prefixes if p in entries), None)


def _watched(model: nn.Module, device: torch.device, again: Callable[[], object]) -> tuple[str | None, str]:
    """The layer at which a step fails that is computed again, and in which pass; None where it does not fail again."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    at: list[str] = []
    with _noting(model, at):
        try:
            again()
        except Exception as error:  # whatever it is now: the run has ended
            if (path := layer_of(error, model)) is not None:
                return path, "forward pass"
            return (at[-1], "backward pass") if at else (None, "")
    return None, ""


@contextmanager
def _noting(model: nn.Module, at: list[str]) -> Iterator[None]:
    """Within it, `at` gets the path of each layer without layers inside, as its backward pass begins."""

    def note(path: str) -> Callable[..., None]:
        def after(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor) and output.grad_fn is not None:
                output.grad_fn.register_prehook(lambda gradients: at.append(path))

        return after

    leaves = [(name, m) for name, m in model.named_modules() if next(m.children(), None) is None]
    hooks = [m.register_forward_hook(note(name)) for name, m in leaves]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
